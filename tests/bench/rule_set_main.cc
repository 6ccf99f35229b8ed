// Rule sets in the manner of ClassBench as text, and packets for them: for tools/bench.
//
//   rule_set rules acl|fw|ipc SIZE                prints them; an agent and Open vSwitch read them
//   alike rule_set send acl|fw|ipc SIZE COUNT DEVICE    writes COUNT different packets, each of
//   which a rule
//                                                 of that set matches; never many at once
//
// Three of four rules send packets to port 2; the fourth drops them.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

#include "agent/pipeline/match.h"
#include "tests/support/rule_sets.h"

namespace sluice::testing {
namespace {

constexpr uint64_t kRulesSeed = 1, kTraceSeed = 2;
constexpr size_t kPriorities = 65'535;  // of OpenFlow
constexpr size_t kBurst = 16;
constexpr auto kPause = std::chrono::milliseconds(2);

int Complain(const char* what) {
  std::fprintf(stderr, "rule_set: %s: %s\n", what, std::strerror(errno));
  return EXIT_FAILURE;
}

int PrintRules(const RuleSet& set) {
  std::string text;
  for (size_t i = 0; i < set.size(); ++i) {
    text = "priority=";
    // Beyond as many as there are priorities, neighbours share one.
    text += std::to_string(set.size() <= kPriorities ? static_cast<size_t>(set[i].priority)
                                                     : (set.size() - i) * kPriorities / set.size());
    text += ',';
    pipeline::AppendMatch(set[i].value, set[i].mask, nullptr, &text);
    text += i % 4 == 3 ? ",actions=drop" : ",actions=output:2";
    std::puts(text.c_str());
  }
  return EXIT_SUCCESS;
}

struct [[gnu::packed]] Frame {
  ether_header ethernet{};
  iphdr ip{};
  std::array<uint8_t, 4> ports{};  // source, destination
  std::array<uint8_t, 36> rest{};
};

Frame FrameOf(const pipeline::Fields& packet) {
  Frame frame;
  frame.ethernet = {{0x0a, 0, 0, 0, 0, 2}, {0x0a, 0, 0, 0, 0, 1}, htons(ETHERTYPE_IP)};
  iphdr ip{};
  ip.version = 4;
  ip.ihl = 5;
  ip.ttl = 64;
  ip.tot_len = htons(sizeof(Frame) - sizeof(ether_header));
  ip.protocol = packet.nw_proto;
  std::memcpy(&ip.saddr, packet.nw_src.bytes.data(), sizeof(ip.saddr));
  std::memcpy(&ip.daddr, packet.nw_dst.bytes.data(), sizeof(ip.daddr));
  frame.ip = ip;
  std::memcpy(frame.ports.data(), &packet.tp_src, 2);
  std::memcpy(frame.ports.data() + 2, &packet.tp_dst, 2);
  frame.rest[8] = 5 << 4;  // of TCP: a header of five words, and SYN
  frame.rest[9] = 2;
  return frame;
}

int Send(const std::vector<pipeline::Fields>& trace, const char* device) {
  const int fd = socket(AF_PACKET, SOCK_RAW, 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(device));
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return Complain(device);
  for (size_t i = 0; i < trace.size(); ++i) {
    // Only a pace: what is lost nevertheless is seen in the datapath's statistics.
    if (i % kBurst == 0) std::this_thread::sleep_for(kPause);
    const Frame frame = FrameOf(trace[i]);
    if (send(fd, &frame, sizeof(frame), 0) != sizeof(frame)) return Complain("send");
  }
  close(fd);
  std::printf("%zu\n", trace.size());
  return EXIT_SUCCESS;
}

int Main(int argc, char** argv) {
  const std::string_view command = argc > 3 ? argv[1] : "";
  const size_t size = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 0;
  for (const Family family : kFamilies) {
    if (size == 0 || FamilyName(family) != argv[2]) continue;
    const RuleSet set = MakeRuleSet(family, size, kRulesSeed);
    if (command == "rules" && argc == 4) return PrintRules(set);
    if (command == "send" && argc == 6)
      return Send(MakeTrace(set, std::strtoul(argv[4], nullptr, 10), kTraceSeed), argv[5]);
  }
  std::fputs(
      "usage: rule_set rules acl|fw|ipc SIZE\n"
      "       rule_set send acl|fw|ipc SIZE COUNT DEVICE\n",
      stderr);
  return 2;
}

}  // namespace
}  // namespace sluice::testing

int main(int argc, char** argv) { return sluice::testing::Main(argc, argv); }
