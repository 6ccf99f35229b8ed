// Packets as the agent reads them, and as the kernel does: whole ones, cut ones, and ones with
// other bytes here and there.

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/translate/key_fields.h"
#include "agent/translate/packet_fields.h"
#include "agent/translate/packet_layout.h"
#include "dpctl/packet_compose.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/packet.h"
#include "netlink/ovs/vport.h"
#include "netlink/socket/message.h"
#include "netlink/socket/socket.h"
#include "tests/support/random_packet.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using base::ByteVector;
using base::ByteView;
using pipeline::Fields;

constexpr std::chrono::milliseconds kPatience{5000};
constexpr int kPackets = 3000;

// Gives packets to the kernel, which gives them back with the key that it found.
class Kernel {
 public:
  Kernel() {
    auto client = socket::Client::Open(NETLINK_GENERIC);
    REQUIRE_OK(client);
    client_.emplace(*std::move(client));
    auto listener = socket::NetlinkSocket::Open(NETLINK_GENERIC);
    REQUIRE_OK(listener);
    listener_.emplace(*std::move(listener));
    const auto datapath = ovs::Datapaths(&*client_).Create({.name = "reads"});
    REQUIRE_OK(datapath);
    dp_ = datapath->ifindex;
    const auto actions = attr::ParseList(
        ovs::kActionTable, absl::StrCat("userspace(pid=", listener_->port_id(), ")"), {});
    const auto key = attr::ParseSet(ovs::kKeyTable, "in_port(0)", {});
    REQUIRE_OK(actions);
    REQUIRE_OK(key);
    actions_ = *actions;
    key_ = key->value;
  }
  ~Kernel() { (void)ovs::Datapaths(&*client_).Delete(dp_); }

  // False: it took the packet for none.
  bool Read(ByteView packet, Fields* fields) {
    const absl::Status taken =
        ovs::Execute(&*client_, dp_, {.packet = packet, .key = key_, .actions = actions_});
    if (!taken.ok()) return false;
    REQUIRE(listener_->Receive(&buffers_, kPatience).outcome == socket::ReceiveOutcome::kReceived);
    for (const socket::Message& message : socket::MessageWalk(buffers_.datagram(0))) {
      ovs::Upcall upcall;
      REQUIRE(ovs::DecodeUpcall(message, &upcall) == ovs::UpcallFault::kNone);
      ovs::FlowKey key{};
      attr::Unknowns unknowns;
      REQUIRE_FALSE(ovs::DecodeFlowKey(upcall.key, &key, &unknowns));
      *fields = translate::FieldsOfKey(key);
    }
    return true;
  }

 private:
  std::optional<socket::Client> client_;
  std::optional<socket::NetlinkSocket> listener_;
  socket::ReceiveBuffers buffers_{1, 65536};
  ByteVector actions_, key_;
  int dp_ = 0;
};

std::string TextOf(const Fields& fields) {
  std::string text;
  ByteVector bytes;
  attr::Writer writer(&bytes);
  ovs::EncodeFlowKey(translate::KeyOfFields(fields), nullptr, &writer);
  attr::AppendSet(ovs::kKeyTable, bytes, {}, {}, &text);
  return text;
}

void CheckSame(Kernel* kernel, ByteView packet) {
  Fields theirs;
  if (!kernel->Read(packet, &theirs)) return;
  Fields ours = translate::FieldsOfPacket(packet, Fields{});
  if (ours == theirs) return;
  // Where an IPv6 extension header is cut short, newer kernels take the type that it begins with
  // for what follows; older ones (6.1) say that nothing does.
  const auto layout = translate::LayoutOf(packet, /*ethernet=*/true, 0);
  if (theirs.nw_proto == IPPROTO_NONE && layout.eth_type == ETH_P_IPV6 &&
      layout.transport > packet.size())
    ours.nw_proto = IPPROTO_NONE;
  if (ours == theirs) return;
  CAPTURE(base::ToHex(packet), TextOf(theirs), TextOf(ours));
  CHECK(std::memcmp(&ours, &theirs, sizeof(Fields)) == 0);
}

// A byte that means much to those who read headers, or any.
uint8_t Byte(testing::Random* random) {
  static constexpr uint8_t kTelling[] = {0,    1,    0x06, 0x08, 0x11, 0x2b, 0x2c, 0x33, 0x3a, 0x3b,
                                         0x3c, 0x45, 0x47, 0x60, 0x81, 0x86, 0x87, 0x88, 0xaa};
  return random->Percent(60) ? kTelling[random->Below(std::size(kTelling))]
                             : static_cast<uint8_t>(random->Next());
}

TEST_CASE("packets are read as the kernel reads them") {
  Kernel kernel;
  testing::Random random(20);
  const testing::RandomPacketOptions options{.tunnels = false, .tracked = false};
  int composed = 0;
  for (int i = 0; i < kPackets; ++i) {
    Fields fields = testing::RandomPacket(options, &random);
    fields.in_port = {};
    const ovs::FlowKey key = translate::KeyOfFields(fields);
    ovs::FlowKey mask = key;
    std::memset(static_cast<void*>(&mask), 0xff, sizeof(mask));
    std::copy(key.present.begin(), key.present.end(), mask.present.begin());
    auto packet = dpctl::ComposePacket(key, mask, {.size = 60 + random.Below(100)});
    if (!packet.ok()) continue;
    ++composed;
    CheckSame(&kernel, *packet);
    for (int changes = 0; changes < 3; ++changes)
      (*packet)[12 + random.Below(std::min<size_t>(packet->size() - 12, 70))] = Byte(&random);
    CheckSame(&kernel, *packet);
    packet->resize(translate::kShortestPacket +
                   random.Below(packet->size() - translate::kShortestPacket + 1));
    CheckSame(&kernel, *packet);
  }
  CHECK(composed > kPackets * 9 / 10);
}

TEST_CASE("headers that end early, options and extension headers are read as the kernel does") {
  Kernel kernel;
  const std::string ipv6 =
      "86dd6000000000303040"  // next header 0x30 is put in below
      "fd000000000000000000000000000001fd000000000000000000000000000002";
  const auto with_next = [&](const char* next, const std::string& payload) {
    std::string packet = "020000000002020000000001" + ipv6 + payload;
    packet.replace(24 + 4 + 12, 2, next);
    return packet;
  };
  const std::string packets[] = {
      "02000000000202000000000181000005",                                      // half a tag
      "0200000000020200000000018100000581000006810000070800",                  // three tags
      "020000000002020000000001000caaaa030000000800450000140000000040060000",  // SNAP
      "020000000002020000000001000caaaa00000000080045",  // ... another control
      "020000000002020000000001000442420300",            // LLC
      "0200000000020200000000010800450000",              // half of IP
      "02000000000202000000000108004f00003c000000004006000001020304050607080102030405060708",
      with_next("00", "3b00000000000000"),  // hop-by-hop, then nothing
      with_next("00", "0600000000000000" + std::string(40, '5')),
      with_next("33", "0604000000000000" + std::string(80, '5')),  // AH
      with_next("2b", "0600000000000000" + std::string(40, '5')),  // routing
      with_next("2c", "0600000100000000" + std::string(40, '5')),  // first fragment
      with_next("2c", "0600010100000000" + std::string(40, '5')),  // another
      with_next("2c", "3c00010100000000" + std::string(40, '5')),  // ... of an extension header
      with_next("2c", "3b00010100000000" + std::string(40, '5')),
      with_next("2c", "06000001"),  // cut
      with_next("3a",
                "8700000000000000fd000000000000000000000000000009"
                "01010200000000010101020000000002"),  // an option twice
      with_next("3a",
                "8700000000000000fd000000000000000000000000000009"
                "01010200000000010201020000000002"),
      with_next("3a",
                "8700000000000000fd000000000000000000000000000009"
                "010002000000000102010200000000"),     // an option of no length
      "020000000002020000000001884700064040000640ff",  // labels without an end
      "02000000000202000000000188470006404000064140ffff",
  };
  for (const std::string& digits : packets) {
    const auto packet = base::FromHex(digits);
    CAPTURE(digits);
    REQUIRE(packet.has_value());
    CheckSame(&kernel, *packet);
  }
}

}  // namespace
}  // namespace sluice
