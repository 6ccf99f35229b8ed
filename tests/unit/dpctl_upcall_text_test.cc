#include "dpctl/upcall_text.h"

#include <linux/openvswitch.h>

#include "netlink/attr/wire.h"
#include "tests/support/test.h"

namespace sluice::dpctl {
namespace {

constexpr uint8_t kPacket[] = {0xde, 0xad, 0xbe, 0xef};
constexpr uint8_t kData[] = {0x0a, 0x0b};

base::ByteVector Key() {
  base::ByteVector key;
  attr::Writer writer(&key);
  writer.Put(OVS_KEY_ATTR_RECIRC_ID, uint32_t{0});
  writer.Put(OVS_KEY_ATTR_IN_PORT, uint32_t{3});
  return key;
}

base::ByteVector OutputToThree() {
  base::ByteVector actions;
  attr::Writer(&actions).Put(OVS_ACTION_ATTR_OUTPUT, uint32_t{3});
  return actions;
}

class OneName final : public attr::PortNames {
 public:
  std::string_view NameOf(uint32_t port) const override { return port == 3 ? "web" : ""; }
  std::optional<uint32_t> NumberOf(std::string_view /*name*/) const override { return {}; }
};

std::string Words(const UpcallReport& report) {
  std::string text;
  AppendUpcallWords(report, &text);
  return text;
}

}  // namespace

TEST_CASE("a miss as text and JSON") {
  const base::ByteVector key = Key();
  ovs::Upcall upcall;
  upcall.packet = kPacket;
  upcall.key = key;
  upcall.hash = 0x1'0000'00ff;
  const UpcallReport report{.upcall = upcall, .time_ns = 1'500'000'000, .more = true};
  CHECK(Words(report) == "miss recirc_id(0),in_port(3) length:4 hash:0x1000000ff");
  std::string line;
  AppendUpcall(report, &line);
  CHECK(line.find(":01.500000 miss ") != std::string::npos);
  CHECK(line.find(" packet:deadbeef\n") != std::string::npos);
  const Json json = UpcallToJson(report);
  CHECK(json["time"] == 1.5);
  CHECK(json["kind"] == "miss");
  CHECK(json["key"]["in_port"] == 3);
  CHECK(json["hash"] == "0x1000000ff");
  CHECK(json["actions"].is_null());
  CHECK_FALSE(json.contains("cookie"));
  CHECK(json["packet"] == "deadbeef");
  CHECK(InPortOf(upcall) == 3);
}

TEST_CASE("what a userspace() action sends, with all that it may ask for") {
  const base::ByteVector key = Key();
  const base::ByteVector actions = OutputToThree();
  base::ByteVector tunnel;
  attr::Writer(&tunnel).Put(OVS_TUNNEL_KEY_ATTR_TTL, uint8_t{64});
  ovs::Upcall upcall;
  upcall.kind = ovs::Upcall::Kind::kAction;
  upcall.packet = kPacket;
  upcall.key = key;
  upcall.userdata = kData;
  upcall.actions = actions;
  upcall.egress_tunnel_key = tunnel;
  upcall.mru = 1400;
  upcall.length = 98;
  const OneName names;
  const UpcallReport report{.upcall = upcall, .ports = &names};
  CHECK(Words(report) ==
        "action recirc_id(0),in_port(web) length:98 captured:4 mru:1400 userdata(0a0b) "
        "egress_tunnel(ttl=64) actions:web");
  const Json json = UpcallToJson(report);
  CHECK(json["kind"] == "action");
  CHECK(json["length"] == 98);
  CHECK(json["userdata"] == "0a0b");
  CHECK(json["cookie"]["userdata"] == "0a0b");
  CHECK(json["egress_tunnel"]["ttl"] == 64);
  CHECK(json["actions"][0]["output"] == "web");
}

TEST_CASE("a key without a port, and one with nonsense for it") {
  CHECK_FALSE(InPortOf(ovs::Upcall{}).has_value());
  base::ByteVector key;
  attr::Writer(&key).Put(OVS_KEY_ATTR_IN_PORT, uint8_t{3});
  ovs::Upcall upcall;
  upcall.packet = kPacket;
  upcall.key = key;
  CHECK_FALSE(InPortOf(upcall).has_value());
  CHECK_FALSE(Words({.upcall = upcall}).empty());
}

}  // namespace sluice::dpctl
