// What the kernel would do with a packet and a list of actions, worked out on pipeline::Fields: for
// tests of what translation yields. Written from net/openvswitch/actions.c, not from our own code.
//
// It knows the actions that translation uses; anything else ends the run with `unknown`.
#pragma once

#include <linux/openvswitch.h>

#include <string>
#include <vector>

#include "agent/pipeline/fields.h"
#include "kmod-compat/uapi/openvswitch.h"
#include "netlink/attr/wire.h"

namespace sluice::testing {

using pipeline::Fields;

// A packet that left: through a port, to user space (with userdata), or on to a recirculation.
struct Emission {
  enum class Kind { kPort, kUserspace, kRecirculation };
  Kind kind = Kind::kPort;
  uint32_t to = 0;  // the port, or the recirculation id
  Fields packet;
  base::ByteVector userdata{};
  uint32_t max_length = 0;  // trunc; 0: whole

  friend bool operator==(const Emission&, const Emission&) = default;
};

class DatapathModel {
 public:
  std::vector<Emission> emissions;
  std::string unknown;  // what it could not do

  void Run(base::ByteView actions, Fields packet) { (void)Walk(actions, &packet); }

 private:
  // False: the packet is gone.
  bool Walk(base::ByteView actions, Fields* packet) {
    uint32_t trunc = 0;
    for (const attr::Attribute& action : attr::AttributeWalk(actions)) {
      const base::ByteView payload = action.payload;
      switch (action.type) {
        case OVS_ACTION_ATTR_OUTPUT:
          emissions.push_back(
              {Emission::Kind::kPort, base::Load<uint32_t>(payload.data()), *packet, {}, trunc});
          trunc = 0;
          break;
        case OVS_ACTION_ATTR_TRUNC:
          trunc = base::Load<uint32_t>(payload.data());
          break;
        case OVS_ACTION_ATTR_USERSPACE: {
          const base::ByteView data = attr::Find(payload, OVS_USERSPACE_ATTR_USERDATA);
          emissions.push_back({Emission::Kind::kUserspace, 0, *packet,
                               base::ByteVector(data.begin(), data.end()), trunc});
          trunc = 0;
          break;
        }
        case OVS_ACTION_ATTR_RECIRC:
          emissions.push_back({Emission::Kind::kRecirculation,
                               base::Load<uint32_t>(payload.data()),
                               *packet,
                               {},
                               0});
          break;
        case OVS_ACTION_ATTR_PUSH_VLAN: {
          const auto push = base::Load<ovs_action_push_vlan>(payload.data());
          buried_.push_back(packet->vlans[1]);
          packet->vlans[1] = packet->vlans[0];
          packet->vlans[0] = {base::Be16::FromWire(push.vlan_tpid),
                              base::Be16::FromWire(push.vlan_tci)};
          break;
        }
        case OVS_ACTION_ATTR_POP_VLAN:
          packet->vlans[0] = packet->vlans[1];
          packet->vlans[1] = {};
          if (!buried_.empty()) {
            packet->vlans[1] = buried_.back();
            buried_.pop_back();
          }
          break;
        case OVS_ACTION_ATTR_SET:
          Set(payload, /*masked=*/false, packet);
          break;
        case OVS_ACTION_ATTR_SET_MASKED:
          Set(payload, /*masked=*/true, packet);
          break;
        case OVS_ACTION_ATTR_PUSH_MPLS: {
          const auto push = base::Load<ovs_action_push_mpls>(payload.data());
          packet->mpls[2] = packet->mpls[1];
          packet->mpls[1] = packet->mpls[0];
          packet->mpls[0] = base::Be32::FromWire(push.mpls_lse);
          packet->eth_type = base::Be16::FromWire(push.mpls_ethertype);
          ForgetInner(packet);
          break;
        }
        case OVS_ACTION_ATTR_POP_MPLS:
          packet->mpls = {packet->mpls[1], packet->mpls[2], {}};
          packet->eth_type = base::Be16::FromWire(base::Load<uint16_t>(payload.data()));
          break;
        case OVS_ACTION_ATTR_DEC_TTL:
          if (packet->nw_ttl <= 1) {
            (void)Walk(attr::Find(payload, OVS_DEC_TTL_ATTR_ACTION), packet);
            return false;
          }
          --packet->nw_ttl;
          break;
        case OVS_ACTION_ATTR_CLONE: {
          Fields copy = *packet;
          const auto buried = buried_;
          (void)Walk(payload, &copy);
          buried_ = buried;
          break;
        }
        default:
          unknown += "action " + std::to_string(action.type) + "; ";
          return false;
      }
    }
    return true;
  }

  static void ForgetInner(Fields* packet) {
    constexpr size_t kBegin = offsetof(Fields, nw_src);
    std::memset(reinterpret_cast<char*>(packet) + kBegin, 0, sizeof(Fields) - kBegin);
  }

  // Sets `size` bytes at `to` from the payload at `from`.
  struct Setter {
    base::ByteView payload;
    bool masked;
    void operator()(size_t from, void* to, size_t size, bool reverse = false) const {
      const size_t half = payload.size() / 2;
      auto* out = static_cast<uint8_t*>(to);
      for (size_t i = 0; i < size; ++i) {
        const size_t at = from + (reverse ? size - 1 - i : i);
        const uint8_t mask = masked ? payload[half + at] : 0xff;
        out[i] = static_cast<uint8_t>((out[i] & ~mask) | (payload[at] & mask));
      }
    }
  };

  void Set(base::ByteView nested, bool masked, Fields* p) {
    const attr::Attribute key = *attr::AttributeWalk(nested).begin();
    const Setter set{key.payload, masked};
    switch (key.type) {
      case OVS_KEY_ATTR_PRIORITY:
        set(0, &p->skb_priority, 4, true);
        break;
      case OVS_KEY_ATTR_SKB_MARK:
        set(0, &p->pkt_mark, 4, true);
        break;
      case OVS_KEY_ATTR_ETHERNET:
        set(0, &p->eth_src, 6);
        set(6, &p->eth_dst, 6);
        break;
      case OVS_KEY_ATTR_IPV4:
        set(0, &p->nw_src, 4);
        set(4, &p->nw_dst, 4);
        set(9, &p->nw_tos, 1);
        set(10, &p->nw_ttl, 1);
        break;
      case OVS_KEY_ATTR_IPV6:
        set(0, &p->ipv6_src, 16);
        set(16, &p->ipv6_dst, 16);
        set(32, &p->ipv6_label, 4);
        set(37, &p->nw_tos, 1);
        set(38, &p->nw_ttl, 1);
        break;
      case OVS_KEY_ATTR_TCP:
      case OVS_KEY_ATTR_UDP:
      case OVS_KEY_ATTR_SCTP:
        set(0, &p->tp_src, 2);
        set(2, &p->tp_dst, 2);
        break;
      case OVS_KEY_ATTR_MPLS:
        set(0, &p->mpls[0], 4);
        break;
      default:
        unknown += "set " + std::to_string(key.type) + "; ";
    }
  }

  std::vector<Fields::Vlan> buried_;  // tags further in than Fields shows
};

}  // namespace sluice::testing
