#include "agent/translate/slow_path.h"

#include <linux/openvswitch.h>

#include <algorithm>

#include "netlink/attr/wire.h"
#include "netlink/ovs/action_list.h"

namespace sluice::translate {
namespace {

using attr::Attribute;
using attr::AttributeWalk;
using base::ByteVector;
using base::ByteView;

// Only set by ourselves: the kernel takes such a set for an error.
constexpr uint16_t kOurs[] = {OVS_KEY_ATTR_ARP, OVS_KEY_ATTR_ICMP, OVS_KEY_ATTR_ICMPV6,
                              OVS_KEY_ATTR_ND};
// No header, but what the kernel notes of a packet: each execute sets it anew.
constexpr uint16_t kMetadata[] = {OVS_KEY_ATTR_SKB_MARK, OVS_KEY_ATTR_PRIORITY,
                                  OVS_KEY_ATTR_TUNNEL};

template <size_t N>
bool IsOneOf(uint16_t type, const uint16_t (&types)[N]) {
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

bool IsSet(uint16_t action) {
  return action == OVS_ACTION_ATTR_SET || action == OVS_ACTION_ATTR_SET_MASKED;
}

// Of a set action.
uint16_t WhatIsSet(ByteView payload) {
  const AttributeWalk walk(payload);
  return walk.begin() == walk.end() ? uint16_t{OVS_KEY_ATTR_UNSPEC} : walk.begin()->type;
}

bool AnyNeedsUs(ByteView actions);

bool NeedsUs(const Attribute& action) {
  if (IsSet(action.type)) return !KernelSets(WhatIsSet(action.payload));
  return action.type == OVS_ACTION_ATTR_CHECK_PKT_LEN ||
         (action.type == OVS_ACTION_ATTR_CLONE && AnyNeedsUs(action.payload));
}

bool AnyNeedsUs(ByteView actions) {
  for (const Attribute& action : AttributeWalk(actions))
    if (NeedsUs(action)) return true;
  return false;
}

// Where the next one begins.
size_t EndOf(const Attribute& action) {
  return action.offset + attr::Align4(attr::kAttributeHeaderSize + action.payload.size());
}

// Leaves the packet as it is for the actions behind it.
bool LeavesPacket(const Attribute& action) {
  static constexpr uint16_t kTypes[] = {OVS_ACTION_ATTR_OUTPUT,   OVS_ACTION_ATTR_USERSPACE,
                                        OVS_ACTION_ATTR_TRUNC,    OVS_ACTION_ATTR_CLONE,
                                        OVS_ACTION_ATTR_SAMPLE,   OVS_ACTION_ATTR_RECIRC,
                                        OVS_ACTION_ATTR_CT_CLEAR, OVS_ACTION_ATTR_HASH};
  // What is tracked stays as it is, unless it is translated.
  if (action.type == OVS_ACTION_ATTR_CT)
    return attr::Find(action.payload, OVS_CT_ATTR_NAT).data() == nullptr;
  return IsOneOf(action.type, kTypes);
}

// Which of two lists of actions is for a packet of that length.
ByteView BranchFor(size_t length, ByteView check) {
  const ByteView limit = attr::Find(check, OVS_CHECK_PKT_LEN_ATTR_PKT_LEN);
  const bool larger =
      limit.size() >= sizeof(uint16_t) && length > base::Load<uint16_t>(limit.data());
  return attr::Find(check, larger ? OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER
                                  : OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL);
}

// One packet, or the copy of it that a clone() has to itself.
struct Copy {
  PacketRewriter packet;
  ByteVector metadata;  // actions that set it, and meters
};

class Player {
 public:
  Player(uint16_t mru, SendPacket send) : mru_(mru), send_(send) {}

  RewriteFault Play(ByteView actions, Copy* copy) {
    const size_t rest = EndOfOurs(actions);
    size_t run = 0;  // where the actions begin that have not been handed out
    for (const Attribute& action : AttributeWalk(actions.first(rest))) {
      if (LeavesPacket(action) && !NeedsUs(action)) continue;
      RewriteFault fault = HandOut(actions.subspan(run, action.offset - run), *copy);
      run = std::min(rest, EndOf(action));
      if (fault == RewriteFault::kNone)
        fault = Take(action, actions.subspan(action.offset, run - action.offset), copy);
      if (fault != RewriteFault::kNone) return fault;
    }
    return HandOut(actions.subspan(run), *copy);
  }

 private:
  // One past the last action that needs us.
  static size_t EndOfOurs(ByteView actions) {
    size_t end = 0;
    for (const Attribute& action : AttributeWalk(actions))
      if (NeedsUs(action)) end = EndOf(action);
    return std::min(end, actions.size());
  }

  RewriteFault Take(const Attribute& action, ByteView whole, Copy* copy) {
    if (action.type == OVS_ACTION_ATTR_CLONE) {
      Copy inner = *copy;
      return Play(action.payload, &inner);
    }
    if (action.type == OVS_ACTION_ATTR_CHECK_PKT_LEN) {
      Copy inner = *copy;
      const PacketRewriter& packet = inner.packet;
      const size_t length = CheckedLength(packet.bytes(), packet.layout(), mru_);
      return Play(BranchFor(length, action.payload), &inner);
    }
    if (IsSet(action.type) && IsOneOf(WhatIsSet(action.payload), kMetadata)) {
      copy->metadata.insert(copy->metadata.end(), whole.begin(), whole.end());
      return RewriteFault::kNone;
    }
    if (action.type == OVS_ACTION_ATTR_METER) {  // in front of each part of the rest
      copy->metadata.insert(copy->metadata.end(), whole.begin(), whole.end());
      return RewriteFault::kNone;
    }
    return copy->packet.Apply(action);
  }

  RewriteFault HandOut(ByteView actions, const Copy& copy) {
    if (actions.empty()) return RewriteFault::kNone;
    if (++sent_ > kMaxExecutes) return RewriteFault::kTooMany;
    if (copy.metadata.empty()) {
      send_(copy.packet.bytes(), actions);
      return RewriteFault::kNone;
    }
    ByteVector all = copy.metadata;
    all.insert(all.end(), actions.begin(), actions.end());
    send_(copy.packet.bytes(), all);
    return RewriteFault::kNone;
  }

  const uint16_t mru_;
  SendPacket send_;
  int sent_ = 0;
};

}  // namespace

bool KernelSets(uint16_t attribute) { return !IsOneOf(attribute, kOurs); }

RewriteFault Replay(ByteView packet, const ovs::FlowKey& key, uint16_t mru, ByteView actions,
                    SendPacket send) {
  Copy copy{PacketRewriter(packet, key.Has(OVS_KEY_ATTR_ETHERNET), key.eth_type().host()), {}};
  return Player(mru, send).Play(actions, &copy);
}

}  // namespace sluice::translate
