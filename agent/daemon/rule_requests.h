// What the local API asks of a bridge's rules: text to changes, rules to text.
//
// Pure but for the bridge, which is thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "agent/bridge/bridge.h"
#include "agent/control/sluice.pb.h"

namespace sluice::daemon {

// All of it or nothing. kInvalidArgument names lines and places.
absl::StatusOr<v1::ChangeRulesResponse> ChangeRules(const v1::ChangeRulesRequest& request,
                                                    bridge::Bridge* bridge);
// What LoadRuleFiles() would change; without a bridge, all is new. `ports` are those to come.
absl::StatusOr<v1::DiffRulesResponse> DiffRuleFiles(const std::string& rules,
                                                    const std::string& groups,
                                                    const pipeline::PortTable& ports,
                                                    const bridge::Bridge* bridge);
// The bridge's rules become those of a file, and its groups those of another unless that is empty.
absl::Status LoadRuleFiles(const std::string& rules, const std::string& groups,
                           bridge::Bridge* bridge);
absl::StatusOr<v1::DumpRulesResponse> DumpRules(const v1::DumpRulesRequest& request,
                                                const bridge::Bridge& bridge,
                                                base::MonotonicMs now);
absl::StatusOr<v1::DiffRulesResponse> DiffRules(const v1::DiffRulesRequest& request,
                                                const bridge::Bridge& bridge);

}  // namespace sluice::daemon
