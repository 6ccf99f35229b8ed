#include "agent/translate/key_fields.h"

#include <random>
#include <string>

#include "agent/pipeline/match.h"
#include "netlink/attr/text.h"
#include "tests/support/test.h"

namespace sluice::translate {
namespace {

using base::Be16;
using base::Be32;
using ovs::FlowKey;
using Random = std::mt19937_64;

constexpr char kMetadata[] =
    "recirc_id(0),dp_hash(0),skb_priority(0),skb_mark(0),ct_state(0),ct_zone(0),ct_mark(0),"
    "ct_label(0),";

FlowKey Key(std::string_view text) {
  const auto parsed = attr::ParseSet(ovs::kKeyTable, text, {});
  REQUIRE_OK(parsed);
  FlowKey key{};
  REQUIRE_FALSE(ovs::DecodeFlowKey(parsed->value, &key, nullptr));
  return key;
}

bool Same(const FlowKey& a, const FlowKey& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

TEST_CASE("key fields: what a key is in the words of rules, and back") {
  struct Case {
    std::string_view key, rule;
  };
  const Case cases[] = {
      {"in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"
       "ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,tos=0x12,ttl=64,frag=no),tcp(src=1,dst=80),"
       "tcp_flags(syn)",
       "tcp,in_port=3,dl_src=0a:00:00:00:00:01,nw_src=10.0.0.1,nw_tos=16,nw_ecn=2,nw_ttl=64,"
       "nw_frag=no,tp_dst=80,tcp_flags=syn,vlan_tci=0,packet_type=(0,0)"},
      {"in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x8100),"
       "vlan(vid=5,pcp=3),encap(eth_type(0x86dd),ipv6(src=::1,dst=::2,label=0x12345,proto=58,"
       "tclass=0,hlimit=9,frag=no),icmpv6(type=135,code=0),nd(target=::3,sll=0:0:0:0:0:1,"
       "tll=0:0:0:0:0:0))",
       "icmp6,dl_vlan=5,dl_vlan_pcp=3,vlan_tpid=0x8100,ipv6_src=::1,ipv6_label=0x12345,"
       "icmp_type=135,nd_target=::3,nd_sll=0:0:0:0:0:1"},
      {"in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x88a8),"
       "vlan(vid=5,pcp=0),encap(eth_type(0x8100),vlan(vid=6,pcp=1),encap(eth_type(0x0806),"
       "arp(sip=1.2.3.4,tip=1.2.3.5,op=2,sha=0:0:0:0:0:1,tha=0:0:0:0:0:2)))",
       "arp,dl_vlan=5,vlan_tpid=0x88a8,inner_vlan_tci=0x3006,arp_spa=1.2.3.4,arp_op=2,"
       "arp_tha=0:0:0:0:0:2"},
      {"in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x8847),"
       "mpls(label=5,tc=1,ttl=3,bos=0,label=6,tc=0,ttl=4,bos=1)",
       "mpls,mpls_label=5,mpls_tc=1,mpls_ttl=3,mpls_bos=0"},
      {"in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02)", "dl_type=0x05ff,in_port=3"},
      {"in_port(3),eth_type(0x0800),"
       "ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=first),udp(src=1,dst=80)",
       "packet_type=(1,0x800),udp,nw_frag=first,tp_src=1"},
      {"in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"
       "ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=later)",
       "udp,nw_frag=later,tp_src=0"},
      {"in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"
       "ipv4(src=10.0.0.1,dst=10.0.0.2,proto=1,tos=0,ttl=64,frag=no),icmp(type=8,code=1)",
       "icmp,icmp_type=8,icmp_code=1"},
      {"tunnel(tun_id=0x5,src=10.0.0.1,dst=10.0.0.2,ttl=64,tp_src=1,tp_dst=4789,flags(csum|oam)),"
       "in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"
       "ipv4(src=10.0.0.1,dst=10.0.0.2,proto=132,tos=0,ttl=64,frag=no),sctp(src=1,dst=2)",
       "sctp,tun_id=5,tun_src=10.0.0.1,tun_ttl=64,tun_flags=+oam,tun_tp_dst=4789,tp_dst=2"},
      {"eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x1234)",
       "dl_type=0x1234,in_port=NONE"},
  };
  for (const Case& c : cases) {
    INFO(c.key);
    const FlowKey key = Key(kMetadata + std::string(c.key));
    const Fields fields = FieldsOfKey(key);
    const auto match = pipeline::ParseMatch(c.rule, nullptr);
    REQUIRE_OK(match);
    std::string all;
    Fields ones;
    for (size_t i = 0; i < pipeline::kFieldWords; ++i) SetWord(&ones, i, ~uint64_t{0});
    pipeline::AppendMatch(fields, ones, nullptr, &all);
    INFO(all);
    CHECK(match->Matches(fields));
    CHECK(Same(KeyOfFields(fields), key));
  }
}

TEST_CASE("key fields: connection tracking, labels with the most significant byte first") {
  const FlowKey key =
      Key("recirc_id(7),dp_hash(1),skb_priority(2),skb_mark(3),ct_state(est|trk),ct_zone(5),"
          "ct_mark(6),ct_label(0x1),ct_tuple4(src=1.2.3.4,dst=5.6.7.8,proto=6,tp_src=9,tp_dst=10),"
          "in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"
          "ipv4(src=10.0.0.1,dst=10.0.0.2,proto=47,tos=0,ttl=64,frag=no)");
  const Fields fields = FieldsOfKey(key);
  for (const char* word : {"recirc_id=7", "pkt_mark=3", "ct_state=+est+trk-inv", "ct_zone=5",
                           "ct_mark=6", "ct_label=0x1", "ip,ct_state=+est+trk,ct_nw_src=1.2.3.4",
                           "ip,ct_state=+est+trk,ct_nw_proto=6,ct_tp_dst=10"}) {
    INFO(word);
    const auto match = pipeline::ParseMatch(word, nullptr);
    REQUIRE_OK(match);
    CHECK(match->Matches(fields));
  }
  CHECK(Same(KeyOfFields(fields), key));
}

// --- Random packets ------------------------------------------------------------------------------

template <typename T>
T Pick(Random& random, std::initializer_list<T> from) {
  return from.begin()[random() % from.size()];
}

// Fields of a packet as the kernel could have it: few different values, so that two often agree.
Fields RandomPacket(Random& random) {
  Fields f;
  f.in_port = Be32::FromHost(Pick<uint32_t>(random, {1, 2, 0xffff}));
  f.recirc_id = Be32::FromHost(static_cast<uint32_t>(random() % 2));
  f.ct_mark = Be32::FromHost(static_cast<uint32_t>(random() % 3));
  f.ct_label[random() % 16] = static_cast<uint8_t>(random());
  f.ct_zone = Be16::FromHost(static_cast<uint16_t>(random() % 3));
  if (random() % 8 == 0) {
    f.packet_type = Be32::FromHost(1 << 16 | 0x0800);
  } else {
    f.eth_src = {{2, 0, 0, 0, 0, static_cast<uint8_t>(random() % 2)}};
    f.eth_dst = {{2, 0, 0, 0, 1, static_cast<uint8_t>(random() % 2)}};
    const size_t vlans = random() % 3;
    for (size_t i = 0; i < vlans; ++i) {
      f.vlans[i] = {.tpid = Be16::FromHost(Pick<uint16_t>(random, {0x8100, 0x88a8})),
                    .tci = Be16::FromHost(static_cast<uint16_t>(0x1000 | random() % 3))};
    }
  }
  const uint16_t type = f.packet_type.wire() != 0
                            ? 0x0800
                            : Pick<uint16_t>(random, {0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806,
                                                      0x8035, 0x8847, 0x05ff, 0x1234});
  f.eth_type = Be16::FromHost(type);
  if (random() % 4 == 0) {
    f.tun_flags = Be16::FromHost(static_cast<uint16_t>(
        pipeline::kTunnelKey | Pick<uint16_t>(random, {0, pipeline::kTunnelOam}) |
        Pick<uint16_t>(random, {0, pipeline::kTunnelDontFragment})));
    f.tun_id = base::Be64::FromHost(random() % 2);
    (random() % 2 == 0 ? f.tun_dst.bytes[3] : f.tun_ipv6_dst.bytes[3]) = 1;
    f.tun_tos = static_cast<uint8_t>(random() % 2);
    f.tun_ttl = 64;
    f.tun_tp_dst = Be16::FromHost(static_cast<uint16_t>(random() % 2));
    // Only a tunnel port has such packets.
    f.in_port = Be32::FromHost(3);
  }
  if (type == 0x8847) {
    f.mpls[0] = Be32::FromHost(static_cast<uint32_t>(random() % 4 << 7));
    if ((f.mpls[0].host() & 0x100) == 0) f.mpls[1] = Be32::FromHost(0x1100);
    return f;
  }
  if (type == 0x0806 || type == 0x8035) {
    f.nw_src.bytes[3] = static_cast<uint8_t>(random() % 2);
    f.nw_proto = static_cast<uint8_t>(random() % 3);
    f.arp_sha.bytes[5] = static_cast<uint8_t>(random() % 2);
    return f;
  }
  if (type != 0x0800 && type != 0x86dd) return f;
  if (random() % 3 == 0) {
    f.ct_state = Be32::FromHost(0x22);
    f.ct_nw_proto = 6;
    f.ct_tp_dst = Be16::FromHost(static_cast<uint16_t>(random() % 2));
    (type == 0x0800 ? f.ct_nw_src.bytes[0] : f.ct_ipv6_src.bytes[0]) =
        static_cast<uint8_t>(random() % 2);
  }
  if (type == 0x0800) {
    f.nw_src.bytes[3] = static_cast<uint8_t>(random() % 3);
  } else {
    f.ipv6_src.bytes[15] = static_cast<uint8_t>(random() % 3);
    f.ipv6_label = Be32::FromHost(static_cast<uint32_t>(random() % 2));
  }
  f.nw_tos = static_cast<uint8_t>(random() % 5);
  f.nw_ttl = static_cast<uint8_t>(random() % 3);
  f.nw_frag = Pick<uint8_t>(random, {0, 0, 1, 3});
  f.nw_proto =
      Pick<uint8_t>(random, {6, 6, 17, 132, 47, type == 0x0800 ? uint8_t{1} : uint8_t{58}});
  const bool icmp = f.nw_proto == 1 || f.nw_proto == 58;
  if (f.nw_frag == 3 || f.nw_proto == 47) return f;
  f.tp_src = Be16::FromHost(icmp ? Pick<uint16_t>(random, {8, 135, 136})
                                 : static_cast<uint16_t>(random() % 2));
  f.tp_dst = Be16::FromHost(static_cast<uint16_t>(random() % 3));
  if (f.nw_proto == 6) f.tcp_flags = Be16::FromHost(static_cast<uint16_t>(random() % 3));
  if (f.nw_proto == 58 && f.tp_src.host() != 8)
    f.nd_target.bytes[0] = static_cast<uint8_t>(random() % 2);
  return f;
}

TEST_CASE("key fields: nothing is lost on the way to a key and back") {
  Random random(1);
  for (int i = 0; i < 50000; ++i) {
    const Fields fields = RandomPacket(random);
    const FlowKey key = KeyOfFields(fields);
    REQUIRE(FieldsOfKey(key) == fields);
    base::ByteVector bytes;
    attr::Writer writer(&bytes);
    ovs::EncodeFlowKey(key, nullptr, &writer);
    FlowKey decoded{};
    REQUIRE_FALSE(ovs::DecodeFlowKey(bytes, &decoded, nullptr));
    REQUIRE(Same(KeyOfFields(FieldsOfKey(decoded), decoded), decoded));
  }
}

bool IsIpv6Tunnel(const FlowKey& key) {
  return key.tunnel.Has(OVS_TUNNEL_KEY_ATTR_IPV6_SRC) ||
         key.tunnel.Has(OVS_TUNNEL_KEY_ATTR_IPV6_DST);
}

// What the kernel compares whatever the mask says: tags that are there, Ethernet headers, and
// through what a tunnel leads.
bool KernelSeesNoDifference(const FlowKey& a, const FlowKey& b) {
  return IsIpv6Tunnel(a) == IsIpv6Tunnel(b) && a.vlans() == b.vlans() &&
         a.Has(OVS_KEY_ATTR_ETHERNET) == b.Has(OVS_KEY_ATTR_ETHERNET);
}

// The bits that are sent: of attributes that the key lacks, only those that the mask adds.
FlowKey Sent(const FlowKey& key, const FlowKey& mask) {
  base::ByteVector bytes;
  attr::Writer writer(&bytes);
  ovs::EncodeFlowMask(key, mask, &writer);
  FlowKey sent{};
  REQUIRE_FALSE(ovs::DecodeFlowKey(bytes, &sent, nullptr));
  return sent;
}

TEST_CASE("key fields: what a flow's mask lets through agrees in the bits that were read") {
  Random random(2);
  int agreed = 0;
  for (int i = 0; i < 300000; ++i) {
    const Fields packet = RandomPacket(random);
    Fields other = RandomPacket(random);
    // Most often a packet that differs in a few words.
    if (random() % 4 != 0) {
      const Fields strange = other;
      other = packet;
      for (int n = 0; n < 4; ++n) {
        const size_t word = random() % pipeline::kFieldWords;
        SetWord(&other, word, Word(strange, word));
      }
      // The state tells whether there is a tuple.
      other.ct_state = Be32::FromHost(other.ct_nw_proto != 0 ? 0x22 : 0);
      // A tunnel is of one family.
      if (other.tun_ipv6_src != base::Ipv6{} || other.tun_ipv6_dst != base::Ipv6{})
        other.tun_src = other.tun_dst = {};
      other = FieldsOfKey(KeyOfFields(other));
    }
    Fields bits;
    for (size_t n = random() % 4; n > 0; --n) {
      const size_t word = pipeline::kStageEnds[0] / 2 +
                          random() % (pipeline::kFieldWords - pipeline::kStageEnds[0] / 2);
      SetWord(&bits, word, random() & random());
    }
    bits.tun_flags = Be16::FromHost(bits.tun_flags.host() & pipeline::kTunnelOam);
    const FlowKey a = KeyOfFields(packet), b = KeyOfFields(other);
    if (a.Has(OVS_KEY_ATTR_TUNNEL) != b.Has(OVS_KEY_ATTR_TUNNEL) && a.in_port == b.in_port)
      continue;
    const FlowKey mask = Sent(a, MaskOfFields(bits, a));
    if (!KernelSeesNoDifference(a, b) || !ovs::MatchesUnder(a, b, mask)) continue;
    const uint64_t flags = mask.tunnel.present & (uint64_t{1} << OVS_TUNNEL_KEY_ATTR_OAM);
    if (((a.tunnel.present ^ b.tunnel.present) & flags) != 0) continue;
    const bool typed = (mask.present[a.vlans()] >> OVS_KEY_ATTR_ETHERTYPE & 1) != 0;
    if (typed && packet.eth_type != other.eth_type) continue;
    ++agreed;
    std::string text;
    pipeline::AppendMatch(packet, bits, nullptr, &text);
    INFO(text);
    std::string other_text;
    pipeline::AppendMatch(other, bits, nullptr, &other_text);
    INFO(other_text);
    // The agent's own: no kernel matches these.
    bits.regs = {};
    bits.metadata = {};
    bits.packet_type = bits.actset_output = bits.conj_id = {};
    REQUIRE(pipeline::MatchesUnder(packet, other, bits));
  }
  CHECK(agreed > 20000);
}

TEST_CASE("key fields: bits of a mask give the mask again, and are those that were read") {
  Random random(3);
  for (int i = 0; i < 50000; ++i) {
    const Fields packet = RandomPacket(random);
    const FlowKey key = KeyOfFields(packet);
    const Fields exact = ExactBits(key);
    Fields bits;
    for (size_t n = random() % 4; n > 0; --n) {
      const size_t word = random() % pipeline::kFieldWords;
      SetWord(&bits, word, random() & random() & Word(exact, word));
    }
    const Fields seen = BitsOfMask(MaskOfFields(bits, key), key);
    REQUIRE(Same(Sent(key, MaskOfFields(seen, key)), Sent(key, MaskOfFields(bits, key))));
    REQUIRE(BitsOfMask(MaskOfFields(seen, key), key) == seen);
    REQUIRE(pipeline::IsWithin(seen, exact));
    REQUIRE(BitsOfMask(MaskOfFields(exact, key), key) == exact);
    // As a dump tells it: what is zero is not there.
    REQUIRE(BitsOfMask(Sent(key, MaskOfFields(bits, key)), key) == seen);
  }
}

TEST_CASE("key fields: the kernel's masks for what rules read") {
  struct Case {
    std::string_view key, read, mask;
  };
  const std::string tcp =
      "in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"
      "ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,tos=0,ttl=64,frag=no),tcp(src=1,dst=80),"
      "tcp_flags(syn)";
  const std::string later =
      "in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"
      "ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,tos=0,ttl=64,frag=later)";
  const std::string tagged =
      "in_port(3),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x8100),"
      "vlan(vid=5,pcp=3),encap(eth_type(0x1234))";
  const Case cases[] = {
      {tcp, "", "eth()"},
      {tcp, "in_port=3", "in_port(3),eth()"},
      {tcp, "ip,nw_dst=10.0.0.0/8", "eth(),eth_type(0x0800),ipv4(dst=10.0.0.2/255.0.0.0)"},
      {tcp, "tcp,tp_dst=80/0xff00", "eth(),eth_type(0x0800),ipv4(proto=6),tcp(dst=80/0xff00)"},
      {later, "tcp,tp_dst=80/0xff00", "eth(),eth_type(0x0800),ipv4(proto=6,frag=later)"},
      {tagged, "dl_vlan=5", "eth(),eth_type(0x8100),vlan(vid=5),encap(eth_type(0x1234/0))"},
      {tcp, "tun_id=5", "in_port(3),eth()"},
  };
  for (const Case& c : cases) {
    INFO(c.key << " | " << c.read);
    const FlowKey key = Key(kMetadata + std::string(c.key));
    const auto read = pipeline::ParseMatch(c.read, nullptr);
    REQUIRE_OK(read);
    base::ByteVector value, mask;
    attr::Writer value_writer(&value), mask_writer(&mask);
    ovs::EncodeFlowKey(key, nullptr, &value_writer);
    ovs::EncodeFlowMask(key, MaskOfFields(read->Mask(), key), &mask_writer);
    std::string text;
    attr::AppendSet(ovs::kKeyTable, value, attr::MaskView::Of(mask), {}, &text);
    CHECK(text == c.mask);
  }
}

}  // namespace
}  // namespace sluice::translate
