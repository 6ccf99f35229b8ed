// What the kernel would do with a packet and a list of actions, worked out on pipeline::Fields: for
// tests of what translation yields. Written from net/openvswitch/actions.c, not from our own code.
//
// It knows the actions that translation uses; anything else ends the run with `unknown`. What a
// popped label hid shows in what leaves, as FillBehindLabel() says.
//
//   DatapathModel model;
//   model.Run(actions.bytes(), packet);
//   CHECK(model.emissions[0].to == 2);
#pragma once

#include <linux/openvswitch.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "agent/pipeline/fields.h"
#include "kmod-compat/uapi/openvswitch.h"
#include "netlink/attr/wire.h"
#include "tests/support/random_packet.h"

namespace sluice::testing {

using pipeline::Fields;

// A packet that left: through a port, to user space (with userdata), or on to a recirculation.
struct Emission {
  enum class Kind { kPort, kUserspace, kRecirculation };
  Kind kind = Kind::kPort;
  uint32_t to = 0;  // the port, or the recirculation id
  Fields packet;
  base::ByteVector userdata{};
  uint32_t max_length = 0;         // trunc; 0: whole
  std::vector<uint32_t> meters{};  // that it came through
  int length = 0;                  // as CHECK_PKT_LEN would find it

  friend bool operator==(const Emission&, const Emission&) = default;
};

// What connection tracking says of a packet, worked out of nothing but zone and packet: as it may
// say anything, this will do. `packet` is as it left; its ct_* fields do not matter.
inline void TrackAtRandom(uint16_t zone, Fields* packet) {
  uint64_t hash = 0x9e3779b97f4a7c15u * (zone + 1U);
  const auto mix = [&hash](const void* bytes, size_t size) {
    for (size_t i = 0; i < size; ++i)
      hash = (hash ^ static_cast<const uint8_t*>(bytes)[i]) * 0x100000001b3u;
  };
  mix(&packet->nw_src, sizeof(packet->nw_src));
  mix(&packet->nw_dst, sizeof(packet->nw_dst));
  mix(&packet->ipv6_src, sizeof(packet->ipv6_src));
  mix(&packet->nw_tos, 1);
  mix(&packet->eth_src, sizeof(packet->eth_src));
  hash ^= hash >> 29;
  static constexpr uint32_t kStates[] = {
      OVS_CS_F_TRACKED | OVS_CS_F_NEW, OVS_CS_F_TRACKED | OVS_CS_F_ESTABLISHED,
      OVS_CS_F_TRACKED | OVS_CS_F_ESTABLISHED | OVS_CS_F_REPLY_DIR,
      OVS_CS_F_TRACKED | OVS_CS_F_RELATED | OVS_CS_F_NEW, OVS_CS_F_TRACKED | OVS_CS_F_INVALID};
  auto* begin = reinterpret_cast<uint8_t*>(packet) + offsetof(Fields, ct_state);
  std::fill(begin, begin + (offsetof(Fields, tun_id) - offsetof(Fields, ct_state)), uint8_t{0});
  packet->ct_state = base::Be32::FromHost(kStates[hash % std::size(kStates)]);
  packet->ct_zone = base::Be16::FromHost(zone);
  packet->ct_mark = base::Be32::FromHost(hash >> 8 & 1);
  packet->ct_label[15] = hash >> 9 & 1;
  packet->ct_label[0] = hash >> 10 & 0x80;
}

// The same of the hash that the datapath works out.
inline void HashAtRandom(uint32_t algorithm, uint32_t basis, Fields* packet) {
  uint64_t hash = 0x9e3779b97f4a7c15u * (basis + 1U) + algorithm;
  for (const base::Mac& mac : {packet->eth_src, packet->eth_dst})
    for (const uint8_t byte : mac.bytes) hash = (hash ^ byte) * 0x100000001b3u;
  packet->dp_hash = base::Be32::FromHost(static_cast<uint32_t>(hash >> 31) | 1U << 31);
}

class DatapathModel {
 public:
  std::vector<Emission> emissions;
  std::string unknown;  // what it could not do

  // `length` without the outermost tag, as the kernel counts.
  void Run(base::ByteView actions, Fields packet, int length = 0) {
    length_ = length;
    meters_.clear();
    hidden_by_.reset();
    came_ = packet;
    (void)Walk(actions, &packet);
  }
  // Of a packet with more tags and labels than Fields shows: those behind, from the outside in.
  void Run(base::ByteView actions, const Fields& packet, std::vector<Fields::Vlan> tags,
           std::vector<base::Be32> labels, int length = 0) {
    std::reverse(tags.begin(), tags.end());
    std::reverse(labels.begin(), labels.end());
    buried_ = std::move(tags);
    buried_labels_ = std::move(labels);
    Run(actions, packet, length);
  }

 private:
  using ByteView = base::ByteView;
  // False: the packet is gone.
  using Handler = bool (DatapathModel::*)(ByteView payload, Fields* packet);
  struct Row {
    uint16_t type;
    Handler run;
  };

  bool Walk(ByteView actions, Fields* packet) {
    static constexpr Row kRows[] = {
        {OVS_ACTION_ATTR_OUTPUT, &DatapathModel::Output},
        {OVS_ACTION_ATTR_TRUNC, &DatapathModel::Trunc},
        {OVS_ACTION_ATTR_USERSPACE, &DatapathModel::Userspace},
        {OVS_ACTION_ATTR_RECIRC, &DatapathModel::Recirculate},
        {OVS_ACTION_ATTR_PUSH_VLAN, &DatapathModel::PushVlan},
        {OVS_ACTION_ATTR_POP_VLAN, &DatapathModel::PopVlan},
        {OVS_ACTION_ATTR_SET, &DatapathModel::Set<false>},
        {OVS_ACTION_ATTR_SET_MASKED, &DatapathModel::Set<true>},
        {OVS_ACTION_ATTR_PUSH_MPLS, &DatapathModel::PushMpls},
        {OVS_ACTION_ATTR_POP_MPLS, &DatapathModel::PopMpls},
        {OVS_ACTION_ATTR_DEC_TTL, &DatapathModel::DecrementTtl},
        {OVS_ACTION_ATTR_CLONE, &DatapathModel::Clone},
        {OVS_ACTION_ATTR_CHECK_PKT_LEN, &DatapathModel::CheckLength},
        {OVS_ACTION_ATTR_SAMPLE, &DatapathModel::Nothing},
        {OVS_ACTION_ATTR_CT, &DatapathModel::Track},
        {OVS_ACTION_ATTR_CT_CLEAR, &DatapathModel::Forget},
        {OVS_ACTION_ATTR_METER, &DatapathModel::Meter},
        {OVS_ACTION_ATTR_HASH, &DatapathModel::Hash},
    };
    trunc_ = 0;
    for (const attr::Attribute& action : attr::AttributeWalk(actions)) {
      const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                     [&](const Row& r) { return r.type == action.type; });
      if (row == std::end(kRows)) {
        unknown += "action " + std::to_string(action.type) + "; ";
        return false;
      }
      if (!(this->*row->run)(action.payload, packet)) return false;
    }
    return true;
  }

  template <typename T>
  static T Payload(ByteView payload) {
    return base::Load<T>(payload.data());
  }

  bool Emit(Emission emission) {
    emission.max_length = std::exchange(trunc_, 0);
    emission.meters = meters_;
    emission.length = length_;
    if (hidden_by_) FillBehindLabel(*hidden_by_, &emission.packet);
    emissions.push_back(std::move(emission));
    return true;
  }
  bool Output(ByteView payload, Fields* packet) {
    return Emit({Emission::Kind::kPort, Payload<uint32_t>(payload), *packet});
  }
  bool Userspace(ByteView payload, Fields* packet) {
    const ByteView data = attr::Find(payload, OVS_USERSPACE_ATTR_USERDATA);
    return Emit(
        {Emission::Kind::kUserspace, 0, *packet, base::ByteVector(data.begin(), data.end())});
  }
  // The tunnel that it was told to go into shows no more than before.
  bool Recirculate(ByteView payload, Fields* packet) {
    Fields now = *packet;
    CopyTunnel(came_, &now);
    return Emit({Emission::Kind::kRecirculation, Payload<uint32_t>(payload), now});
  }
  bool Trunc(ByteView payload, Fields* /*packet*/) {
    trunc_ = Payload<uint32_t>(payload);
    return true;
  }

  bool Hash(ByteView payload, Fields* packet) {
    const auto hash = Payload<ovs_action_hash>(payload);
    HashAtRandom(hash.hash_alg, hash.hash_basis, packet);
    return true;
  }

  // One that lets all through.
  bool Meter(ByteView payload, Fields* /*packet*/) {
    meters_.push_back(Payload<uint32_t>(payload));
    return true;
  }

  bool PushVlan(ByteView payload, Fields* packet) {
    const auto push = Payload<ovs_action_push_vlan>(payload);
    if (HasTag(*packet)) length_ += 4;  // the one before is in the bytes now
    buried_.push_back(packet->vlans[1]);
    packet->vlans[1] = packet->vlans[0];
    packet->vlans[0] = {base::Be16::FromWire(push.vlan_tpid), base::Be16::FromWire(push.vlan_tci)};
    return true;
  }
  bool PopVlan(ByteView /*payload*/, Fields* packet) {
    packet->vlans[0] = packet->vlans[1];
    packet->vlans[1] = {};
    if (!buried_.empty()) {
      packet->vlans[1] = buried_.back();
      buried_.pop_back();
    }
    if (HasTag(*packet)) length_ -= 4;
    return true;
  }

  bool PushMpls(ByteView payload, Fields* packet) {
    const auto push = Payload<ovs_action_push_mpls>(payload);
    length_ += 4;
    buried_labels_.push_back(packet->mpls[2]);
    packet->mpls = {base::Be32::FromWire(push.mpls_lse), packet->mpls[0], packet->mpls[1]};
    packet->eth_type = base::Be16::FromWire(push.mpls_ethertype);
    hidden_by_.reset();
    constexpr size_t kBegin = offsetof(Fields, nw_src);  // what is behind is not looked at any more
    std::memset(reinterpret_cast<char*>(packet) + kBegin, 0, sizeof(Fields) - kBegin);
    return true;
  }
  bool PopMpls(ByteView payload, Fields* packet) {
    const uint32_t label = packet->mpls[0].host();
    length_ -= 4;
    packet->mpls = {packet->mpls[1], packet->mpls[2], {}};
    if (!buried_labels_.empty()) {
      packet->mpls[2] = buried_labels_.back();
      buried_labels_.pop_back();
    }
    packet->eth_type = base::Be16::FromWire(Payload<uint16_t>(payload));
    if (packet->eth_type.host() == 0x8847 || packet->eth_type.host() == 0x8848) return true;
    packet->mpls = {};
    hidden_by_ = label;
    return true;
  }

  // As TrackAtRandom() says, and then what is to be set. Nothing is translated.
  bool Track(ByteView payload, Fields* packet) {
    const ByteView zone = attr::Find(payload, OVS_CT_ATTR_ZONE);
    TrackAtRandom(zone.empty() ? uint16_t{0} : Payload<uint16_t>(zone), packet);
    const ByteView mark = attr::Find(payload, OVS_CT_ATTR_MARK);
    if (!mark.empty()) {
      const auto value = Payload<uint32_t>(mark), mask = Payload<uint32_t>(mark.subspan(4));
      packet->ct_mark = base::Be32::FromHost((packet->ct_mark.host() & ~mask) | value);
    }
    const ByteView label = attr::Find(payload, OVS_CT_ATTR_LABELS);
    for (size_t i = 0; !label.empty() && i < packet->ct_label.size(); ++i) {
      uint8_t& byte = packet->ct_label[packet->ct_label.size() - 1 - i];
      byte = static_cast<uint8_t>((byte & ~label[packet->ct_label.size() + i]) | label[i]);
    }
    return true;
  }
  bool Forget(ByteView /*payload*/, Fields* packet) {
    auto* begin = reinterpret_cast<uint8_t*>(packet) + offsetof(Fields, ct_state);
    std::fill(begin, begin + (offsetof(Fields, tun_id) - offsetof(Fields, ct_state)), uint8_t{0});
    return true;
  }

  // A sample that was not taken.
  bool Nothing(ByteView /*payload*/, Fields* /*packet*/) { return true; }

  bool DecrementTtl(ByteView payload, Fields* packet) {
    if (packet->nw_ttl <= 1) {
      (void)Walk(attr::Find(payload, OVS_DEC_TTL_ATTR_ACTION), packet);
      return false;
    }
    --packet->nw_ttl;
    return true;
  }

  bool Clone(ByteView payload, Fields* packet) {
    Fields copy = *packet;
    const std::vector<Fields::Vlan> buried = buried_;
    const std::vector<base::Be32> buried_labels = buried_labels_;
    const std::vector<uint32_t> meters = meters_;
    const std::optional<uint32_t> hidden_by = hidden_by_;
    const int length = length_;
    (void)Walk(payload, &copy);
    length_ = length;
    hidden_by_ = hidden_by;
    meters_ = meters;
    buried_ = buried;
    buried_labels_ = buried_labels;
    return true;
  }

  bool CheckLength(ByteView payload, Fields* packet) {
    const int limit = Payload<uint16_t>(attr::Find(payload, OVS_CHECK_PKT_LEN_ATTR_PKT_LEN));
    return Clone(
        attr::Find(payload, length_ > limit ? OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER
                                            : OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL),
        packet);
  }
  static bool HasTag(const Fields& packet) {
    return (packet.vlans[0].tci.host() & pipeline::kVlanPresent) != 0;
  }

  // `size` bytes of an attribute's payload at `from` set those of Fields at `to`.
  struct Part {
    uint16_t attribute;
    size_t from, to, size;
    bool reverse = false;  // host order in the payload, network order in Fields
  };
  template <bool kMasked>
  bool Set(ByteView payload, Fields* packet) {
    static constexpr Part kParts[] = {
        {OVS_KEY_ATTR_PRIORITY, 0, offsetof(Fields, skb_priority), 4, true},
        {OVS_KEY_ATTR_SKB_MARK, 0, offsetof(Fields, pkt_mark), 4, true},
        {OVS_KEY_ATTR_ETHERNET, 0, offsetof(Fields, eth_src), 6},
        {OVS_KEY_ATTR_ETHERNET, 6, offsetof(Fields, eth_dst), 6},
        {OVS_KEY_ATTR_IPV4, 0, offsetof(Fields, nw_src), 4},
        {OVS_KEY_ATTR_IPV4, 4, offsetof(Fields, nw_dst), 4},
        {OVS_KEY_ATTR_IPV4, 9, offsetof(Fields, nw_tos), 1},
        {OVS_KEY_ATTR_IPV4, 10, offsetof(Fields, nw_ttl), 1},
        {OVS_KEY_ATTR_IPV6, 0, offsetof(Fields, ipv6_src), 16},
        {OVS_KEY_ATTR_IPV6, 16, offsetof(Fields, ipv6_dst), 16},
        {OVS_KEY_ATTR_IPV6, 32, offsetof(Fields, ipv6_label), 4},
        {OVS_KEY_ATTR_IPV6, 37, offsetof(Fields, nw_tos), 1},
        {OVS_KEY_ATTR_IPV6, 38, offsetof(Fields, nw_ttl), 1},
        {OVS_KEY_ATTR_TCP, 0, offsetof(Fields, tp_src), 2},
        {OVS_KEY_ATTR_TCP, 2, offsetof(Fields, tp_dst), 2},
        {OVS_KEY_ATTR_UDP, 0, offsetof(Fields, tp_src), 2},
        {OVS_KEY_ATTR_UDP, 2, offsetof(Fields, tp_dst), 2},
        {OVS_KEY_ATTR_SCTP, 0, offsetof(Fields, tp_src), 2},
        {OVS_KEY_ATTR_SCTP, 2, offsetof(Fields, tp_dst), 2},
        {OVS_KEY_ATTR_MPLS, 0, offsetof(Fields, mpls), 4},
    };
    const attr::Attribute key = *attr::AttributeWalk(payload).begin();
    const ByteView value = key.payload;
    if (key.type == OVS_KEY_ATTR_TUNNEL && !kMasked) {
      SetTunnel(value, packet);
      return true;
    }
    const size_t half = value.size() / 2;
    bool any = false;
    for (const Part& part : kParts) {
      if (part.attribute != key.type) continue;
      any = true;
      auto* out = reinterpret_cast<uint8_t*>(packet) + part.to;
      for (size_t i = 0; i < part.size; ++i) {
        const size_t at = part.from + (part.reverse ? part.size - 1 - i : i);
        const uint8_t mask = kMasked ? value[half + at] : 0xff;
        out[i] = static_cast<uint8_t>((out[i] & ~mask) | (value[at] & mask));
      }
    }
    if (!any) unknown += "set " + std::to_string(key.type) + "; ";
    return any;
  }

  static void CopyTunnel(const Fields& from, Fields* to) {
    constexpr size_t kBegin = offsetof(Fields, tun_id), kEnd = offsetof(Fields, eth_src);
    std::memcpy(reinterpret_cast<uint8_t*>(to) + kBegin,
                reinterpret_cast<const uint8_t*>(&from) + kBegin, kEnd - kBegin);
  }

  // The whole of what the packet will be wrapped in.
  static void SetTunnel(ByteView payload, Fields* packet) {
    auto* const bytes = reinterpret_cast<uint8_t*>(packet);
    CopyTunnel(Fields(), packet);
    static constexpr Part kParts[] = {
        {OVS_TUNNEL_KEY_ATTR_ID, 0, offsetof(Fields, tun_id), 8},
        {OVS_TUNNEL_KEY_ATTR_IPV4_SRC, 0, offsetof(Fields, tun_src), 4},
        {OVS_TUNNEL_KEY_ATTR_IPV4_DST, 0, offsetof(Fields, tun_dst), 4},
        {OVS_TUNNEL_KEY_ATTR_IPV6_SRC, 0, offsetof(Fields, tun_ipv6_src), 16},
        {OVS_TUNNEL_KEY_ATTR_IPV6_DST, 0, offsetof(Fields, tun_ipv6_dst), 16},
        {OVS_TUNNEL_KEY_ATTR_TOS, 0, offsetof(Fields, tun_tos), 1},
        {OVS_TUNNEL_KEY_ATTR_TTL, 0, offsetof(Fields, tun_ttl), 1},
        {OVS_TUNNEL_KEY_ATTR_TP_SRC, 0, offsetof(Fields, tun_tp_src), 2},
        {OVS_TUNNEL_KEY_ATTR_TP_DST, 0, offsetof(Fields, tun_tp_dst), 2},
    };
    int flags = 0;
    for (const attr::Attribute& part : attr::AttributeWalk(payload)) {
      for (const Part& row : kParts)
        if (row.attribute == part.type) std::memcpy(bytes + row.to, part.payload.data(), row.size);
      if (part.type == OVS_TUNNEL_KEY_ATTR_ID) flags |= pipeline::kTunnelKey;
      if (part.type == OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT) flags |= pipeline::kTunnelDontFragment;
      if (part.type == OVS_TUNNEL_KEY_ATTR_CSUM) flags |= pipeline::kTunnelChecksum;
      if (part.type == OVS_TUNNEL_KEY_ATTR_OAM) flags |= pipeline::kTunnelOam;
      if (part.type == OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS) {
        flags |= pipeline::kTunnelGbp;
        const auto gbp = Payload<uint32_t>(attr::Find(part.payload, OVS_VXLAN_EXT_GBP));
        packet->tun_gbp_id = base::Be16::FromHost(static_cast<uint16_t>(gbp & 0xffff));
        packet->tun_gbp_flags = static_cast<uint8_t>(gbp >> 16);
      }
      if (part.type == OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS) SetGeneve(part.payload, packet);
      if (part.type == OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS) {
        flags |= pipeline::kTunnelErspan;
        SetErspan(part.payload, packet);
      }
    }
    packet->tun_flags = base::Be16::FromHost(static_cast<uint16_t>(flags));
  }

  // Options as kTunnelOptions have them.
  static void SetGeneve(ByteView rest, Fields* packet) {
    while (!rest.empty()) {
      const size_t length = 4u * rest[3];
      for (size_t i = 0; i < kTunnelOptions.size(); ++i) {
        const auto& option = kTunnelOptions[i];
        const int kind = rest[0] << 8 | rest[1];
        if (!option || kind != option->option_class || rest[2] != option->type) continue;
        auto* const field = reinterpret_cast<uint8_t*>(&packet->tun_metadata[i]);
        std::memcpy(field + 8 - option->bytes, &rest[4u + option->offset], option->bytes);
      }
      rest = rest.subspan(4 + length);
    }
  }

  // struct erspan_metadata of <linux/erspan.h>.
  static void SetErspan(ByteView payload, Fields* packet) {
    packet->tun_erspan_ver = static_cast<uint8_t>(Payload<uint32_t>(payload));
    if (packet->tun_erspan_ver == 1) {
      packet->tun_erspan_idx = base::Load<base::Be32>(payload.data() + 4);
    } else {
      packet->tun_erspan_dir = payload[11] >> 3 & 1;
      packet->tun_erspan_hwid = static_cast<uint8_t>((payload[10] & 3) << 4 | payload[11] >> 4);
    }
  }

  std::vector<Fields::Vlan> buried_;  // tags further in than Fields shows
  std::vector<base::Be32> buried_labels_;
  std::optional<uint32_t> hidden_by_;  // the label that was popped last, of what nobody looked at
  std::vector<uint32_t> meters_;       // that the packet came through so far
  uint32_t trunc_ = 0;
  int length_ = 0;
  Fields came_;  // the packet at first
};

}  // namespace sluice::testing
