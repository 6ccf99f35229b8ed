// Attributes as JSON: what each shape of row looks like.
#include "netlink/attr/json.h"

#include <nlohmann/json.hpp>

#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using attr::Json;
using attr::MaskView;
using base::ByteVector;

class TwoPorts : public attr::PortNames {
 public:
  std::string_view NameOf(uint32_t port) const override {
    return port == 1 ? "eth0" : std::string_view();
  }
  std::optional<uint32_t> NumberOf(std::string_view) const override { return std::nullopt; }
};

std::string KeyJson(std::string_view text, const attr::TextOptions& options = {}) {
  auto set = attr::ParseSet(ovs::kKeyTable, text, {});
  if (!set.ok()) return std::string(set.status().message());
  return attr::SetToJson(ovs::kKeyTable, set->value, MaskView::Of(set->mask), options).dump();
}

std::string ActionsJson(std::string_view text) {
  auto list = attr::ParseList(ovs::kActionTable, text, {});
  if (!list.ok()) return std::string(list.status().message());
  return attr::ListToJson(ovs::kActionTable, *list, {}).dump();
}

struct Case {
  const char* text;
  const char* json;
};

TEST_CASE("json: flow keys") {
  static constexpr Case kCases[] = {
      {"in_port(1),eth_type(0x0800)", R"({"in_port":1,"eth_type":2048})"},
      {"eth()", R"({"eth":{}})"},
      {"eth(src=0a:00:00:00:00:01)", R"({"eth":{"src":"0a:00:00:00:00:01"}})"},
      {"ipv4(src=10.0.0.0,dst=10.1.0.0/16,frag=no)",
       R"({"ipv4":{"src":"10.0.0.0","dst":{"value":"10.1.0.0","mask":"255.255.0.0"},"frag":"no"}})"},
      {"tcp(src=80/0xfff0)", R"({"tcp":{"src":{"value":80,"mask":65520}}})"},
      {"ct_state(+trk-new)", R"({"ct_state":{"new":false,"trk":true}})"},
      {"ct_label(0x1/0xf)", R"({"ct_label":{"value":"0x1","mask":"0xf"}})"},
      {"tcp_flags(0x2/0x1002)", R"({"tcp_flags":{"syn":true,"0x1000":false}})"},
      {"eth_type(0x8100),vlan(vid=5,pcp=1),encap(eth_type(0x0806))",
       R"({"eth_type":33024,"vlan":{"vid":5,"pcp":1,"cfi":1},"encap":{"eth_type":2054}})"},
      {"mpls(label=1,tc=2,ttl=3,bos=1)", R"({"mpls":[{"label":1,"tc":2,"ttl":3,"bos":1}]})"},
      {"tunnel(tun_id=0x1,dst=10.0.0.1,ttl=64,flags(+df-csum))",
       R"({"tunnel":{"tun_id":1,"dst":"10.0.0.1","ttl":64,"flags":{"df":true,"csum":false}}})"},
      {"tunnel(geneve({class=0x102,type=0x80,len=4,0x7f/0xff}))",
       R"({"tunnel":{"geneve":[{"class":258,"type":128,"len":4,)"
       R"("data":{"value":"0000007f","mask":"000000ff"}}]}})"},
      {"tunnel(erspan(ver=2,dir=1,hwid=0x7))",
       R"({"tunnel":{"erspan":{"ver":2,"dir":1,"hwid":7}}})"},
      {"key99(0a 0b/ff 0f)", R"({"key99":{"value":"0a0b","mask":"ff0f"}})"},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.text);
    CHECK(KeyJson(c.text) == c.json);
  }
}

TEST_CASE("json: actions") {
  static constexpr Case kCases[] = {
      {"drop", "[]"},
      {"pop_vlan,2", R"([{"pop_vlan":true},{"output":2}])"},
      {"push_vlan(vid=5,pcp=0)", R"([{"push_vlan":{"tpid":33024,"vid":5,"pcp":0,"cfi":1}}])"},
      {"ct(commit,zone=5,mark=0x1/0xff,nat(src=10.0.0.1-10.0.0.9:10-20,random))",
       R"([{"ct":{"commit":true,"zone":5,"mark":{"value":1,"mask":255},"nat":{"src":true,)"
       R"("ip_min":"10.0.0.1","ip_max":"10.0.0.9","proto_min":10,"proto_max":20,"random":true}}}])"},
      {"set(ipv4(dst=10.0.0.1))", R"([{"set_masked":{"ipv4":{"dst":"10.0.0.1"}}}])"},
      {"hash(l4(0))", R"([{"hash":{"alg":"l4","basis":0}}])"},
      {"sample(sample=50.0%,actions(1,2))",
       R"([{"sample":{"sample":50.0,"actions":[{"output":1},{"output":2}]}}])"},
      {"clone(clone(3))", R"([{"clone":[{"clone":[{"output":3}]}]}])"},
      {"userspace(pid=7,userdata(0a0b),actions)",
       R"([{"userspace":{"pid":7,"userdata":"0a0b","actions":true}}])"},
      {"action77(00 01)", R"([{"action77":{"value":"0001"}}])"},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.text);
    CHECK(ActionsJson(c.text) == c.json);
  }
}

TEST_CASE("json: names of ports, wildcards when asked for") {
  const TwoPorts ports;
  CHECK(KeyJson("in_port(1)", {.ports = &ports}) == R"({"in_port":"eth0"})");
  CHECK(KeyJson("in_port(2)", {.ports = &ports}) == R"({"in_port":2})");
  CHECK(KeyJson("tcp(dst=80)", {.verbose = true}) ==
        R"({"tcp":{"src":{"value":0,"mask":0},"dst":80}})");
}

TEST_CASE("json: repeated and malformed bytes are told") {
  ByteVector bytes;
  attr::Writer writer(&bytes);
  writer.Put(OVS_KEY_ATTR_IN_PORT, uint32_t{1});
  writer.Put(OVS_KEY_ATTR_IN_PORT, uint32_t{2});
  bytes.insert(bytes.end(), {9, 0});
  CHECK(attr::SetToJson(ovs::kKeyTable, bytes, {}, {}).dump() ==
        R"({"in_port":1,"repeated":[{"in_port":2}],"malformed":"0900"})");
}

TEST_CASE("json: strings that are no UTF-8 are told as bytes") {
  ByteVector bytes;
  attr::Writer writer(&bytes);
  {
    auto ct = writer.Nest(OVS_ACTION_ATTR_CT);
    writer.PutString(OVS_CT_ATTR_HELPER, "\xff\xc0\x80");
    writer.PutString(OVS_CT_ATTR_TIMEOUT, "\xc3\xa9,)");
  }
  CHECK(attr::ListToJson(ovs::kActionTable, bytes, {}).dump() ==
        "[{\"ct\":{\"helper\":{\"value\":\"ffc08000\"},\"timeout\":\"\xc3\xa9,)\"}}]");
}

}  // namespace
}  // namespace sluice
