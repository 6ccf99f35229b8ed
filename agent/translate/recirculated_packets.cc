#include "agent/translate/recirculated_packets.h"

#include <linux/if_ether.h>

#include <algorithm>
#include <cstring>

#include "agent/translate/packet_fields.h"
#include "agent/translate/packet_layout.h"
#include "agent/translate/packet_rewrite.h"
#include "netlink/attr/wire.h"
#include "netlink/ovs/action_list.h"

namespace sluice::translate {
namespace {

using base::ByteView;

// What changes bytes.
constexpr uint16_t kRewrites[] = {OVS_ACTION_ATTR_PUSH_VLAN, OVS_ACTION_ATTR_POP_VLAN,
                                  OVS_ACTION_ATTR_PUSH_MPLS, OVS_ACTION_ATTR_POP_MPLS};
constexpr uint16_t kSets[] = {OVS_ACTION_ATTR_SET, OVS_ACTION_ATTR_SET_MASKED};
// What the kernel notes beside the packet.
constexpr uint16_t kNotes[] = {OVS_KEY_ATTR_SKB_MARK, OVS_KEY_ATTR_PRIORITY, OVS_KEY_ATTR_TUNNEL};

template <size_t N>
bool IsOneOf(uint16_t type, const uint16_t (&types)[N]) {
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

bool SetsHeader(ByteView set) {
  const attr::AttributeWalk walk(set);
  return walk.begin() != walk.end() && !IsOneOf(walk.begin()->type, kNotes);
}

// As set_masked() would do it. False when the packet ends there.
bool DecrementTtl(PacketRewriter* packet) {
  const pipeline::Fields fields = FieldsOfPacket(packet->bytes(), {});
  if (fields.nw_ttl <= 1) return false;
  const auto ttl = static_cast<uint8_t>(fields.nw_ttl - 1);
  ovs::ActionList actions;
  {
    auto nest = actions.Nest(OVS_ACTION_ATTR_SET_MASKED);
    if (fields.eth_type.host() == ETH_P_IP) {
      ovs_key_ipv4 change[2];
      std::memset(change, 0, sizeof(change));
      change[0].ipv4_ttl = ttl;
      change[1].ipv4_ttl = 0xff;
      actions.Append(OVS_KEY_ATTR_IPV4, base::AsBytes(change));
    } else {
      ovs_key_ipv6 change[2];
      std::memset(change, 0, sizeof(change));
      change[0].ipv6_hlimit = ttl;
      change[1].ipv6_hlimit = 0xff;
      actions.Append(OVS_KEY_ATTR_IPV6, base::AsBytes(change));
    }
  }
  return packet->Apply(*attr::AttributeWalk(actions.bytes()).begin()) == RewriteFault::kNone;
}

// An empty packet for each time round that a packet of another length takes.
void PassBy(ByteView actions, std::vector<base::ByteVector>* out) {
  for (const attr::Attribute& action : attr::AttributeWalk(actions)) {
    if (action.type == OVS_ACTION_ATTR_RECIRC) out->emplace_back();
    if (action.type == OVS_ACTION_ATTR_CLONE) PassBy(action.payload, out);
    if (action.type != OVS_ACTION_ATTR_CHECK_PKT_LEN) continue;
    for (const attr::Attribute& branch : attr::AttributeWalk(action.payload))
      if (branch.type != OVS_CHECK_PKT_LEN_ATTR_PKT_LEN) PassBy(branch.payload, out);
  }
}

bool Follow(ByteView actions, PacketRewriter* packet, std::vector<base::ByteVector>* out);

bool FollowByLength(ByteView check, const PacketRewriter& packet,
                    std::vector<base::ByteVector>* out) {
  const ByteView limit = attr::Find(check, OVS_CHECK_PKT_LEN_ATTR_PKT_LEN);
  if (limit.size() < sizeof(uint16_t)) return false;
  const bool larger = CheckedLength(packet.bytes(), packet.layout(), /*mru=*/0) >
                      base::Load<uint16_t>(limit.data());
  const uint16_t taken = larger ? uint16_t{OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER}
                                : uint16_t{OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL};
  for (const attr::Attribute& branch : attr::AttributeWalk(check)) {
    if (branch.type == OVS_CHECK_PKT_LEN_ATTR_PKT_LEN) continue;
    PacketRewriter copy = packet;
    if (branch.type != taken) {
      PassBy(branch.payload, out);
    } else if (!Follow(branch.payload, &copy, out)) {
      return false;
    }
  }
  return true;
}

// False: what follows cannot be told.
bool Follow(ByteView actions, PacketRewriter* packet, std::vector<base::ByteVector>* out) {
  for (const attr::Attribute& action : attr::AttributeWalk(actions)) {
    if (action.type == OVS_ACTION_ATTR_RECIRC) {
      out->emplace_back(packet->bytes().begin(), packet->bytes().end());
    } else if (action.type == OVS_ACTION_ATTR_CLONE) {
      PacketRewriter copy = *packet;
      if (!Follow(action.payload, &copy, out)) return false;
    } else if (action.type == OVS_ACTION_ATTR_CHECK_PKT_LEN) {
      if (!FollowByLength(action.payload, *packet, out)) return false;
    } else if (action.type == OVS_ACTION_ATTR_DEC_TTL) {
      if (!DecrementTtl(packet)) return false;
    } else if (IsOneOf(action.type, kRewrites) ||
               (IsOneOf(action.type, kSets) && SetsHeader(action.payload))) {
      if (packet->Apply(action) != RewriteFault::kNone) return false;
    }
  }
  return true;
}

}  // namespace

std::vector<base::ByteVector> RecirculatedPackets(ByteView packet, const ovs::FlowKey& key,
                                                  ByteView actions) {
  PacketRewriter rewriter(packet, key.Has(OVS_KEY_ATTR_ETHERNET), key.eth_type().host());
  std::vector<base::ByteVector> packets;
  (void)Follow(actions, &rewriter, &packets);
  return packets;
}

}  // namespace sluice::translate
