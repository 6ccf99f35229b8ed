// The part of the Client that dumps.

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"
#include "netlink/socket/client.h"
#include "netlink/socket/client_counters.h"

namespace sluice::socket {
namespace {

// 64 KiB each, so that the kernel makes datagrams of the largest size that it will (32 KiB), and
// several come with one system call.
constexpr size_t kDumpSlots = 8;

}  // namespace

struct Client::DumpPass {
  size_t messages = 0;
  bool interrupted = false;     // the kernel says that it was
  bool lost = false;            // some of it was thrown away
  absl::Status visitor_status;  // what the visitor ended the dump with
};

absl::Status Client::DumpOnce(const Request& request, uint16_t type, DumpVisitor* visitor,
                              const DumpOptions& options, DumpPass* pass) {
  buffers_.Reshape(kDumpSlots);
  const uint32_t sequence = TakeSequences(1);
  const auto flags = static_cast<uint16_t>((request.flags() & ~NLM_F_ACK) | NLM_F_DUMP);
  SLUICE_RETURN_IF_ERROR(SendOne(request, type, flags, sequence));
  busy_ = true;
  const absl::Cleanup idle = [this] { busy_ = false; };
  visitor->Begin();
  absl::StatusOr<ExtAck> end = ExtAck();
  const PumpResult result = Pump(sequence, 1, options_.timeout, [&](const Message& message) {
    if ((message.flags & NLM_F_DUMP_INTR) != 0) pass->interrupted = true;
    if (message.type == NLMSG_DONE || message.type == NLMSG_ERROR) {
      end = ParseExtAck(message);
      return true;
    }
    // What is to be thrown away is only read, as the kernel must come to the dump's end.
    if (!pass->visitor_status.ok() || (pass->interrupted && !options.accept_interrupted))
      return false;
    ++pass->messages;
    pass->visitor_status = visitor->OnMessage(message);
    return false;
  });
  if (result.outcome != Pumped::kDone) {
    Drain();
    if (result.outcome == Pumped::kOverrun) {
      pass->lost = true;
      return absl::OkStatus();
    }
    return PumpError(result, Describe(send_, request.label()));
  }
  if (!end.ok()) {
    TheClientCounters().malformed.Add();
    return end.status();
  }
  if (end->error != 0) {
    TheClientCounters().refused.Add();
    return Refusal(*end, send_, request.attributes_offset(), request.label());
  }
  return absl::OkStatus();
}

absl::StatusOr<DumpReport> Client::DumpPasses(const Request& request, uint16_t type,
                                              DumpVisitor* visitor, const DumpOptions& options) {
  for (int number = 1; number <= options_.dump_passes; ++number) {
    DumpPass pass;
    const absl::Status status = DumpOnce(request, type, visitor, options, &pass);
    if (!pass.visitor_status.ok()) return pass.visitor_status;
    if (!status.ok()) return status;
    if (pass.interrupted || pass.lost) TheClientCounters().interrupted.Add();
    if (!pass.lost && (!pass.interrupted || options.accept_interrupted))
      return DumpReport{
          .messages = pass.messages, .passes = number, .interrupted = pass.interrupted};
  }
  TheClientCounters().aborted.Add();
  return absl::AbortedError(absl::StrCat(Describe(send_, request.label()),
                                         ": what was dumped changed or was lost meanwhile, ",
                                         options_.dump_passes, " times in a row"));
}

absl::StatusOr<DumpReport> Client::Dump(const Request& request, DumpVisitor* visitor,
                                        const DumpOptions& options) {
  SLUICE_RETURN_IF_ERROR(CheckUsable(request));
  const uint16_t type = CurrentType(request.type());
  absl::StatusOr<DumpReport> report = DumpPasses(request, type, visitor, options);
  if (base::ErrnoOf(report.status()) != ENOENT) return report;
  SLUICE_ASSIGN_OR_RETURN(const uint16_t now, Refresh(type));
  if (now == type) return report;
  return DumpPasses(request, now, visitor, options);
}

}  // namespace sluice::socket
