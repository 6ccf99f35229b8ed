// Whole flows as text: key and mask, statistics, actions.
//
// The layout is that of ovs-dpctl(8) dump-flows:
//
//   [ufid:UUID, ]FIELDS, packets:N, bytes:N, used:1.234s|never[, flags:SF.][, dp:ovs], actions:LIST
//
// Pure functions; AppendFlow() builds no string of its own, so that a dump of many flows appends to
// one buffer. Whatever it writes, ParseFlowText() reads back: the statistics are checked for their
// form and otherwise skipped.
//
//   std::string line;
//   AppendFlow(flow, {.ports = &names, .now = clock.Now()}, &line);
//   SLUICE_ASSIGN_OR_RETURN(FlowText again, ParseFlowText(line, &names));
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "netlink/attr/text.h"
#include "netlink/base/clock.h"
#include "netlink/ovs/flow.h"

namespace sluice::ovs {

struct FlowTextOptions {
  bool verbose = false;                    // the UFID, fields with an empty mask, and `dp:`
  const attr::PortNames* ports = nullptr;  // null: ports are numbers
  base::MonotonicMs now = 0;               // what `used:` counts from
};

// One line without its end.
void AppendFlow(const FlowView& flow, const FlowTextOptions& options, std::string* out);

// "packets:0, bytes:0, used:never"
void AppendFlowStats(const FlowStats& stats, base::MonotonicMs now, std::string* out);
// "SFPRU.ECN", one letter a flag: SYN FIN PSH RST URG ACK ECE CWR NS.
void AppendTcpFlags(uint16_t flags, std::string* out);

struct FlowText {
  base::ByteVector key;                     // OVS_KEY_ATTR_*
  base::ByteVector mask;                    // the same set
  std::optional<base::ByteVector> actions;  // when the text has `actions:`
  std::optional<Ufid> ufid;                 // when it has `ufid:`
};

// `text` is `[ufid:UUID[,| ]]FIELDS`, or a line of a dump. `ports` may be null: then names of ports
// are not read. A protocol that Ethernet type or IP protocol call for, and text does not name, gets
// its attribute in the key all the same, without a mask: the kernel wants it. Errors are those of
// attr/text.h: the text, a caret, what was expected.
absl::StatusOr<FlowText> ParseFlowText(std::string_view text, const attr::PortNames* ports);

// Whether text has `actions:`, as a line of a dump does.
bool HasActionsText(std::string_view text);

// A list of actions: `ct(commit,zone=5),recirc(0x1)`. Empty text and `drop` differ: the first is
// the empty list, which drops on every kernel.
absl::StatusOr<base::ByteVector> ParseActionsText(std::string_view text,
                                                  const attr::PortNames* ports);

}  // namespace sluice::ovs
