// Any bytes are read as a file of packets; the packets that come lie within them.
#include <cstdlib>

#include "netlink/pcap/file_reader.h"

using sluice::pcap::FileReader;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto file = FileReader::FromBytes({data, data + size}, "fuzz");
  if (!file.ok()) return 0;
  sluice::pcap::PacketRecord packet;
  size_t total = 0;
  while (true) {
    const auto more = file->Next(&packet);
    if (!more.ok() || !*more) break;
    total += packet.bytes.size() + 1;  // a header at the least
    if (total > size) std::abort();
  }
  return 0;
}
