// Which flows of a dump are shown: `filter=F` of dump-flows.
//
// F is a flow as OpenFlow writes it, `tcp,tp_src=100`, or as this program does,
// `eth_type(0x0800),ipv4(dst=10.0.0.0/8)`. A flow is shown unless it differs from F in a bit that
// both look at, as ovs-dpctl(8) does it: what is left are the flows that a packet like F may match.
//
// Pure; a filter borrows nothing, and may be used by several threads.
//
//   SLUICE_ASSIGN_OR_RETURN(const FlowFilter filter, FlowFilter::Parse("tcp,tp_src=100", &ports));
//   if (filter.Matches(flow)) Print(flow);
#pragma once

#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/flow.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {

class FlowFilter {
 public:
  // `ports` may be null. Errors are those of attr/text.h: the text, a caret, what was expected; a
  // field whose protocol was not named before it is "prerequisites not met for setting FIELD".
  static absl::StatusOr<FlowFilter> Parse(std::string_view text, const attr::PortNames* ports);

  bool Matches(const ovs::FlowView& flow) const;

 private:
  FlowFilter() = default;

  // In OpenFlow's view of a packet, the Ethernet type is the one behind all VLAN tags; it is in the
  // outermost layer here.
  bool openflow_ = false;
  ovs::FlowKey value_{};
  ovs::FlowKey mask_{};
};

// The words that a filter in OpenFlow's way may have, for those who complete them.
std::span<const std::string_view> FilterWords();

}  // namespace sluice::dpctl
