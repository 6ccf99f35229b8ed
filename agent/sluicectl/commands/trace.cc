// sluicectl trace: what a bridge would do with a packet, and why.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "agent/sluicectl/commands/commands.h"
#include "netlink/base/status.h"
#include "netlink/pcap/packet_argument.h"

namespace sluice::ctl {
namespace {

struct TraceOptions {
  v1::TraceRequest request;
  std::string packets;
  std::vector<std::string> ct_next;
  std::vector<uint32_t> dp_hash;
};

// Prints the trace of one packet, under its place in a file.
bool TraceOne(Session* session, const v1::TraceRequest& request, const std::string& place) {
  v1::TraceResponse response;
  if (!session->Ask(&v1::Sluice::Stub::Trace, request, &response)) return false;
  session->Print(response, [&] {
    return place.empty() ? response.text() : absl::StrCat(place, ":\n", response.text(), "\n");
  });
  return true;
}

int Trace(Session* session, TraceOptions options) {
  options.request.mutable_ct_next()->Add(options.ct_next.begin(), options.ct_next.end());
  options.request.mutable_dp_hash()->Add(options.dp_hash.begin(), options.dp_hash.end());
  if (options.packets.empty()) return TraceOne(session, options.request, "") ? 0 : kRefused;
  bool refused = false;
  const absl::Status status = pcap::ForEachPacket(
      options.packets, [&](base::ByteView packet, const std::string& place) -> absl::Status {
        v1::TraceRequest request = options.request;
        request.set_packet(packet.data(), packet.size());
        refused = !TraceOne(session, request, place);
        return refused ? absl::CancelledError(place) : absl::OkStatus();
      });
  if (status.ok()) return 0;
  const std::string what(status.message());
  if (!refused || !what.empty())
    std::fprintf(stderr, "sluicectl: %s%s\n", refused ? "that was " : "", what.c_str());
  return refused ? kRefused : kUsage;
}

}  // namespace

void AddTrace(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* command = app->add_subcommand("trace", "What a bridge would do with a packet, and why");
  const auto options = std::make_shared<TraceOptions>();
  command->add_option("BRIDGE", *options->request.mutable_bridge(), "Which bridge")->required();
  command
      ->add_option("FLOW", *options->request.mutable_flow(),
                   "As rules match it, or a datapath's flow key")
      ->required();
  command->add_option("PACKET", options->packets,
                      "Its bytes: hexadecimal, pcap:FILE or pcap:FILE:N. FLOW then says only what "
                      "they do not carry: in_port=eth0");
  command
      ->add_option("--ct-next", options->ct_next,
                   "What ct() finds, as trk,est: one for each time that the packet comes back from "
                   "it; of more, trk,new")
      ->type_name("STATE")
      ->allow_extra_args(false);
  command
      ->add_option("--dp-hash", options->dp_hash,
                   "The hash that the datapath works out for a group, likewise; of more, 1")
      ->type_name("HASH")
      ->allow_extra_args(false);
  command
      ->add_option("--inner", *options->request.mutable_inner(),
                   "What a popped label hid, where there is no PACKET: tcp,nw_dst=10.0.0.1; "
                   "otherwise zeros")
      ->type_name("FLOW");
  command->footer(
      "A packet is followed wherever the datapath looks at it again: behind ct(table=N), behind a "
      "label,\n"
      "and for a group's hash. Nothing is changed, learned or counted.\n\n"
      "Examples:\n"
      "  sluicectl trace br0 'in_port=web,tcp,nw_dst=10.0.0.1,tp_dst=80'\n"
      "  sluicectl trace br0 in_port=web,tcp,tp_dst=80 --ct-next trk,new --ct-next trk,est,rpl\n"
      "  sluicectl trace br0 in_port=web 0a00000000020a00000000010806...\n"
      "  sluicectl trace br0 in_port=web pcap:strange.pcap:3");
  command->callback([=] { *chosen = [=] { return Trace(session, *options); }; });
}

}  // namespace sluice::ctl
