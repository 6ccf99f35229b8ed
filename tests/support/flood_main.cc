// Sends UDP packets, each with ports and a source address that none had before: new flows, as fast
// as one thread can. For scenarios and benchmarks, in a network namespace of theirs.
//
//   flood INTERFACE COUNT SOURCE_MAC DESTINATION_MAC
//
// Prints how many were sent in how many seconds. What the interface cannot take at once is sent
// again.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/strings/numbers.h"
#include "netlink/base/address.h"

namespace sluice {
namespace {

constexpr size_t kBatch = 64;

struct [[gnu::packed]] Packet {
  ether_header ethernet;
  iphdr ip;
  udphdr udp;
  std::array<uint8_t, 18> payload;
};
static_assert(sizeof(Packet) == 60);

uint16_t IpChecksum(const iphdr& header) {
  std::array<uint16_t, sizeof(iphdr) / 2> words;
  std::memcpy(words.data(), &header, sizeof(header));
  uint32_t sum = 0;
  for (const uint16_t word : words) sum += word;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

Packet Template(const base::Mac& source, const base::Mac& destination) {
  Packet packet{};
  std::memcpy(packet.ethernet.ether_shost, source.bytes.data(), ETH_ALEN);
  std::memcpy(packet.ethernet.ether_dhost, destination.bytes.data(), ETH_ALEN);
  packet.ethernet.ether_type = htons(ETHERTYPE_IP);
  packet.ip.version = 4;
  packet.ip.ihl = 5;
  packet.ip.ttl = 64;
  packet.ip.protocol = IPPROTO_UDP;
  packet.ip.tot_len = htons(sizeof(Packet) - sizeof(ether_header));
  packet.ip.daddr = inet_addr("10.0.0.99");
  packet.udp.len = htons(sizeof(udphdr) + sizeof(packet.payload));
  return packet;
}

// Packet number `n`: 60,000 ports to each of which 60,000 more lead, from many addresses.
void Number(uint64_t n, Packet* packet) {
  packet->ip.saddr = htonl(0x0b000000u + static_cast<uint32_t>(n / 60'000));
  packet->ip.check = 0;
  packet->ip.check = IpChecksum(packet->ip);
  packet->udp.source = htons(static_cast<uint16_t>(1024 + n % 60'000));
  packet->udp.dest = htons(static_cast<uint16_t>(1024 + n * 7 % 60'000));
}

int Complain(const char* what) {
  std::fprintf(stderr, "flood: %s: %s\n", what, std::strerror(errno));
  return EXIT_FAILURE;
}

int Main(int argc, char** argv) {
  uint64_t count = 0;
  const auto mac = [&](int i) { return base::ParseMac(argv[i]); };
  if (argc != 5 || !absl::SimpleAtoi(argv[2], &count) || !mac(3) || !mac(4)) {
    std::fputs("usage: flood INTERFACE COUNT SOURCE_MAC DESTINATION_MAC\n", stderr);
    return 2;
  }
  const int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0) return Complain("socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(argv[1]));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return Complain(argv[1]);

  std::array<Packet, kBatch> packets;
  packets.fill(Template(*mac(3), *mac(4)));
  std::array<iovec, kBatch> vectors;
  std::array<mmsghdr, kBatch> headers{};
  for (size_t i = 0; i < kBatch; ++i) {
    vectors[i] = {&packets[i], sizeof(Packet)};
    headers[i].msg_hdr.msg_iov = &vectors[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  const auto start = std::chrono::steady_clock::now();
  for (uint64_t sent = 0; sent < count;) {
    const auto batch = static_cast<unsigned>(std::min<uint64_t>(kBatch, count - sent));
    for (size_t i = 0; i < batch; ++i) Number(sent + i, &packets[i]);
    const int taken = sendmmsg(fd, headers.data(), batch, 0);
    if (taken > 0) sent += static_cast<uint64_t>(taken);
    if (taken >= 0 || errno == EINTR) continue;
    if (errno != ENOBUFS && errno != EAGAIN) return Complain("sendmmsg");
    pollfd poller{fd, POLLOUT, 0};
    poll(&poller, 1, 1);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%llu packets in %.2f s\n", static_cast<unsigned long long>(count), took.count());
  close(fd);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) { return sluice::Main(argc, argv); }
