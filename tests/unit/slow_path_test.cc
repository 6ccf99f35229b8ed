// Headers changed in a packet's bytes: what the random packets of translate_property_test do not
// have.
#include "agent/translate/slow_path.h"

#include <linux/openvswitch.h>
#include <netinet/in.h>

#include <algorithm>

#include "agent/translate/checksum.h"
#include "dpctl/packet_compose.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/action_list.h"
#include "tests/support/packet_reader.h"
#include "tests/support/test.h"

namespace sluice::translate {
namespace {

using base::ByteVector;
using base::ByteView;

ByteVector Hex(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const auto bytes = base::FromHex(text);
  REQUIRE(bytes);
  return *bytes;
}

ByteVector Actions(std::string_view text) {
  auto actions = attr::ParseList(ovs::kActionTable, text, {});
  REQUIRE_OK(actions);
  return *actions;
}

// A packet made up from a key.
struct Packet {
  ovs::FlowKey key;
  ByteVector bytes;
  uint16_t mru = 0;
};
Packet Make(std::string_view text) {
  const auto parsed = attr::ParseSet(ovs::kKeyTable, text, {});
  REQUIRE_OK(parsed);
  Packet packet;
  ovs::FlowKey mask;
  attr::Unknowns unknowns;
  REQUIRE_FALSE(ovs::DecodeFlowKey(parsed->value, &packet.key, &unknowns));
  REQUIRE_FALSE(ovs::DecodeFlowKey(parsed->mask, &mask, &unknowns));
  const auto bytes = dpctl::ComposePacket(packet.key, mask, {});
  REQUIRE_OK(bytes);
  packet.bytes = *bytes;
  return packet;
}

struct Sent {
  ByteVector packet, actions;
};
RewriteFault Play(const Packet& packet, ByteView actions, std::vector<Sent>* sent) {
  return Replay(packet.bytes, packet.key, packet.mru, actions, [&](ByteView now, ByteView rest) {
    sent->push_back({{now.begin(), now.end()}, {rest.begin(), rest.end()}});
  });
}

// One packet, changed by one list that sends it once.
ByteVector Changed(ByteView bytes, std::string_view text) {
  PacketRewriter packet(bytes, /*ethernet=*/true, 0);
  const ByteVector actions = Actions(text);
  for (const attr::Attribute& action : attr::AttributeWalk(actions))
    REQUIRE(ToString(packet.Apply(action)) == "none");
  return {packet.bytes().begin(), packet.bytes().end()};
}

#define ETH "eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),"
const char kArp[] =
    "in_port(1)," ETH "eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=0a:00:00:00:00:01)";
const char kSolicitation[] = "in_port(1)," ETH
                             "eth_type(0x86dd),ipv6(src=fd00::1,dst=fd00::2,proto=58,hlimit=255),"
                             "icmpv6(type=135,code=0),nd(target=fd00::2";
const char kTcp[] =
    "in_port(1)," ETH "eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6),tcp(src=1,dst=2)";

TEST_CASE("slow path: each run of actions between changes is one execute, in order") {
  std::vector<Sent> sent;
  const Packet packet = Make(kArp);
  REQUIRE(Play(packet,
               Actions("1,2,set(arp(op=2)),3,clone(set(arp(op=9)),4),set(skb_mark(7)),5,"
                       "set(arp(tip=10.0.0.9)),push_vlan(vid=5,pcp=0),6,pop_vlan,7"),
               &sent) == RewriteFault::kNone);
  REQUIRE(sent.size() == 5);
  const auto op = [&](size_t i) { return int{sent[i].packet[21]}; };
  CHECK(sent[0].actions == Actions("1,2"));
  CHECK(op(0) == 1);
  CHECK(sent[1].actions == Actions("3"));
  CHECK(op(1) == 2);
  CHECK(sent[2].actions == Actions("4"));
  CHECK(op(2) == 9);
  // A mark is no byte of the packet: each execute behind it sets it.
  CHECK(sent[3].actions == Actions("set(skb_mark(7)),5"));
  CHECK(op(3) == 2);
  // Behind our last change the kernel does all by itself.
  CHECK(sent[4].actions == Actions("set(skb_mark(7)),push_vlan(vid=5,pcp=0),6,pop_vlan,7"));
  CHECK(sent[4].packet.size() == packet.bytes.size());
  CHECK(sent[4].packet.back() == 9);
}

TEST_CASE("slow path: nothing of ours is one execute with all; no output is none") {
  std::vector<Sent> sent;
  const ByteVector actions = Actions("set(tcp(src=5)),1,push_vlan(vid=5,pcp=0),2");
  REQUIRE(Play(Make(kTcp), actions, &sent) == RewriteFault::kNone);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].actions == actions);
  sent.clear();
  CHECK(Play(Make(kArp), Actions("set(arp(op=2))"), &sent) == RewriteFault::kNone);
  CHECK(sent.empty());
}

TEST_CASE("slow path: what cannot be done ends it") {
  std::vector<Sent> sent;
  // Connection tracking that translates, in front of a change of ours.
  CHECK(Play(Make(kArp), Actions("1,ct(zone=1,nat),set(arp(op=2)),2"), &sent) ==
        RewriteFault::kUnsupported);
  CHECK(sent.size() == 1);
  sent.clear();
  CHECK(Play(Make(kTcp), Actions("set(arp(op=2)),2"), &sent) == RewriteFault::kTooShort);
  CHECK(sent.empty());
  std::string many;
  for (int i = 0; i <= kMaxExecutes; ++i) many += "set(arp(op=2)),2,";
  many += "set(arp(op=2)),2";
  CHECK(Play(Make(kArp), Actions(many), &sent) == RewriteFault::kTooMany);
  CHECK(sent.size() == kMaxExecutes);
}

TEST_CASE("packet rewrite: a packet that ends anywhere is changed or refused, never overrun") {
  for (const char* key : {kArp, kTcp}) {
    const Packet whole = Make(key);
    for (size_t size = 0; size <= whole.bytes.size(); ++size) {
      const ByteVector cut(whole.bytes.begin(), whole.bytes.begin() + static_cast<ptrdiff_t>(size));
      PacketRewriter packet(cut, true, 0);
      const ByteVector actions =
          Actions(key == kArp ? "set(arp(tip=1.2.3.4))" : "set(tcp(src=99))");
      const RewriteFault fault = packet.Apply(*attr::AttributeWalk(actions).begin());
      // Of TCP, the ports are enough, and the eight bytes that every fragment has.
      const size_t needed = key == kArp ? 14 + 28 : 14 + 20 + 8;
      CHECK((fault == RewriteFault::kNone) == (size >= needed));
      CHECK(packet.bytes().size() == size);
    }
  }
}

testing::ReadPacket Read(ByteView bytes) { return testing::ReadBytes(bytes, {}); }

TEST_CASE("neighbour discovery: options are found, turned round or added") {
  const auto advert = [](const std::string& key) {
    const Packet packet = Make(key);
    const ByteVector bytes = Changed(
        packet.bytes,
        "set(icmpv6(type=136,code=0)),set(nd(tll=0a:00:00:00:00:aa)),set(nd(target=fd00::9))");
    const testing::ReadPacket read = Read(bytes);
    CHECK(read.fault.empty());
    CHECK(base::ToString(read.fields.nd_tll) == "0a:00:00:00:00:aa");
    CHECK(base::ToString(read.fields.nd_target) == "fd00::9");
    CHECK(read.fields.nd_sll == base::Mac{});
    return bytes.size() - packet.bytes.size();
  };
  const std::string solicitation = kSolicitation;
  CHECK(advert(solicitation + ",sll=0a:00:00:00:00:01)") == 0);
  CHECK(advert(solicitation + ",tll=0a:00:00:00:00:01)") == 0);
  CHECK(advert(solicitation + ")") == 8);
  // In a solicitation the source's address stays beside another.
  const testing::ReadPacket both = Read(Changed(
      Make(solicitation + ",sll=0a:00:00:00:00:01)").bytes, "set(nd(tll=0a:00:00:00:00:aa))"));
  CHECK(both.fault.empty());
  CHECK(base::ToString(both.fields.nd_sll) == "0a:00:00:00:00:01");
  CHECK(base::ToString(both.fields.nd_tll) == "0a:00:00:00:00:aa");
}

TEST_CASE("packet rewrite: a UDP checksum of zero is none, and none is made") {
  Packet packet = Make("in_port(1)," ETH
                       "eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17),udp(dst=53)");
  ByteVector without = packet.bytes;
  without[40] = without[41] = 0;
  const ByteVector changed = Changed(without, "set(ipv4(src=10.0.0.77)),set(udp(src=5))");
  CHECK(base::Load<uint16_t>(&changed[40]) == 0);
  CHECK(Read(Changed(packet.bytes, "set(ipv4(src=10.0.0.77)),set(udp(src=5))")).fault.empty());
  // A wrong checksum stays wrong: we do not vouch for what came.
  packet.bytes[41] ^= 1;
  CHECK_FALSE(Read(Changed(packet.bytes, "set(udp(src=5))")).fault.empty());
}

TEST_CASE("packet rewrite: CRC-32C, and SCTP's use of it") {
  Crc32c crc;
  const std::string_view digits = "123456789";
  crc.Add({reinterpret_cast<const uint8_t*>(digits.data()), digits.size()});
  CHECK(crc.value() == 0xe3069283);  // the check value of the catalogues
  const char* sctp =
      "in_port(1)," ETH "eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=132),sctp(src=%)";
  std::string before = sctp, after = sctp;
  before.replace(before.find('%'), 1, "7");
  after.replace(after.find('%'), 1, "4711");
  CHECK(Changed(Make(before).bytes, "set(sctp(src=4711))") == Make(after).bytes);
}

// Destination options (8 bytes), a routing header with stops left, then UDP with a right checksum.
TEST_CASE("packet rewrite: IPv6 extension headers are passed, and change what is summed up") {
  const ByteVector packet =
      Hex("0a0000000002 0a0000000001 86dd"
          "60000000 0028 3c40"
          "fd000000000000000000000000000001 fd000000000000000000000000000002"
          "2b00010400000000"                                    // destination options
          "11020001 00000000 fd000000000000000000000000000009"  // routing: one stop left
          "00070035 0008 0000");
  REQUIRE(packet.size() == 14 + 40 + 40);
  const PacketLayout layout = LayoutOf(packet, true, 0);
  CHECK(layout.proto == IPPROTO_UDP);
  CHECK(layout.transport == packet.size() - 8);
  CHECK(layout.routed);
  ByteVector summed = packet;
  summed[packet.size() - 2] = 0x12;
  // The address that is summed up is the last stop's: this one is not.
  const ByteVector other = Changed(summed, "set(ipv6(dst=fd00::77))");
  CHECK(other[packet.size() - 2] == 0x12);
  CHECK(other[14 + 39] == 0x77);
  const ByteVector source = Changed(summed, "set(ipv6(src=fd00::77))");
  CHECK(source[packet.size() - 2] != 0x12);
  const ByteVector port = Changed(packet, "set(udp(src=9))");
  CHECK(port[packet.size() - 7] == 9);
}

TEST_CASE("packet rewrite: IPv4 options, SNAP, and later fragments") {
  Packet packet = Make(kTcp);
  ByteVector with_option = packet.bytes;
  with_option[14] = 0x46;
  const ByteVector option = {1, 1, 1, 0};
  with_option.insert(with_option.begin() + 34, option.begin(), option.end());
  CHECK(LayoutOf(with_option, true, 0).transport == 38);

  ByteVector snap = packet.bytes;
  const ByteVector llc = Hex("0030 aaaa03000000");
  snap.insert(snap.begin() + 12, llc.begin(), llc.end());
  const PacketLayout layout = LayoutOf(snap, true, 0);
  CHECK(layout.eth_type == 0x0800);
  CHECK(layout.transport == 14 + 8 + 20);

  ByteVector later = packet.bytes;
  later[21] = 1;
  CHECK(LayoutOf(later, true, 0).proto == 0);
  CHECK(LayoutOf(later, true, 0).fragment);
  // Without Ethernet header: what the port says it is.
  const ByteView bare = ByteView(packet.bytes).subspan(14);
  CHECK(LayoutOf(bare, false, 0x0800).transport == 20);
}

TEST_CASE("packet layout: a length as the kernel counts it") {
  const auto length = [](std::string_view hex, uint16_t mru, bool ethernet = true) {
    ByteVector packet = Hex(std::string(hex));
    packet.resize(packet.size() + 20);
    return CheckedLength(packet, LayoutOf(packet, ethernet, ethernet ? 0 : 0x0800), mru);
  };
#define MACS "0a0000000002 0a0000000001 "
  CHECK(length(MACS "0800", 0) == 34);
  CHECK(length(MACS "8100 000a 0800", 0) == 34);
  CHECK(length(MACS "88a8 000a 0800", 0) == 34);
  CHECK(length(MACS "88a8 000a 8100 0014 0800", 0) == 38);
  CHECK(length(MACS "8847 00010140", 0) == 38);
  CHECK(length("", 0, false) == 20);
  // Put together of fragments.
  CHECK(length(MACS "0800", 1500) == 1514);
  CHECK(length(MACS "8100 000a 0800", 1500) == 1514);
  CHECK(length(MACS "88a8 000a 8100 0014 0800", 1500) == 1518);
  CHECK(length("", 1500, false) == 1500);
  // Of a tag there is no more than its type.
  CHECK(CheckedLength(Hex(MACS "8100"), LayoutOf(Hex(MACS "8100"), true, 0), 0) == 14);
  CHECK(CheckedLength({}, LayoutOf({}, true, 0), 0) == 0);
#undef MACS
}

TEST_CASE("slow path: lengths are compared by the agent, of the packet as it is by then") {
  Packet packet = Make(kArp);
  const std::string size = std::to_string(packet.bytes.size());
  const auto sends = [&packet](const std::string& text) {
    std::vector<Sent> sent;
    REQUIRE(Play(packet, Actions(text), &sent) == RewriteFault::kNone);
    std::string all;
    for (const Sent& one : sent) {
      attr::AppendList(ovs::kActionTable, one.actions, {}, &all);
      all.push_back(';');
    }
    return all;
  };
  const std::string check = "check_pkt_len(size=" + size + ",gt(1),le(2))";
  CHECK(sends(check) == "2;");
  CHECK(sends(check + ",3") == "2;3;");
  CHECK(sends("push_vlan(vid=5,pcp=0)," + check + ",3") == "2;3;");
  CHECK(sends("push_vlan(vid=5,pcp=0),push_vlan(vid=6,pcp=0)," + check + ",3") == "1;3;");
  CHECK(sends("clone(push_mpls(label=5,tc=0,ttl=1,bos=1,eth_type=0x8847)," + check + ")," +
              check) == "1;2;");
  // What a branch changes is its own.
  CHECK(sends("check_pkt_len(size=" + size +
              ",gt(1),le(set(arp(sip=10.0.0.9,tip=10.0.0.2,op=1,sha="
              "0a:00:00:00:00:01,tha=00:00:00:00:00:00)),2)),3") == "2;3;");
  packet.mru = 576;
  CHECK(sends(check) == "1;");
  packet.bytes.resize(packet.bytes.size() + 1);
  packet.mru = 0;
  CHECK(sends(check) == "1;");
  CHECK(sends("check_pkt_len(size=" + size + ",gt(drop),le(2)),3") == "3;");
}

}  // namespace
}  // namespace sluice::translate
