// Any datagram's upcalls are written as `listen` and the selftest dialect write them.
#include <cstdlib>

#include "dpctl/selftest_dialect.h"
#include "dpctl/upcall_text.h"

using sluice::base::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const sluice::socket::Message& message : sluice::socket::MessageWalk(ByteView(data, size))) {
    sluice::ovs::Upcall upcall;
    if (sluice::ovs::DecodeUpcall(message, &upcall) != sluice::ovs::UpcallFault::kNone) continue;
    const sluice::dpctl::UpcallReport report{.upcall = upcall, .time_ns = size, .more = true};
    std::string line;
    sluice::dpctl::AppendUpcall(report, &line);
    if (line.empty() || line.back() != '\n') std::abort();
    const sluice::dpctl::Json json = sluice::dpctl::UpcallToJson(report);
    if (json["packet"].get<std::string>().size() != 2 * upcall.packet.size()) std::abort();
    (void)sluice::dpctl::SelftestKeyText(upcall.key);
  }
  return 0;
}
