// FlowKey and its masks: what is compared, what is written.
#include "netlink/ovs/flow_key.h"

#include <cstring>

#include "netlink/attr/text.h"
#include "netlink/ovs/flow.h"
#include "tests/support/test.h"

namespace sluice::ovs {
namespace {

using attr::MaskView;
using base::ByteVector;

FlowKey Key(std::string_view text) {
  FlowKey key{};
  auto read = attr::ParseSet(kKeyTable, text, {});
  REQUIRE(read.ok());
  REQUIRE_FALSE(DecodeFlowKey(read->value, &key, nullptr));
  return key;
}

FlowKey Mask(std::string_view text) {
  FlowKey mask{};
  auto read = attr::ParseSet(kKeyTable, text, {});
  REQUIRE(read.ok());
  REQUIRE_FALSE(DecodeFlowKey(read->mask, &mask, nullptr));
  return mask;
}

std::string Text(const FlowKey& key, const FlowKey& mask) {
  ByteVector values, masks;
  attr::Writer value_writer(&values), mask_writer(&masks);
  EncodeFlowKey(key, nullptr, &value_writer);
  EncodeFlowMask(key, mask, &mask_writer);
  std::string text;
  attr::AppendSet(kKeyTable, values, MaskView::Of(masks), {}, &text);
  return text;
}

TEST_CASE("flow key: levels of VLAN encapsulation") {
  const FlowKey key =
      Key("in_port(1),eth_type(0x88a8),vlan(vid=1,pcp=0),encap(eth_type(0x8100),vlan(vid=2,pcp=0),"
          "encap(eth_type(0x0800),ipv4(proto=6)))");
  CHECK(key.vlans() == 2);
  CHECK(key.eth_type().host() == 0x0800);
  CHECK(key.layers[0].tci.host() == 0x1001);
  CHECK(key.layers[1].tci.host() == 0x1002);
  CHECK(key.Has(OVS_KEY_ATTR_IPV4));
  CHECK_FALSE(key.HasAt(0, OVS_KEY_ATTR_IPV4));
  CHECK(key.HasAt(2, OVS_KEY_ATTR_IPV4));
}

TEST_CASE("flow key: a mask is written for what the key has and the mask selects") {
  const FlowKey key =
      Key("in_port(1),eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02),"
          "eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0800),"
          "ipv4(src=10.0.0.1,proto=6),tcp(dst=80))");
  FlowKey mask{};
  mask.in_port = UINT32_MAX;
  mask.eth.dst.bytes.fill(0xff);
  mask.layers[0].tci = base::Be16::FromHost(0x1fff);
  mask.layers[1].eth_type = base::Be16::FromHost(0xffff);
  mask.udp.dst = base::Be16::FromHost(0xffff);  // the key has none
  CHECK(Text(key, mask) ==
        "in_port(1),eth(dst=00:00:00:00:00:02),vlan(vid=5),encap(eth_type(0x0800))");
}

TEST_CASE("flow key: masks of buffers are as long as the key's") {
  const FlowKey key =
      Key("mpls(label=1,tc=0,ttl=0,bos=1),tunnel(ttl=64,"
          "geneve({class=0x1,type=0x2,len=4,0x00000003}))");
  FlowKey mask{};
  mask.mpls[0] = base::Be32::FromHost(0xfffff000);
  mask.tunnel.geneve[7] = 0xff;
  CHECK(Text(key, mask) == "tunnel(geneve({len=4/0,0x00000003/0x000000ff})),mpls(label=1)");
}

TEST_CASE("flow key: what the kernel leaves out since it is zero is matched as zero") {
  const FlowKey key = Key("tunnel(dst=10.0.0.1,ttl=64)");
  FlowKey mask{};
  mask.tunnel.tos = 0xff;
  mask.tunnel.ipv4_src.bytes.fill(0xff);
  mask.tunnel.ipv6_src.bytes.fill(0xff);  // not in a tunnel over IPv4
  CHECK(Text(key, mask) == "tunnel(src=0.0.0.0,tos=0)");
}

TEST_CASE("flow key: keys agree under a mask") {
  const FlowKey a = Key("in_port(1),ipv4(src=10.0.0.1,dst=10.0.0.2)");
  const FlowKey b = Key("in_port(1),ipv4(src=10.0.0.1,dst=10.0.0.3)");
  CHECK(MatchesUnder(a, b, Mask("in_port(1),ipv4(src=0.0.0.0)")));
  CHECK(MatchesUnder(a, b, Mask("ipv4(dst=0.0.0.0/31)")));
  CHECK_FALSE(MatchesUnder(a, b, Mask("ipv4(dst=0.0.0.0)")));
  CHECK(MatchesUnder(a, Key("in_port(1)"), Mask("in_port(0)")));
}

TEST_CASE("flow key: keys with more or fewer labels or options do not agree") {
  const FlowKey one = Key("mpls(label=0,tc=0,ttl=0,bos=0)");
  const FlowKey two = Key("mpls(label=0,tc=0,ttl=0,bos=0,label=0,tc=0,ttl=0,bos=0)");
  FlowKey mask{};
  CHECK(MatchesUnder(one, two, mask));
  mask.mpls[0] = base::Be32::FromHost(0x100);
  CHECK_FALSE(MatchesUnder(one, two, mask));
  const FlowKey none = Key("tunnel(ttl=1)");
  const FlowKey some = Key("tunnel(ttl=1,geneve({len=0}))");
  mask = {};
  mask.tunnel.geneve[100] = 1;
  CHECK_FALSE(MatchesUnder(none, some, mask));
}

TEST_CASE("flow key: a masked key has the mask's bits, and what tells its shape") {
  const FlowKey key = Key("in_port(3),mpls(label=1,tc=0,ttl=0,bos=1),tunnel(tun_id=5,ttl=64)");
  const FlowKey masked = Masked(key, Mask("in_port(0/1)"));
  CHECK(masked.in_port == 1);
  CHECK(masked.mpls[0].host() == 0);
  CHECK(masked.mpls_size == 4);
  CHECK(masked.present == key.present);
  CHECK(masked.tunnel.present == key.tunnel.present);
  CHECK(masked.tunnel.id.host() == 0);
}

TEST_CASE("flow key: what does not fit is kept, at the level where it stood") {
  ByteVector bytes;
  attr::Writer writer(&bytes);
  const std::array<uint8_t, 6> too_long{1, 2, 3, 4, 5, 6};
  const std::array<uint8_t, 16> four_labels{};
  writer.Put(OVS_KEY_ATTR_IN_PORT, too_long);
  writer.Put(OVS_KEY_ATTR_ETHERTYPE, base::Be16::FromHost(0x8100).wire());
  {
    auto encap = writer.Nest(OVS_KEY_ATTR_ENCAP);
    {
      auto inner = writer.Nest(OVS_KEY_ATTR_ENCAP);
      writer.Put(99, uint8_t{7});
    }
    writer.Put(OVS_KEY_ATTR_MPLS, four_labels);
  }
  {
    auto tunnel = writer.Nest(OVS_KEY_ATTR_TUNNEL);
    writer.Put(OVS_TUNNEL_KEY_ATTR_PAD, uint32_t{1});
    auto vxlan = writer.Nest(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS);
    writer.Put(9, uint16_t{1});
  }
  FlowKey key{};
  attr::Unknowns unknowns;
  REQUIRE_FALSE(DecodeFlowKey(bytes, &key, &unknowns));
  CHECK(unknowns.size() == 5);
  CHECK_FALSE(key.Has(OVS_KEY_ATTR_IN_PORT));
  ByteVector again, third;
  attr::Writer again_writer(&again), third_writer(&third);
  EncodeFlowKey(key, &unknowns, &again_writer);
  CHECK(again.size() == bytes.size());
  FlowKey key_again{};
  attr::Unknowns unknowns_again;
  REQUIRE_FALSE(DecodeFlowKey(again, &key_again, &unknowns_again));
  EncodeFlowKey(key_again, &unknowns_again, &third_writer);
  CHECK(third == again);
  CHECK(std::memcmp(&key, &key_again, sizeof(key)) == 0);
}

TEST_CASE("flow key: an attribute at two levels is one too many, as for the kernel") {
  ByteVector bytes;
  attr::Writer writer(&bytes);
  writer.Put(OVS_KEY_ATTR_TCP, uint32_t{1});
  {
    auto encap = writer.Nest(OVS_KEY_ATTR_ENCAP);
    writer.Put(OVS_KEY_ATTR_TCP, uint32_t{2});
  }
  FlowKey key{};
  CHECK(DecodeFlowKey(bytes, &key, nullptr).kind == attr::Fault::Kind::kRepeated);
}

TEST_CASE("flow key: faults name the attribute") {
  ByteVector bytes;
  attr::Writer writer(&bytes);
  writer.Put(OVS_KEY_ATTR_IN_PORT, uint32_t{1});
  writer.Put(OVS_KEY_ATTR_IPV4, uint32_t{1});
  FlowKey key{};
  CHECK(attr::ToStatus(DecodeFlowKey(bytes, &key, nullptr)).message() ==
        "OVS_KEY_ATTR_IPV4 at byte 8: payload too short");
  bytes.resize(8);
  writer.Put(OVS_KEY_ATTR_IN_PORT, uint32_t{1});
  key = {};
  CHECK(attr::ToStatus(DecodeFlowKey(bytes, &key, nullptr)).message() ==
        "OVS_KEY_ATTR_IN_PORT at byte 8: attribute given twice");
  bytes.resize(10);
  key = {};
  CHECK(attr::ToStatus(DecodeFlowKey(bytes, &key, nullptr)).message() ==
        "ovs_key_attr at byte 8: bytes that are no attribute");
}

TEST_CASE("ufid: text, with and without dashes") {
  const auto ufid = ParseUfid("1910806e-c447-4f7e-b44c-ee1bb834f1d6");
  REQUIRE(ufid.has_value());
  CHECK(ToString(*ufid) == "1910806e-c447-4f7e-b44c-ee1bb834f1d6");
  CHECK(ParseUfid("1910806ec4474f7eb44cee1bb834f1d6") == ufid);
  for (const char* bad : {"", "1910806e", "1910806e-c447-4f7e-b44c-ee1bb834f1d", "x",
                          "1910806e-c447-4f7e-b44c-ee1bb834f1d6ff"})
    CHECK_FALSE(ParseUfid(bad).has_value());
}

}  // namespace
}  // namespace sluice::ovs
