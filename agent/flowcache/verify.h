// The check of live flows: does each flow in the kernel do what the rules say, for every packet
// that it matches?
//
// Each flow's key is translated again, and so are random packets under its mask; what the kernel
// has is compared with what the agent remembers. Changes nothing: GETs and dumps. A flow that is
// about to change is passed over, and counted; what looks wrong is looked at once more.
//
//   SLUICE_ASSIGN_OR_RETURN(const VerifyReport report, Verify(&flows, &client, {}));
//   for (const Finding& finding : report.findings) ...
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/flowcache/datapath_flows.h"
#include "netlink/socket/client.h"

namespace sluice::flowcache {

struct VerifyOptions {
  unsigned siblings = 16;  // random packets for each flow
  uint64_t seed = 1;
  size_t findings = 1000;  // what is beyond is counted
};

enum class FindingKind : uint8_t {
  kMissing,  // the agent remembers it, and the kernel has it no more
  kForeign,  // the kernel has it, and the agent did not put it
  kDiffers,  // the kernel's mask or actions are not what the agent put
  kWrong,    // rules say otherwise
  kTooWide,  // it matches packets for which rules say otherwise
};
inline constexpr int kFindingKinds = 5;
std::string_view ToString(FindingKind kind);

struct Finding {
  FindingKind kind;
  std::string ufid;  // empty: it has none
  std::string flow;  // the key under the mask
  std::string what;  // what the kernel has, or what rules say
};

struct VerifyReport {
  uint64_t flows = 0;     // in the kernel
  uint64_t siblings = 0;  // packets that were tried
  uint64_t changing = 0;  // passed over
  uint64_t unshown = 0;   // findings beyond the limit
  std::vector<Finding> findings;
};

// The kernel's error when the flows cannot be dumped.
absl::StatusOr<VerifyReport> Verify(DatapathFlows* datapath, socket::Client* client,
                                    const VerifyOptions& options);

// A packet that the flow of `key` and `mask` matches too: the bits outside of the mask are random,
// but for those that say which headers there are.
ovs::FlowKey RandomSibling(const ovs::FlowKey& key, const ovs::FlowKey& mask, uint64_t* random);

// The flow as dpctl(8) writes it, with names of ports.
std::string FlowText(base::ByteView key, base::ByteView mask, const attr::PortNames* names);
std::string ActionsText(base::ByteView actions, const attr::PortNames* names);

}  // namespace sluice::flowcache
