#include "agent/bridge/bridge.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::bridge {
namespace {

bool EraseStatic(uint16_t vlan, const base::Mac& mac, std::vector<StaticMac>* statics) {
  return std::erase_if(*statics, [&](const StaticMac& entry) {
           return entry.vlan == vlan && entry.mac == mac;
         }) > 0;
}

// What actions name that stands in the configuration, also those inside of others.
struct Named {
  std::vector<uint32_t> meters;
  std::vector<std::string> timeouts;
  uint32_t tunnel_fields = 0;  // bit i: tun_metadata i
};

uint32_t TunnelField(pipeline::FieldIndex field) {
  constexpr size_t kBegin = offsetof(pipeline::Fields, tun_metadata);
  const size_t offset = pipeline::FieldAt(field).offset;
  const bool is_one = offset >= kBegin && offset < kBegin + sizeof(pipeline::Fields::tun_metadata);
  return is_one ? 1U << (offset - kBegin) / sizeof(base::Be64) : 0;
}

uint32_t TunnelFieldsOf(const pipeline::Match& match) {
  const pipeline::Fields mask = match.Mask();
  uint32_t fields = 0;
  for (size_t i = 0; i < pipeline::kTunnelFields; ++i)
    if (mask.tun_metadata[i].wire() != 0) fields |= 1U << i;
  return fields;
}

void AddNamed(pipeline::ActionSpan actions, Named* named) {
  for (const pipeline::Action action : actions) {
    uint32_t meter = 0;
    if (action.kind() == pipeline::ActionKind::kMeter)
      meter = action.Get<pipeline::MeterAction>().meter;
    if (action.kind() == pipeline::ActionKind::kController)
      meter = action.Get<pipeline::ControllerAction>().meter;
    if (meter != 0) named->meters.push_back(meter);
    if (action.kind() == pipeline::ActionKind::kConntrack) {
      const auto ct = action.Get<pipeline::ConntrackAction>();
      if (!ct.timeout_name().empty()) named->timeouts.emplace_back(ct.timeout_name());
    }
    if (action.kind() == pipeline::ActionKind::kSetField)
      named->tunnel_fields |= TunnelField(action.Get<pipeline::SetFieldAction>().field);
    if (action.kind() == pipeline::ActionKind::kMove) {
      const auto move = action.Get<pipeline::MoveAction>();
      named->tunnel_fields |= TunnelField(move.source.field) | TunnelField(move.destination.field);
    }
    AddNamed(action.nested(), named);
  }
}

Named NamedBy(pipeline::ActionSpan actions) {
  Named named;
  AddNamed(actions, &named);
  return named;
}

}  // namespace

Bridge::Bridge(BridgeOptions options, const base::Clock* clock)
    : options_(std::move(options)),
      clock_(clock),
      macs_(options_.mac_aging_ms, options_.mac_limit),
      ports_(std::make_shared<pipeline::PortTable>()),
      meters_(std::make_shared<pipeline::MeterIds>()),
      timeouts_(std::make_shared<pipeline::TimeoutPolicies>()),
      mask_options_(options_.masks),
      masks_(options_.masks.budget),
      pipeline_(options_.masks.classifier),
      recirculations_(static_cast<uint32_t>(clock->Now() * 0x9e3779b1u)) {
  pipeline::Rule rule{.priority = 0};
  rule.actions.Append(pipeline::OutputAction{.port = pipeline::kPortNormal});
  (void)pipeline_.Replace({&rule, 1}, {}, clock->Now());  // nothing in it can fail
}

void Bridge::SetPorts(std::vector<pipeline::BridgePort> ports) {
  {
    absl::MutexLock lock(&mutex_);
    auto fresh = std::make_shared<const pipeline::PortTable>(std::move(ports), ports_->options());
    const std::shared_ptr<const pipeline::PortTable> old = std::exchange(ports_, fresh);
    // The kernel gives numbers again: a number with another name is another port.
    for (const pipeline::BridgePort& port : old->ports()) {
      const pipeline::BridgePort* now = fresh->Find(port.port_no);
      if (now == nullptr || now->name != port.name) {
        macs_.ForgetPort(port.port_no);
      } else if (port.IsReached() &&
                 !now->IsReached()) {  // its hosts are elsewhere now, or nowhere
        macs_.RemoveIf([&](const MacEntry& entry) {
          return entry.port_no == port.port_no && !entry.is_static;
        });
      }
    }
    for (const pipeline::BridgePort& port : fresh->ports())
      macs_.LimitPort(port.port_no, port.mac_limit);
    ForgetMirrored(*fresh);
    PlaceStatics(*fresh);
  }
  BumpGeneration();
}

void Bridge::SetSwitchOptions(pipeline::SwitchOptions options) {
  {
    absl::MutexLock lock(&mutex_);
    if (ports_->options() == options) return;
    const std::vector<pipeline::Mirror>& before = ports_->options().mirrors;
    for (pipeline::Mirror& mirror : options.mirrors) {
      const auto known =
          std::find_if(before.begin(), before.end(),
                       [&](const pipeline::Mirror& other) { return other.name == mirror.name; });
      mirror.stats = known == before.end() ? std::make_shared<pipeline::UseStats>() : known->stats;
    }
    ports_ = std::make_shared<const pipeline::PortTable>(ports_->ports(), std::move(options));
    ForgetMirrored(*ports_);
  }
  BumpGeneration();
}

// What was learned where only copies of mirrors travel now.
void Bridge::ForgetMirrored(const pipeline::PortTable& ports) {
  if (ports.options().mirrors.empty()) return;
  macs_.RemoveIf([&](const MacEntry& entry) {
    const pipeline::BridgePort* port = ports.Find(entry.port_no);
    return !entry.is_static &&
           ((port != nullptr && port->is_mirror_output) || ports.IsMirrorVlan(entry.vlan));
  });
}

void Bridge::SetMeters(pipeline::MeterIds meters) {
  {
    absl::MutexLock lock(&mutex_);
    if (*meters_ == meters) return;
    meters_ = std::make_shared<const pipeline::MeterIds>(std::move(meters));
  }
  BumpGeneration();
}

std::shared_ptr<const pipeline::MeterIds> Bridge::meters() const {
  absl::MutexLock lock(&mutex_);
  return meters_;
}

void Bridge::SetTimeouts(std::shared_ptr<const pipeline::TimeoutPolicies> timeouts) {
  {
    absl::MutexLock lock(&mutex_);
    if (*timeouts_ == *timeouts) return;
    timeouts_ = std::move(timeouts);
  }
  BumpGeneration();
}

std::shared_ptr<const pipeline::TimeoutPolicies> Bridge::timeouts() const {
  absl::MutexLock lock(&mutex_);
  return timeouts_;
}

absl::Status Bridge::CheckNames(pipeline::ActionSpan actions, const pipeline::Match& match,
                                absl::FunctionRef<std::string()> whose) const {
  Named named = NamedBy(actions);
  named.tunnel_fields |= TunnelFieldsOf(match);
  const std::shared_ptr<const pipeline::MeterIds> meters = this->meters();
  for (const uint32_t meter : named.meters)
    if (!meters->meters.contains(meter))
      return absl::NotFoundError(absl::StrCat("there is no meter ", meter, ", which ", whose()));
  const std::shared_ptr<const pipeline::TimeoutPolicies> timeouts = this->timeouts();
  for (const std::string& timeout : named.timeouts)
    if (!timeouts->declared.contains(timeout))
      return absl::NotFoundError(absl::StrCat("there is no timeout policy \"", timeout,
                                              "\" in the configuration (conntrack.timeouts), "
                                              "which ",
                                              whose()));
  if (named.tunnel_fields == 0) return absl::OkStatus();
  const std::shared_ptr<const pipeline::PortTable> ports = this->ports();
  for (size_t i = 0; i < pipeline::kTunnelFields; ++i)
    if ((named.tunnel_fields >> i & 1) != 0 && !ports->options().tunnel_options[i])
      return absl::NotFoundError(absl::StrCat(
          "tunnel_options of the bridge do not say what tun_metadata", i, " is, which ", whose()));
  return absl::OkStatus();
}

absl::Status Bridge::CheckNames(const pipeline::Rule& rule) const {
  return CheckNames(rule.actions.span(), rule.match,
                    [&] { return absl::StrCat("a rule asks for: ", ToString(rule)); });
}

absl::Status Bridge::CheckNames(const pipeline::Group& group) const {
  for (const pipeline::Bucket& bucket : group.buckets)
    SLUICE_RETURN_IF_ERROR(CheckNames(
        bucket.actions.span(), {}, [&] { return absl::StrCat("group ", group.id, " asks for"); }));
  return absl::OkStatus();
}

std::vector<std::string> Bridge::RulesWithMeter(uint32_t meter) const {
  return RulesWith([meter](pipeline::ActionSpan actions) {
    const Named named = NamedBy(actions);
    return std::find(named.meters.begin(), named.meters.end(), meter) != named.meters.end();
  });
}

std::vector<std::string> Bridge::RulesWithTimeout(std::string_view name) const {
  return RulesWith([name](pipeline::ActionSpan actions) {
    const Named named = NamedBy(actions);
    return std::find(named.timeouts.begin(), named.timeouts.end(), name) != named.timeouts.end();
  });
}

std::vector<std::string> Bridge::RulesWith(
    absl::FunctionRef<bool(pipeline::ActionSpan)> names) const {
  std::vector<std::string> texts;
  pipeline::Versions::Reader reader(&pipeline_.versions());
  const pipeline::Versions::Snapshot snapshot(&reader);
  for (size_t table = 0; table < pipeline::kTables; ++table)
    pipeline_.ForEachRule(static_cast<uint8_t>(table), snapshot.version(),
                          [&](const pipeline::TableRule& rule) {
                            if (names(rule.rule.actions.span()))
                              texts.push_back(ToString(rule.rule));
                          });
  pipeline_.ForEachGroup(snapshot.version(), [&](const pipeline::PipelineGroup& group) {
    for (const pipeline::Bucket& bucket : group.group.buckets)
      if (names(bucket.actions.span())) texts.push_back(absl::StrCat("group ", group.group.id));
  });
  return texts;
}

std::shared_ptr<const pipeline::PortTable> Bridge::ports() const {
  absl::MutexLock lock(&mutex_);
  return ports_;
}

void Bridge::SetMaskOptions(const pipeline::MaskOptions& options) {
  {
    absl::MutexLock lock(&mutex_);
    if (options == mask_options_) return;
    mask_options_ = options;
    pipeline_.set_options(options.classifier);
    masks_.set_options(options.budget);
    // The generation that comes: a flow of an older one may have been made by what was before.
    masks_generation_.store(generation() + 1, std::memory_order_release);
  }
  BumpGeneration();
}

pipeline::MaskOptions Bridge::mask_options() const {
  absl::MutexLock lock(&mutex_);
  return mask_options_;
}

void Bridge::Learn(const translate::Learned& learned, base::MonotonicMs seen) {
  static base::Counter& moves =
      base::Counters::Get("bridge_mac_moves", "Addresses that moved to another port.");
  static base::Counter& evictions = base::Counters::Get(
      "bridge_mac_evictions",
      "Addresses that were forgotten because the MAC table, or a port's part of it, was full.");
  const MacTable::Outcome outcome = macs_.Learn(learned.vlan, learned.mac, learned.port_no, seen);
  // What the kernel tells of late may be of a port that has lost its link since, or is gone.
  if (outcome != MacTable::Outcome::kKnown) {
    const auto ports = this->ports();
    const pipeline::BridgePort* port = ports->Find(learned.port_no);
    if (port == nullptr || !port->IsReached()) macs_.Remove(learned.vlan, learned.mac);
  }
  switch (outcome) {
    case MacTable::Outcome::kMoved:
      moves.Add();
      return BumpGeneration();
    case MacTable::Outcome::kEvicted:
      evictions.Add();
      // Flows to the address that went still lead to where it was; the next round is soon enough,
      // and a flood of addresses does not become a flood of rounds.
      evicted_.store(true, std::memory_order_relaxed);
      return;
    case MacTable::Outcome::kKnown:
    case MacTable::Outcome::kNew:
      return;
  }
}

absl::StatusOr<pipeline::Pipeline::Report> Bridge::ChangeRules(
    std::span<const pipeline::RuleChange> rules, std::span<const pipeline::GroupChange> groups) {
  for (const pipeline::RuleChange& change : rules) SLUICE_RETURN_IF_ERROR(CheckNames(change.rule));
  for (const pipeline::GroupChange& change : groups)
    SLUICE_RETURN_IF_ERROR(CheckNames(change.group));
  SLUICE_ASSIGN_OR_RETURN(const pipeline::Pipeline::Report report,
                          pipeline_.Apply(rules, groups, clock_->Now()));
  OnRulesChanged(report);
  return report;
}

absl::StatusOr<pipeline::Pipeline::Report> Bridge::ReplaceRules(
    std::span<const pipeline::Rule> rules, std::span<const pipeline::Group> groups) {
  for (const pipeline::Rule& rule : rules) SLUICE_RETURN_IF_ERROR(CheckNames(rule));
  for (const pipeline::Group& group : groups) SLUICE_RETURN_IF_ERROR(CheckNames(group));
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

void Bridge::ExpireRecirculations() { (void)recirculations_.Expire(clock_->Now()); }

void Bridge::ExpireMacs() {
  const bool evicted = evicted_.exchange(false, std::memory_order_relaxed);
  if (macs_.Expire(clock_->Now()) > 0 || evicted) BumpGeneration();
}

size_t Bridge::FlushMacs(absl::FunctionRef<bool(const MacEntry&)> is_wanted) {
  size_t flushed = 0;
  {
    absl::MutexLock lock(&mutex_);
    absl::flat_hash_set<std::pair<uint16_t, base::Mac>> statics;
    flushed = macs_.RemoveIf([&](const MacEntry& entry) {
      if (!is_wanted(entry)) return false;
      if (entry.is_static) statics.emplace(entry.vlan, entry.mac);
      return true;
    });
    std::erase_if(statics_, [&](const StaticMac& entry) {
      return statics.contains(std::pair(entry.vlan, entry.mac));
    });
  }
  BumpGeneration();
  return flushed;
}

void Bridge::SetStaticMacs(std::vector<StaticMac> macs) {
  {
    absl::MutexLock lock(&mutex_);
    if (statics_ == macs) return;
    statics_ = std::move(macs);
    macs_.RemoveIf([](const MacEntry& entry) { return entry.is_static; });
    PlaceStatics(*ports_);
  }
  BumpGeneration();
}

void Bridge::PlaceStatics(const pipeline::PortTable& ports) {
  for (const StaticMac& entry : statics_) {
    const std::optional<uint32_t> port_no = ports.NumberOf(entry.port);
    // As many as there may be were checked when they came.
    if (port_no) (void)macs_.AddStatic(entry.vlan, entry.mac, *port_no, clock_->Now());
  }
}

absl::Status Bridge::AddStaticMac(const StaticMac& mac) {
  {
    absl::MutexLock lock(&mutex_);
    const std::optional<uint32_t> port_no = ports_->NumberOf(mac.port);
    if (!port_no)
      return absl::NotFoundError(absl::StrCat(options_.name, " has no port \"", mac.port, "\""));
    if (!ports_->Find(*port_no)->Carries(mac.vlan))
      return absl::InvalidArgumentError(
          absl::StrCat("port ", mac.port, " does not carry VLAN ", mac.vlan));
    EraseStatic(mac.vlan, mac.mac, &statics_);
    if (statics_.size() >= MacTable::kMaxStatics ||
        !macs_.AddStatic(mac.vlan, mac.mac, *port_no, clock_->Now()))
      return absl::ResourceExhaustedError(
          absl::StrCat(options_.name, " has ", MacTable::kMaxStatics, " static addresses already"));
    statics_.push_back(mac);
  }
  BumpGeneration();
  return absl::OkStatus();
}

absl::Status Bridge::RemoveMac(uint16_t vlan, const base::Mac& mac) {
  {
    absl::MutexLock lock(&mutex_);
    const bool known = macs_.Remove(vlan, mac);
    if (!EraseStatic(vlan, mac, &statics_) && !known)
      return absl::NotFoundError(absl::StrCat(options_.name, " does not know the address ",
                                              base::ToString(mac), " in VLAN ", vlan));
  }
  BumpGeneration();
  return absl::OkStatus();
}

bool Bridge::IsStatic(uint16_t vlan, const base::Mac& mac) const {
  return macs_.IsStatic(vlan, mac);
}

std::optional<uint32_t> Bridge::FindPort(uint16_t vlan, const base::Mac& mac) const {
  return macs_.Find(vlan, mac);
}

}  // namespace sluice::bridge
