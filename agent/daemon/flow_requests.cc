#include "agent/daemon/flow_requests.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/flowcache/verify.h"
#include "agent/translate/explain.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

using flowcache::CachedFlow;
using flowcache::DatapathFlows;
using flowcache::RoundReport;
using pipeline::PortTable;

// How many flows an error names.
constexpr size_t kNamed = 5;

uint64_t Since(base::MonotonicMs then, base::MonotonicMs now) {
  return now > then ? now - then : 0;
}

void Fill(const DatapathFlows& flows, const PortTable& ports, const CachedFlow& flow,
          base::MonotonicMs now, v1::FlowEntry* out) {
  base::ByteVector key;
  attr::Writer writer(&key);
  ovs::EncodeFlowKey(flow.Key(), nullptr, &writer);
  const ovs::FlowStats stats = flow.stats();
  out->Clear();
  out->set_bridge(flows.bridge->name());
  out->set_ufid(ovs::ToString(flow.ufid()));
  out->set_flow(flowcache::FlowText(key, flow.mask(), &ports));
  out->set_actions(flowcache::ActionsText(flow.actions(), &ports));
  out->set_packets(stats.packets);
  out->set_bytes(stats.bytes);
  out->set_used(stats.used != 0);
  out->set_idle_ms(Since(flow.last(), now));
  out->set_age_ms(Since(flow.created(), now));
  out->set_origin(std::string(flowcache::ToString(flow.origin())));
  out->set_verdict(std::string(translate::ToString(flow.verdict())));
  const flowcache::Basis& basis = flow.basis();
  for (size_t table = 0; table < basis.tables.size(); ++table)
    if (basis.tables[table]) out->add_tables(static_cast<uint32_t>(table));
  out->set_groups(basis.groups);
  out->set_uncertain(flow.uncertain);
}

std::vector<ovs::Ufid> UfidsOf(DatapathFlows* flows) {
  std::vector<ovs::Ufid> ufids;
  ufids.reserve(flows->cache.size());
  flows->cache.RemoveIf([&](CachedFlow* flow) {
    ufids.push_back(flow->ufid());
    return false;
  });
  return ufids;
}

// A flow of some bridge.
struct Found {
  DatapathFlows* flows;
  ovs::Ufid ufid;
};

absl::StatusOr<Found> Find(const std::string& beginning,
                           std::span<const std::shared_ptr<DatapathFlows>> all) {
  std::string wanted = absl::AsciiStrToLower(beginning);
  if (absl::StartsWith(wanted, "ufid:")) wanted.erase(0, 5);
  if (wanted.empty() || wanted.find_first_not_of("0123456789abcdef-") != std::string::npos)
    return absl::InvalidArgumentError(
        absl::StrCat("\"", beginning, "\" is no UFID, and no beginning of one: it has digits of ",
                     "hex and '-', as in `sluicectl flows all`"));
  std::vector<Found> found;
  for (const std::shared_ptr<DatapathFlows>& flows : all)
    for (const ovs::Ufid& ufid : UfidsOf(flows.get()))
      if (absl::StartsWith(ovs::ToString(ufid), wanted)) found.push_back({flows.get(), ufid});
  if (found.size() == 1) return found.front();
  if (found.empty())
    return absl::NotFoundError(absl::StrCat("no flow of sluiced's has a UFID that begins with ",
                                            wanted,
                                            ": `sluicectl flows all` has those that are there"));
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(found.size(), kNamed); ++i)
    names.push_back(ovs::ToString(found[i].ufid));
  return absl::InvalidArgumentError(
      absl::StrCat(found.size(), " flows have a UFID that begins with ", wanted, ": ",
                   absl::StrJoin(names, ", "), found.size() > kNamed ? ", .." : ""));
}

void Fill(const translate::Explanation& why, const PortTable& ports, v1::ExplainFlowResponse* out) {
  for (const translate::Explanation::RuleUsed& used : why.rules) {
    v1::ExplainedRule* rule = out->add_rules();
    rule->set_table(used.table);
    if (used.rule == nullptr) continue;
    std::string text;
    pipeline::AppendRule(used.rule->rule, &ports, &text);
    rule->set_text(std::move(text));
    rule->set_priority(used.rule->rule.priority);
    rule->set_cookie(used.rule->rule.cookie);
  }
  for (const translate::Explanation::Address& address : why.addresses) {
    v1::ExplainedAddress* mac = out->add_addresses();
    mac->set_mac(base::ToString(address.mac));
    mac->set_vlan(address.vlan);
    mac->set_found(address.port_no.has_value());
    mac->set_port_number(address.port_no.value_or(0));
    if (address.port_no) mac->set_port(std::string(ports.NameOf(*address.port_no)));
    mac->set_learned(address.learned);
  }
  for (const translate::Explanation::Part& part : why.mask) {
    v1::ExplainedMask* mask = out->add_mask();
    mask->set_match(part.match);
    for (const std::string& reason : part.because) mask->add_because(reason);
  }
  out->set_steps(why.steps);
}

}  // namespace

void FillFlowCache(const DatapathFlows& flows, v1::FlowCacheStats* out) {
  const flowcache::Bounds bounds = flows.bounds();
  out->set_flows(flows.cache.size());
  out->set_current_limit(bounds.limit);
  out->set_emergency(bounds.emergency);
  out->set_idle_timeout_ms(bounds.idle_timeout_ms);
  FillRound(flows, bounds.last_round, out->mutable_last_round());
}

void FillRound(const DatapathFlows& flows, const RoundReport& round, v1::FlowRound* out) {
  out->set_bridge(flows.bridge->name());
  out->set_number(round.number);
  out->set_duration_ms(round.duration_ms);
  out->set_lag_ms(round.lag_ms);
  out->set_flows(round.flows);
  out->set_unaffected(round.unaffected);
  out->set_kept(round.kept);
  out->set_modified(round.modified);
  out->set_deleted(round.deleted);
  out->set_idle(round.idle);
  out->set_evicted(round.evicted);
  out->set_vanished(round.vanished);
  out->set_adopted(round.adopted);
  out->set_foreign(round.foreign);
  out->set_refused(round.refused);
  out->set_purged(round.purged);
}

bool DumpFlows(DatapathFlows* flows, base::MonotonicMs now,
               absl::FunctionRef<bool(const v1::FlowEntry&)> send) {
  const std::shared_ptr<const PortTable> ports = flows->bridge->ports();
  v1::FlowEntry entry;
  for (const ovs::Ufid& ufid : UfidsOf(flows)) {
    const bool there = flows->cache.With(
        ufid, [&](CachedFlow* flow) { Fill(*flows, *ports, *flow, now, &entry); });
    if (there && !send(entry)) return false;
  }
  return true;
}

absl::Status VerifyFlows(const v1::VerifyFlowsRequest& request, DatapathFlows* flows,
                         socket::Client* client, v1::VerifyFlowsResponse* response) {
  flowcache::VerifyOptions options{.seed = request.seed()};
  if (request.siblings() != 0) options.siblings = request.siblings();
  const absl::StatusOr<flowcache::VerifyReport> report = flowcache::Verify(flows, client, options);
  if (!report.ok()) return base::Annotate(report.status(), flows->bridge->name());
  response->set_flows(response->flows() + report->flows);
  response->set_siblings(response->siblings() + report->siblings);
  response->set_changing(response->changing() + report->changing);
  response->set_unshown(response->unshown() + report->unshown);
  for (const flowcache::Finding& finding : report->findings) {
    v1::FlowFinding* out = response->add_findings();
    out->set_bridge(flows->bridge->name());
    out->set_kind(std::string(flowcache::ToString(finding.kind)));
    out->set_ufid(finding.ufid);
    out->set_flow(finding.flow);
    out->set_what(finding.what);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ExplainFlowResponse> ExplainFlow(
    const std::string& ufid, std::span<const std::shared_ptr<DatapathFlows>> all,
    base::MonotonicMs now) {
  SLUICE_ASSIGN_OR_RETURN(const Found found, Find(ufid, all));
  const std::shared_ptr<const PortTable> ports = found.flows->bridge->ports();
  const bridge::Sight sight(found.flows->bridge.get());
  v1::ExplainFlowResponse response;
  ovs::FlowKey key;
  base::ByteVector actions;
  const bool there = found.flows->cache.With(found.ufid, [&](CachedFlow* flow) {
    Fill(*found.flows, *ports, *flow, now, response.mutable_flow());
    key = flow->Key();
    actions.assign(flow->actions().begin(), flow->actions().end());
  });
  if (!there) return absl::NotFoundError("the flow has just gone");
  const translate::Explanation why = translate::Explain(key, sight.view(), ports.get());
  Fill(why, *ports, &response);
  if (!why.translation.install) {
    response.set_outdated("no flow");
  } else if (!base::Equal(actions, why.translation.actions.bytes())) {
    response.set_outdated(flowcache::ActionsText(why.translation.actions.bytes(), ports.get()));
  }
  return response;
}

}  // namespace sluice::daemon
