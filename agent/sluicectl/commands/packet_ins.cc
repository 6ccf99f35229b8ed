// sluicectl packet-ins: the packets that rules send to user space, as they come.
#include <google/protobuf/util/json_util.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "agent/sluicectl/commands/commands.h"
#include "netlink/base/bytes.h"

namespace sluice::ctl {
namespace {

constexpr const char* kExamples = R"(
Shows the packets that rules of BRIDGE send to user space with controller, output:CONTROLLER
or sample, and those whose TTL ran out under dec_ttl, until it is interrupted. The datapath sends
them up only as long as somebody listens.

Examples:
  sluicectl packet-ins br0                    a line of circumstances, and one of headers, each
  sluicectl packet-ins br0 --hex --count 1    the next one, with its bytes
  sluicectl --json packet-ins br0             one object a line
)";

struct Options {
  v1::WatchPacketInsRequest request;
  uint64_t count = 0;
  bool hex = false;
};

// "01.02.0a", as rules have it.
std::string Dotted(const std::string& bytes) {
  std::string out;
  for (const char c : bytes)
    absl::StrAppend(&out, out.empty() ? "" : ".",
                    absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
  return out;
}

// Sixteen bytes a line, behind their offset.
void AppendHexLines(const std::string& bytes, std::string* out) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i % 16 == 0) absl::StrAppend(out, i == 0 ? "" : "\n", absl::Hex(i, absl::kZeroPad8), " ");
    absl::StrAppend(out, " ", absl::Hex(static_cast<unsigned char>(bytes[i]), absl::kZeroPad2));
  }
  out->push_back('\n');
}

std::string ToText(const v1::PacketIn& packet, bool hex) {
  std::string out;
  if (packet.missed() != 0)
    absl::StrAppend(&out, "(", packet.missed(), " packets were missed: the queue was full)\n");
  absl::StrAppend(
      &out, "packet-in: table_id=", packet.table(), " cookie=0x", absl::Hex(packet.cookie()),
      " total_len=", packet.length(), " in_port=",
      packet.in_port_name().empty() ? absl::StrCat(packet.in_port()) : packet.in_port_name(),
      " (via ", packet.reason(), ") data_len=", packet.packet().size());
  if (packet.id() != 0) absl::StrAppend(&out, " id=", packet.id());
  if (!packet.user_data().empty()) absl::StrAppend(&out, " userdata=", Dotted(packet.user_data()));
  if (packet.reason() == "sample")
    absl::StrAppend(&out, " collector_set_id=", packet.collector_set(),
                    " obs_domain_id=", packet.obs_domain(), " obs_point_id=", packet.obs_point());
  absl::StrAppend(&out, "\n", packet.flow(), "\n");
  if (hex) AppendHexLines(packet.packet(), &out);
  return out;
}

std::string ToJson(const v1::PacketIn& packet) {
  std::string out;
  google::protobuf::util::JsonPrintOptions print;
  print.preserve_proto_field_names = true;
  print.always_print_primitive_fields = true;
  // Fails for messages with types that this one does not have.
  (void)google::protobuf::util::MessageToJsonString(packet, &out, print);
  return out + "\n";
}

int PacketIns(Session* session, const Options& options) {
  grpc::ClientContext context;
  const auto stream = session->Api().WatchPacketIns(&context, options.request);
  stream->WaitForInitialMetadata();
  // Also when there is none, as it was refused: the end tells.
  std::fprintf(stderr, "listening on %s\n", options.request.bridge().c_str());
  v1::PacketIn packet;
  uint64_t seen = 0;
  while (stream->Read(&packet)) {
    const std::string text = session->json ? ToJson(packet) : ToText(packet, options.hex);
    std::fwrite(text.data(), 1, text.size(), stdout);
    const bool broken = std::fflush(stdout) != 0;  // nobody reads on
    if (!broken && ++seen != options.count) continue;
    context.TryCancel();
    (void)stream->Finish();
    return 0;
  }
  const grpc::Status status = stream->Finish();
  return session->Succeeded(status) ? 0 : kRefused;
}

}  // namespace

void AddPacketIns(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* command =
      app->add_subcommand("packet-ins", "Packets that rules send to user space, as they come");
  command->footer(kExamples);
  const auto options = std::make_shared<Options>();
  command
      ->add_option_function<std::string>(
          "BRIDGE", [=](const std::string& name) { options->request.set_bridge(name); },
          "Of this bridge")
      ->required();
  command->add_option("--count", options->count, "End after so many; 0: never");
  command->add_flag("--hex", options->hex, "The packet's bytes, too");
  command->add_option_function<uint32_t>(
      "--queue", [=](uint32_t queue) { options->request.set_queue(queue); },
      "How many may wait for us before sluiced drops some (256)");
  command->callback([=] { *chosen = [=] { return PacketIns(session, *options); }; });
}

}  // namespace sluice::ctl
