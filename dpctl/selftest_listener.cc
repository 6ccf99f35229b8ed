#include "dpctl/selftest_listener.h"

#include "absl/strings/str_cat.h"
#include "dpctl/selftest_dialect.h"
#include "dpctl/stop_signals.h"
#include "netlink/base/status.h"
#include "netlink/ovs/packet.h"

namespace sluice::dpctl {
namespace {

void AppendLine(const socket::Message& message, std::string* out) {
  const auto generic = socket::ParseGeneric(message, sizeof(ovs_header));
  if (!generic) return;
  if (generic->command == OVS_PACKET_CMD_EXECUTE) {
    out->append("userspace execute command\n");
  } else if (generic->command == OVS_PACKET_CMD_ACTION) {
    out->append("userspace action command\n");
  } else if (generic->command == OVS_PACKET_CMD_MISS) {
    ovs::Upcall upcall;
    const ovs::UpcallFault fault = ovs::DecodeUpcall(message, &upcall);
    absl::StrAppend(
        out, "MISS upcall[", message.sequence, "/", fault == ovs::UpcallFault::kNone ? "yes" : "no",
        "]: ", fault == ovs::UpcallFault::kNone ? SelftestKeyText(upcall.key) : "(none)", "\n");
  } else {
    absl::StrAppend(out, "Unknown cmd: ", generic->command, "\n");
  }
}

}  // namespace

absl::Status PrintSelftestUpcalls(UpcallSocket* socket, Session* session) {
  StopSignals stop;
  SLUICE_RETURN_IF_ERROR(stop.Install());
  Output& out = session->out();
  out.Write(absl::StrCat("listening on upcall packet handler: ", socket->pid(), "\n"));
  SLUICE_RETURN_IF_ERROR(out.Flush());
  while (stop.WaitFor(socket->fd())) {
    const uint64_t overruns = socket->overruns();
    SLUICE_RETURN_IF_ERROR(socket->Receive(
        [&out](const socket::Message& message) { AppendLine(message, &out.buffer()); }));
    if (socket->overruns() != overruns) Session::Warn("upcalls were lost: the socket was full");
    SLUICE_RETURN_IF_ERROR(out.Flush());
  }
  return absl::OkStatus();
}

}  // namespace sluice::dpctl
