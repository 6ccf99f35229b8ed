#include "agent/translate/geneve_options.h"

#include <linux/openvswitch.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "agent/translate/key_fields.h"
#include "netlink/attr/text.h"
#include "tests/support/random_packet.h"
#include "tests/support/test.h"

namespace sluice::translate {
namespace {

using base::Be64;
using ovs::FlowKey;
using pipeline::Fields;
using pipeline::TunnelOptions;
using testing::kTunnelOptions;
using Random = std::mt19937_64;

uint64_t At(const Fields& fields, size_t i) { return fields.tun_metadata[i].host(); }

FlowKey Key(const std::string& options) {
  const auto parsed =
      attr::ParseSet(ovs::kKeyTable,
                     "tunnel(tun_id=0x5,src=10.0.0.1,dst=10.0.0.2,ttl=64" + options +
                         "),in_port(3),"
                         "eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x1234)",
                     {});
  REQUIRE_OK(parsed);
  FlowKey key{};
  REQUIRE_FALSE(ovs::DecodeFlowKey(parsed->value, &key, nullptr));
  return key;
}

std::string MaskText(const FlowKey& key, const FlowKey& mask) {
  base::ByteVector values, masks;
  attr::Writer value_writer(&values), mask_writer(&masks);
  ovs::EncodeFlowKey(key, nullptr, &value_writer);
  ovs::EncodeFlowMask(key, mask, &mask_writer);
  std::string text;
  attr::AppendSet(ovs::kKeyTable, values, attr::MaskView::Of(masks), {}, &text);
  return text.substr(0, text.find("),", 0));
}

constexpr char kBoth[] =
    ",geneve({class=0x102,type=0x81,len=16,0x0102030405060708090a0b0c0d0e0f10}"
    "{class=0x102,type=0x80,len=4,0x0000007f}{class=0x103,type=0x80,len=0})";

TEST_CASE("geneve options: fields are parts of options, right-aligned") {
  const Fields both = FieldsOfKey(Key(kBoth), kTunnelOptions);
  CHECK(At(both, 0) == 0x7f);
  CHECK(At(both, 1) == 0x0102030405060708);
  CHECK(At(both, 2) == 0x0a0b0c0d0e0f);
  CHECK(At(both, 3) == 0);
  // Of the first of two; of another length; none.
  CHECK(At(FieldsOfKey(Key(",geneve({class=0x102,type=0x80,len=4,0x00000001}"
                           "{class=0x102,type=0x80,len=4,0x00000002})"),
                       kTunnelOptions),
           0) == 1);
  CHECK(At(FieldsOfKey(Key(",geneve({class=0x102,type=0x80,len=8,0x0000000100000002})"),
                       kTunnelOptions),
           0) == 0);
  CHECK(At(FieldsOfKey(Key(""), kTunnelOptions), 0) == 0);
  CHECK(At(FieldsOfKey(Key(kBoth)), 0) == 0);
}

TEST_CASE("geneve options: go out where a field is not zero") {
  const auto sent = [](uint64_t first, uint64_t second, uint64_t third) {
    Fields fields;
    fields.tun_metadata[0] = Be64::FromHost(first);
    fields.tun_metadata[1] = Be64::FromHost(second);
    fields.tun_metadata[2] = Be64::FromHost(third);
    fields.tun_metadata[5] = Be64::FromHost(5);  // stands for nothing
    ovs::TunnelKey key{};
    GeneveFromFields(fields, kTunnelOptions, &key);
    std::string text;
    for (size_t i = 0; i < key.geneve_size; ++i) {
      constexpr char kDigits[] = "0123456789abcdef";
      text.push_back(kDigits[key.geneve[i] >> 4]);
      text.push_back(kDigits[key.geneve[i] & 0xf]);
    }
    CHECK(key.Has(OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS) == !text.empty());
    return text;
  };
  CHECK(sent(0, 0, 0).empty());
  CHECK(sent(0x1ffffffff, 0, 0) == "01028001ffffffff");
  CHECK(sent(uint64_t{1} << 32, 0, 0).empty());  // in no byte of the option
  CHECK(sent(0, 0, 0x0a0b0c0d0e0f) ==
        "01028104"
        "0000000000000000"
        "000a0b0c0d0e0f00");
  CHECK(sent(1, 2, 3) ==
        "0102800100000001"
        "01028104"
        "0000000000000002"
        "0000000000000300");
}

TEST_CASE("geneve options: a mask says what is in front of an option, or that there is none") {
  const auto mask = [](const FlowKey& key, size_t field, uint64_t bits) {
    Fields asked;
    asked.tun_metadata[field] = Be64::FromHost(bits);
    return MaskOfFields(asked, key, kTunnelOptions);
  };
  const FlowKey both = Key(kBoth);
  CHECK(MaskText(both, mask(both, 1, 0xff)) ==
        "tunnel(geneve({class=0x102,type=0x81,len=16,0x0102030405060708090a0b0c0d0e0f10"
        "/0x00000000000000ff0000000000000000}{len=4/0,0x0000007f/0x00000000}{len=0/0})");
  CHECK(MaskText(both, mask(both, 0, 0x0f)) ==
        "tunnel(geneve({class=0x102,type=0x81,len=16,0x0102030405060708090a0b0c0d0e0f10"
        "/0x00000000000000000000000000000000}{class=0x102,type=0x80,len=4,0x0000007f/0x0000000f}"
        "{len=0/0})");
  // That there is none: all headers.
  const FlowKey one = Key(",geneve({class=0x103,type=0x80,len=4,0x0000007f})");
  CHECK(MaskText(one, mask(one, 0, 1)) ==
        "tunnel(geneve({class=0x103,type=0x80,len=4,0x0000007f/0x00000000})");
  const FlowKey none = Key("");
  const FlowKey absent = mask(none, 0, 1);
  CHECK_FALSE(ovs::MatchesUnder(none, one, absent));
  CHECK(ovs::MatchesUnder(none, one, mask(none, 3, 1)));
  // A mask names one kind of options.
  Fields gbp;
  gbp.tun_gbp_id = base::Be16::FromHost(1);
  gbp.tun_metadata[0] = Be64::FromHost(1);
  for (const FlowKey& key : {none, one, Key(",vxlan(gbp(id=1,flags=0))")}) {
    const ovs::TunnelKey asked = MaskOfFields(gbp, key, kTunnelOptions).tunnel;
    CHECK(asked.Has(OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS) != asked.Has(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS));
  }
  // That a packet with a group policy has no Geneve options is asked of it, and put.
  const FlowKey policy = Key(",vxlan(gbp(id=1,flags=0))");
  const FlowKey asked = mask(policy, 0, 1);
  base::ByteVector bytes;
  attr::Writer writer(&bytes);
  ovs::EncodeFlowMask(policy, asked, &writer);
  FlowKey put;
  REQUIRE_FALSE(ovs::DecodeFlowKey(bytes, &put, nullptr));
  CHECK(ovs::IsWithin(asked, put));
  CHECK_FALSE(ovs::MatchesUnder(policy, one, put));
}

// A key with options of a small universe, in any order, some cut off or of another length.
FlowKey RandomKey(const FlowKey& plain, Random& random) {
  FlowKey key = plain;
  const size_t count = random() % 4;
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < count; ++i) {
    const auto type = static_cast<uint8_t>(0x80 + random() % 3);
    const bool as_declared = random() % 8 != 0;
    const size_t words = as_declared ? (type == 0x81 ? 4 : 1) : random() % 4;
    bytes.insert(bytes.end(), {1, 2, type, static_cast<uint8_t>(words)});
    for (size_t b = 0; b < 4 * words; ++b)
      bytes.push_back(static_cast<uint8_t>(random() % 2 * 0x11));
  }
  if (random() % 16 == 0 && bytes.size() > 4) bytes.resize(bytes.size() - 4);
  if (!bytes.empty()) key.tunnel.present |= uint64_t{1} << OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS;
  key.tunnel.geneve_size = static_cast<uint16_t>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), key.tunnel.geneve.begin());
  return key;
}

TEST_CASE("geneve options: what a flow's mask lets through agrees in the bits that were read") {
  const FlowKey plain = Key("");
  Random random(11);
  int agreed = 0, differed = 0;
  for (int i = 0; i < 200000; ++i) {
    const FlowKey a = RandomKey(plain, random);
    FlowKey b = random() % 4 == 0 ? RandomKey(plain, random) : a;
    if (b.tunnel.geneve_size != 0 && random() % 2 == 0)
      b.tunnel.geneve[random() % b.tunnel.geneve_size] ^= 0x11;
    Fields bits;
    for (Be64& field : bits.tun_metadata)
      if (random() % 2 == 0) field = Be64::FromHost(random() & random());
    const FlowKey mask = MaskOfFields(bits, a, kTunnelOptions);
    const Fields seen = BitsOfMask(mask, a, kTunnelOptions);
    const FlowKey again = MaskOfFields(seen, a, kTunnelOptions);
    REQUIRE(std::memcmp(&mask.tunnel, &again.tunnel, sizeof(mask.tunnel)) == 0);
    REQUIRE(BitsOfMask(again, a, kTunnelOptions) == seen);
    REQUIRE(pipeline::IsWithin(seen, ExactBits(a, kTunnelOptions)));
    const Fields x = FieldsOfKey(a, kTunnelOptions), y = FieldsOfKey(b, kTunnelOptions);
    if (!ovs::MatchesUnder(a, b, mask)) {
      ++differed;
      continue;
    }
    ++agreed;
    for (size_t f = 0; f < pipeline::kTunnelFields; ++f)
      REQUIRE(((At(x, f) ^ At(y, f)) & At(bits, f)) == 0);
  }
  CHECK(agreed > 20000);
  CHECK(differed > 20000);
}

}  // namespace
}  // namespace sluice::translate
