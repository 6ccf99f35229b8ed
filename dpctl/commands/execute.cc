#include <charconv>

#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/packet_compose.h"
#include "dpctl/port_names.h"
#include "netlink/base/status.h"
#include "netlink/ovs/flow_text.h"
#include "netlink/ovs/packet.h"
#include "netlink/pcap/packet_argument.h"

namespace sluice::dpctl {
namespace {

constexpr size_t kEthernetHeader = 14;
constexpr size_t kLongestPacket = 65000;  // an attribute's length has 16 bits
constexpr std::string_view kComposeWord = "compose", kComposePrefix = "compose:";

// Hands packets over to the kernel, and counts those that it took.
class Execution {
 public:
  Execution(socket::Client* client, int dp_ifindex, base::ByteView key, base::ByteView actions)
      : client_(client), dp_ifindex_(dp_ifindex), key_(key), actions_(actions) {}

  absl::Status Run(base::ByteView packet) {
    if (packet.size() < kEthernetHeader)
      return UsageError(absl::StrCat("the packet has ", packet.size(),
                                     " bytes: an Ethernet header alone has ", kEthernetHeader));
    if (packet.size() > kLongestPacket)
      return UsageError(absl::StrCat("the packet has ", packet.size(), " bytes: at most ",
                                     kLongestPacket, " can be handed over"));
    SLUICE_RETURN_IF_ERROR(FailedAndLogged(
        "executing actions",
        ovs::Execute(client_, dp_ifindex_, {.packet = packet, .key = key_, .actions = actions_})));
    ++count_;
    return absl::OkStatus();
  }
  size_t count() const { return count_; }

 private:
  socket::Client* client_;
  int dp_ifindex_;
  base::ByteView key_, actions_;
  size_t count_ = 0;
};

// compose or compose:BYTES.
absl::Status RunComposed(std::string_view argument, const ovs::FlowText& flow,
                         Execution* execution) {
  ComposeOptions options;
  if (argument != kComposeWord) {
    const std::string_view digits = argument.substr(kComposeWord.size() + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), options.size);
    if (error != std::errc() || end != digits.data() + digits.size() ||
        options.size > kLongestPacket)
      return UsageError(absl::StrCat("\"", absl::string_view(digits.data(), digits.size()),
                                     "\" is no length of a packet: 0 to ", kLongestPacket));
  }
  ovs::FlowKey key{}, mask{};
  attr::Unknowns unknowns;
  if (ovs::DecodeFlowKey(flow.key, &key, &unknowns) ||
      ovs::DecodeFlowKey(flow.mask, &mask, &unknowns) || !unknowns.empty())
    return UsageError("cannot compose a packet with attributes that dpctl does not know");
  const auto packet = ComposePacket(key, mask, options);
  if (!packet.ok()) return UsageError(std::string(packet.status().message()));
  return execution->Run(*packet);
}

absl::Status RunPackets(std::string_view argument, const ovs::FlowText& flow,
                        Execution* execution) {
  if (argument == kComposeWord || argument.starts_with(kComposePrefix))
    return RunComposed(argument, flow, execution);
  absl::Status failure;  // of a packet, not of the argument
  absl::Status status =
      pcap::ForEachPacket(argument, [&](base::ByteView packet, const std::string& place) {
        failure = execution->Run(packet);
        if (!failure.ok() && !place.empty()) failure = WithHint(failure, place);
        return failure;
      });
  if (!failure.ok() || base::ErrnoOf(status) == 0) return status;
  return Failed(absl::StrCat("reading \"", base::ToAbsl(argument), "\""), status);
}

absl::Status Run(Session* session) {
  const std::vector<std::string>& args = session->args();
  const size_t flow_at = args.size() - 3;
  std::optional<std::string_view> name;
  if (flow_at > 0) name = args[0];
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->DatapathOrOnly(name));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const DatapathPorts ports(client, datapath.ifindex);
  const auto flow = ovs::ParseFlowText(args[flow_at], &ports);
  if (!flow.ok()) return Failed("parsing flow", flow.status());
  const auto actions = ovs::ParseActionsText(args[flow_at + 1], &ports);
  if (!actions.ok()) return Failed("parsing actions", actions.status());
  Execution execution(client, datapath.ifindex, flow->key, *actions);
  absl::Status status = RunPackets(args[flow_at + 2], *flow, &execution);
  if (!status.ok()) {
    if (execution.count() == 0) return status;
    return WithHint(status, absl::StrCat(execution.count(), " packets before it were executed"));
  }
  if (session->options().json) session->Print({{"executed", execution.count()}});
  return absl::OkStatus();
}

}  // namespace

constinit const Command kExecute = {
    .name = "execute",
    .arguments = "[DP] FLOW ACTIONS PACKET",
    .min_args = 3,
    .max_args = 4,
    .changes = true,
    .about =
        "Has the kernel take ACTIONS on a packet, as if it had come in. Of FLOW it takes what a\n"
        "packet does not carry itself: in_port, skb_mark, skb_priority, tunnel, recirc_id, "
        "dp_hash,\n"
        "connection state; the other fields it reads from the packet. PACKET is\n"
        "  HEX          the bytes from the Ethernet header on; blanks and colons may stand "
        "between\n"
        "  pcap:FILE    all packets of a pcap or pcapng file, one after the other; - is standard\n"
        "               input\n"
        "  pcap:FILE:N  its packet number N, from 1 on\n"
        "  compose      a packet made up from FLOW, with checksums and a TTL of 64 unless FLOW "
        "has\n"
        "               another\n"
        "  compose:N    the same, with zeros up to N bytes",
    .examples =
        "  dpctl execute dp0 'in_port(1)' 2 "
        "ffffffffffff02000000000108060001080006040001020000000001"
        "0a0000010000000000000a000002\n"
        "  dpctl execute dp0 'in_port(1),eth(dst=0a:00:00:00:00:02),eth_type(0x0800),"
        "ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17),udp(dst=53)' 2 compose:128\n"
        "  dpctl execute dp0 'in_port(veth0),skb_mark(5)' 'recirc(0x1)' pcap:trace.pcap:3\n",
    .run = Run};

}  // namespace sluice::dpctl
