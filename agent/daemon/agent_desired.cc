// The part of Agent that the local API changes the desired state with: whole, or edit by edit.
//
// Called by the API's threads; the main loop does the work.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/daemon/agent.h"
#include "agent/daemon/rule_requests.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

absl::StatusOr<std::vector<Edit>> EditsOf(const v1::EditRequest& request) {
  constexpr std::string_view kLists[] = {"ports", "mirrors", "meters"};
  std::vector<Edit> edits;
  for (const v1::Edit& asked : request.edits()) {
    Edit& edit = edits.emplace_back();
    edit.kind = asked.kind() == v1::Edit::ADD   ? Edit::Kind::kAdd
                : asked.kind() == v1::Edit::SET ? Edit::Kind::kSet
                                                : Edit::Kind::kRemove;
    edit.bridge = asked.bridge();
    edit.port = asked.port();
    if (!asked.list().empty()) edit.list = asked.list();
    if (std::find(std::begin(kLists), std::end(kLists), edit.list) == std::end(kLists))
      return absl::InvalidArgumentError(
          absl::StrCat("a bridge has no list \"", edit.list, "\" that could be edited"));
    edit.lenient = asked.lenient();
    for (const v1::Setting& setting : asked.settings())
      edit.settings.emplace_back(setting.key(), setting.value());
  }
  return edits;
}

// Names to read rules by: the ports that are wanted, under their numbers where they have one.
pipeline::PortTable PortsFor(const BridgeConfig& wanted, const bridge::Bridge* bridge) {
  constexpr uint32_t kNotYet = 0xf000;  // numbers that no port has had so far
  std::vector<pipeline::BridgePort> ports;
  if (bridge != nullptr) ports = bridge->ports()->ports();
  ports.push_back({.port_no = 0, .name = wanted.name});
  uint32_t next = kNotYet;
  for (const port::PortSpec& spec : wanted.ports)
    if (bridge == nullptr || !bridge->ports()->NumberOf(spec.name))
      ports.push_back({.port_no = next++, .name = spec.name});
  return pipeline::PortTable(std::move(ports));
}

}  // namespace

absl::StatusOr<v1::ApplyResponse> Agent::Apply(const v1::ApplyRequest& request) {
  const std::string name = request.config_name().empty() ? "config" : request.config_name();
  SLUICE_ASSIGN_OR_RETURN(DesiredState wanted, DesiredState::Parse(request.config(), name));
  return InLoop([&](const DesiredState&) { return std::move(wanted); }, request.dry_run());
}

absl::StatusOr<v1::ApplyResponse> Agent::Edit(const v1::EditRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<daemon::Edit> edits, EditsOf(request));
  if (edits.empty()) return absl::InvalidArgumentError("there is nothing to edit");
  return InLoop([&](const DesiredState& now) { return now.Edited(edits); }, request.dry_run());
}

absl::StatusOr<v1::GetConfigResponse> Agent::GetConfig() {
  v1::GetConfigResponse response;
  SLUICE_RETURN_IF_ERROR(loop_->Call([&] {
    response.set_config(desired_.text());
    return absl::OkStatus();
  }));
  return response;
}

absl::StatusOr<v1::ApplyResponse> Agent::InLoop(const MakeDesired& make, bool dry_run) {
  v1::ApplyResponse response;
  const absl::Status status = loop_->Call([&]() -> absl::Status {
    SLUICE_ASSIGN_OR_RETURN(const DesiredState wanted, make(desired_));
    SLUICE_RETURN_IF_ERROR(Compare(wanted, &response));
    if (!dry_run) Take(wanted);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return response;
}

// A meter stays as long as rules name it; those of files are read again anyway.
absl::Status Agent::CheckMetersInUse(const BridgeConfig& wanted) const {
  const auto runtime = std::find_if(bridges_.begin(), bridges_.end(),
                                    [&](const auto& b) { return b->config().name == wanted.name; });
  if (runtime == bridges_.end() || !wanted.rules.empty() || !(*runtime)->config().rules.empty())
    return absl::OkStatus();
  for (const ovs::MeterConfig& meter : (*runtime)->config().meters) {
    const bool stays =
        std::any_of(wanted.meters.begin(), wanted.meters.end(),
                    [&](const ovs::MeterConfig& other) { return other.id == meter.id; });
    if (stays) continue;
    const std::vector<std::string> rules = (*runtime)->bridge()->RulesWithMeter(meter.id);
    if (!rules.empty())
      return absl::FailedPreconditionError(absl::StrCat("meter ", meter.id, " of bridge \"",
                                                        wanted.name, "\" is in use: ", rules[0]));
  }
  return absl::OkStatus();
}

// The same of timeout policies.
absl::Status Agent::CheckTimeoutsInUse(const Config& wanted) const {
  for (const port::TimeoutSpec& timeout : config_.conntrack.timeouts) {
    const auto& kept = wanted.conntrack.timeouts;
    if (std::any_of(kept.begin(), kept.end(),
                    [&](const port::TimeoutSpec& other) { return other.name == timeout.name; }))
      continue;
    for (const std::unique_ptr<BridgeRuntime>& runtime : bridges_) {
      const bool stays = std::any_of(
          wanted.bridges.begin(), wanted.bridges.end(), [&](const BridgeConfig& bridge) {
            return bridge.name == runtime->config().name && bridge.rules.empty();
          });
      if (!stays || !runtime->config().rules.empty()) continue;
      const std::vector<std::string> rules = runtime->bridge()->RulesWithTimeout(timeout.name);
      if (!rules.empty())
        return absl::FailedPreconditionError(
            absl::StrCat("timeout policy \"", timeout.name, "\" is in use by bridge \"",
                         runtime->config().name, "\": ", rules[0]));
    }
  }
  return absl::OkStatus();
}

absl::Status Agent::Compare(const DesiredState& wanted, v1::ApplyResponse* response) {
  for (const BridgeConfig& config : wanted.config().bridges)
    SLUICE_RETURN_IF_ERROR(CheckMetersInUse(config));
  SLUICE_RETURN_IF_ERROR(CheckTimeoutsInUse(wanted.config()));
  for (const std::string& line : Differences(desired_, wanted)) response->add_differences(line);
  for (const BridgeConfig& config : wanted.config().bridges) {
    if (config.rules.empty()) continue;
    const BridgeRuntime* runtime = FindBridge(0, config.name);
    const bridge::Bridge* bridge = runtime == nullptr ? nullptr : runtime->bridge().get();
    SLUICE_ASSIGN_OR_RETURN(
        const v1::DiffRulesResponse rules,
        DiffRuleFiles(config.rules, config.groups, PortsFor(config, bridge), bridge));
    for (const v1::RuleDifference& difference : rules.differences())
      response->add_differences(
          absl::StrCat(difference.kind() == v1::RuleDifference::ADDED ? "+" : "-", " bridges.",
                       config.name, ".rules: ", difference.text()));
  }
  if (NeedsStart(wanted.config()))
    response->add_warnings(
        "handlers, dispatch, flows, upcalls and control.socket stay as they are: they change with "
        "the next start only");
  return absl::OkStatus();
}

void Agent::Take(const DesiredState& wanted) {
  static base::Counter& applied =
      base::Counters::Get("config_applied", "Times that the desired state came over the API.");
  applied.Add();
  Apply(wanted.config());
  desired_ = wanted;
  spdlog::info("the desired state was changed over the API");
}

}  // namespace sluice::daemon
