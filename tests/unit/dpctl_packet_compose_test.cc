// Packets made up from flow keys: lengths and checksums are as a host would send them.
#include "dpctl/packet_compose.h"

#include "netlink/ovs/flow_text.h"
#include "tests/support/test.h"

namespace sluice::dpctl {
namespace {

using base::ByteVector;
using base::ByteView;

absl::StatusOr<ByteVector> Compose(std::string_view text, size_t size = 0) {
  const auto flow = ovs::ParseFlowText(text, nullptr);
  REQUIRE_OK(flow);
  ovs::FlowKey key{}, mask{};
  attr::Unknowns unknowns;
  REQUIRE_FALSE(ovs::DecodeFlowKey(flow->key, &key, &unknowns));
  REQUIRE_FALSE(ovs::DecodeFlowKey(flow->mask, &mask, &unknowns));
  return ComposePacket(key, mask, {.size = size});
}

std::string Hex(std::string_view text, size_t size = 0) {
  const auto packet = Compose(text, size);
  REQUIRE_OK(packet);
  return base::ToHex(*packet);
}

#define ETH "eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),"
#define ETH_BYTES "0a00000000020a0000000001"

// The ones' complement sum of a right header or segment is all ones.
uint32_t Sum(ByteView bytes, uint32_t sum = 0) {
  for (size_t i = 0; i < bytes.size(); ++i) sum += uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

TEST_CASE("composed: each header byte by byte") {
  CHECK(Hex(ETH "eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=0a:00:00:00:00:01,"
                "tha=00:00:00:00:00:00)") == ETH_BYTES
        "0806"
        "0001080006040001"
        "0a00000000010a000001"
        "0000000000000a000002");
  // A header that RFC 1071 examples are made of: its checksum is known.
  CHECK(Hex(ETH "eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=47,tos=0,ttl=64,frag=no)") ==
        ETH_BYTES
        "0800"
        "4500001400000000402f66b9"
        "0a0000010a000002");
  CHECK(Hex(ETH "eth_type(0x8100),vlan(vid=5,pcp=3),encap(eth_type(0x1234))", 24) == ETH_BYTES
        "8100"
        "6005"
        "1234"
        "000000000000");
  CHECK(Hex(ETH "eth_type(0x8847),mpls(label=5,tc=1,ttl=3,bos=1)") == ETH_BYTES
        "8847"
        "00005303");
  CHECK(Hex(ETH) == ETH_BYTES
        "0003"
        "424203");
}

TEST_CASE("composed: checksums are right, whatever the length") {
  for (const size_t size : {size_t{0}, size_t{61}, size_t{64}, size_t{1000}, size_t{1501}}) {
    CAPTURE(size);
    for (const char* transport :
         {"proto=6),tcp(src=1000,dst=80),tcp_flags(syn)", "proto=17),udp(src=1000,dst=53)"}) {
      CAPTURE(transport);
      const auto four = Compose(
          std::string(ETH "eth_type(0x0800),ipv4(src=10.1.2.3,dst=10.4.5.6,") + transport, size);
      REQUIRE_OK(four);
      const ByteView ip = ByteView(*four).subspan(14);
      CHECK(Sum(ip.first(20)) == 0xffff);
      const ByteView segment = ip.subspan(20);
      CHECK(static_cast<size_t>(ip[2] << 8 | ip[3]) == ip.size());
      CHECK(Sum(segment, Sum(ip.subspan(12, 8), ip[9] + static_cast<uint32_t>(segment.size()))) ==
            0xffff);
      const auto six = Compose(
          std::string(ETH "eth_type(0x86dd),ipv6(src=fd00::1,dst=fd00::2,") + transport, size);
      REQUIRE_OK(six);
      const ByteView ip6 = ByteView(*six).subspan(14), segment6 = ip6.subspan(40);
      CHECK(static_cast<size_t>(ip6[4] << 8 | ip6[5]) == segment6.size());
      CHECK(Sum(segment6, Sum(ip6.subspan(8, 32),
                              ip6[6] + static_cast<uint32_t>(segment6.size()))) == 0xffff);
    }
    const auto icmp = Compose(ETH "eth_type(0x0800),ipv4(proto=1),icmp(type=8,code=0)", size);
    REQUIRE_OK(icmp);
    CHECK(Sum(ByteView(*icmp).subspan(34)) == 0xffff);
  }
  // CRC-32C of these eight bytes and four zeros, worked out elsewhere; the lowest byte comes first.
  CHECK(Hex(ETH "eth_type(0x0800),ipv4(proto=132),sctp(src=1,dst=2)").substr(68) ==
        "0001000200000000"
        "fd988051");
}

TEST_CASE("composed: what cannot be made up is refused by name") {
  for (const char* text :
       {ETH "eth_type(0x894f),nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x1,si=255)",
        "eth_type(0x0800),ipv4(proto=6)", ETH "eth_type(0x86dd),ipv6(proto=6),ipv6_exthdrs(hop)"}) {
    CAPTURE(text);
    const auto packet = Compose(text);
    REQUIRE_FALSE(packet.ok());
    CHECK(packet.status().message().find("cannot compose") != absl::string_view::npos);
  }
}

}  // namespace
}  // namespace sluice::dpctl
