#include "agent/bridge/bridge.h"

#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::bridge {

Bridge::Bridge(BridgeOptions options, const base::Clock* clock)
    : options_(std::move(options)),
      clock_(clock),
      macs_(options_.mac_aging_ms, options_.mac_limit),
      ports_(std::make_shared<pipeline::PortTable>()) {
  pipeline::Rule rule{.priority = 0};
  rule.actions.Append(pipeline::OutputAction{.port = pipeline::kPortNormal});
  (void)pipeline_.Replace({&rule, 1}, {}, clock->Now());  // nothing in it can fail
}

void Bridge::SetPorts(std::vector<pipeline::BridgePort> ports) {
  auto fresh = std::make_shared<const pipeline::PortTable>(std::move(ports));
  std::shared_ptr<const pipeline::PortTable> old;
  {
    absl::MutexLock lock(&mutex_);
    old = std::exchange(ports_, fresh);
  }
  // The kernel gives numbers again: a number with another name is another port.
  for (const pipeline::BridgePort& port : old->ports()) {
    const pipeline::BridgePort* now = fresh->Find(port.port_no);
    if (now == nullptr || now->name != port.name) macs_.ForgetPort(port.port_no);
  }
  BumpGeneration();
}

std::shared_ptr<const pipeline::PortTable> Bridge::ports() const {
  absl::MutexLock lock(&mutex_);
  return ports_;
}

void Bridge::Learn(const translate::Learned& learned, base::MonotonicMs seen) {
  static base::Counter& moves =
      base::Counters::Get("bridge_mac_moves", "Addresses that moved to another port.");
  switch (macs_.Learn(learned.vlan, learned.mac, learned.port_no, seen)) {
    case MacTable::Outcome::kMoved:
      moves.Add();
      return BumpGeneration();
    case MacTable::Outcome::kEvicted:
      // Flows to the address that went still lead to where it was; the next round is soon enough,
      // and a flood of addresses does not become a flood of rounds.
      evicted_.store(true, std::memory_order_relaxed);
      return;
    case MacTable::Outcome::kKnown:
    case MacTable::Outcome::kRefused:
      return;
  }
}

absl::StatusOr<pipeline::Pipeline::Report> Bridge::ChangeRules(
    std::span<const pipeline::RuleChange> rules, std::span<const pipeline::GroupChange> groups) {
  SLUICE_ASSIGN_OR_RETURN(const pipeline::Pipeline::Report report,
                          pipeline_.Apply(rules, groups, clock_->Now()));
  OnRulesChanged(report);
  return report;
}

absl::StatusOr<pipeline::Pipeline::Report> Bridge::ReplaceRules(
    std::span<const pipeline::Rule> rules, std::span<const pipeline::Group> groups) {
  SLUICE_ASSIGN_OR_RETURN(const pipeline::Pipeline::Report report,
                          pipeline_.Replace(rules, groups, clock_->Now()));
  OnRulesChanged(report);
  return report;
}

void Bridge::ExpireRules() {
  static base::Counter& expired =
      base::Counters::Get("rules_expired", "Rules removed because their time was up.");
  const pipeline::Pipeline::Report report = pipeline_.Expire(clock_->Now());
  expired.Add(report.deleted);
  OnRulesChanged(report);
}

void Bridge::OnRulesChanged(const pipeline::Pipeline::Report& report) {
  if (report.tables.none() && report.groups == 0) return;
  generation_.fetch_add(1, std::memory_order_acq_rel);
  if (on_change_) on_change_();
}

void Bridge::BumpGeneration() {
  switch_generation_.store(generation_.fetch_add(1, std::memory_order_acq_rel) + 1,
                           std::memory_order_release);
  if (on_change_) on_change_();
}

void Bridge::ExpireMacs() {
  const bool evicted = evicted_.exchange(false, std::memory_order_relaxed);
  if (macs_.Expire(clock_->Now()) > 0 || evicted) BumpGeneration();
}

size_t Bridge::FlushMacs() {
  const size_t flushed = macs_.Clear();
  BumpGeneration();
  return flushed;
}

std::optional<uint32_t> Bridge::FindPort(uint16_t vlan, const base::Mac& mac) const {
  return macs_.Find(vlan, mac);
}

}  // namespace sluice::bridge
