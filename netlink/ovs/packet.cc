#include "netlink/ovs/packet.h"

#include <cstddef>

#include "kmod-compat/uapi/openvswitch.h"
#include "netlink/attr/codec.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/family_request.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/tables.h"

namespace sluice::ovs {
namespace {

using attr::Copy;
using attr::Kind;
using attr::Row;
using attr::View;

struct Decoded {
  uint64_t present = 0;
  base::ByteView packet, key, actions, userdata, egress_tunnel_key;
  uint64_t hash = 0;
  uint32_t length = 0, upcall_pid = 0;
  uint16_t mru = 0;
};

constexpr attr::Field kU64Hex[] = {{.size = 8, .format = attr::Format::kHex}};

constexpr Row kRows[] = {
    {.type = OVS_PACKET_ATTR_UNSPEC, .constant = "OVS_PACKET_ATTR_UNSPEC", .kind = Kind::kReserved},
    {.type = OVS_PACKET_ATTR_KEY,
     .constant = "OVS_PACKET_ATTR_KEY",
     .name = "key",
     .kind = Kind::kSet,
     .nested = &kKeyTable,
     .slot = View(offsetof(Decoded, key)),
     .since = "3.3",
     .doc = "The flow key that the kernel took from the packet."},
    {.type = OVS_PACKET_ATTR_USERDATA,
     .constant = "OVS_PACKET_ATTR_USERDATA",
     .name = "userdata",
     .kind = Kind::kBytes,
     .slot = View(offsetof(Decoded, userdata)),
     .since = "3.3",
     .doc = "The bytes of the userspace() action."},
    {.type = OVS_PACKET_ATTR_EGRESS_TUN_KEY,
     .constant = "OVS_PACKET_ATTR_EGRESS_TUN_KEY",
     .name = "egress_tun_key",
     .kind = Kind::kSet,
     .nested = &kTunnelTable,
     .slot = View(offsetof(Decoded, egress_tunnel_key)),
     .since = "3.19",
     .doc = "The outer header that the packet will get at the port that the action named."},
    {.type = OVS_PACKET_ATTR_ACTIONS,
     .constant = "OVS_PACKET_ATTR_ACTIONS",
     .name = "actions",
     .kind = Kind::kList,
     .nested = &kActionTable,
     .slot = View(offsetof(Decoded, actions)),
     .since = "3.3",
     .doc = "Of an execute: what to do. Of an upcall: the flow's actions, when asked for (4.3)."},
    {.type = OVS_PACKET_ATTR_MRU,
     .constant = "OVS_PACKET_ATTR_MRU",
     .name = "mru",
     .size = 2,
     .fields = attr::kU16Dec,
     .slot = Copy(offsetof(Decoded, mru)),
     .since = "4.3",
     .doc = "Size of the largest fragment that was received of a reassembled packet."},
    {.type = OVS_PACKET_ATTR_HASH,
     .constant = "OVS_PACKET_ATTR_HASH",
     .name = "hash",
     .size = 8,
     .fields = kU64Hex,
     .slot = Copy(offsetof(Decoded, hash)),
     .since = "5.5",
     .doc = "Hash of the packet; bits 32 and 33 say how it was made."},
    {.type = OVS_PACKET_ATTR_PACKET,
     .constant = "OVS_PACKET_ATTR_PACKET",
     .name = "packet",
     .kind = Kind::kBytes,
     .slot = View(offsetof(Decoded, packet)),
     .since = "3.3",
     .doc = "The packet, from its Ethernet header on."},
    {.type = OVS_PACKET_ATTR_LEN,
     .constant = "OVS_PACKET_ATTR_LEN",
     .name = "len",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, length)),
     .since = "4.8",
     .doc = "Length of the packet before trunc() cut it."},
    {.type = OVS_PACKET_ATTR_PROBE,
     .constant = "OVS_PACKET_ATTR_PROBE",
     .name = "probe",
     .kind = Kind::kFlag,
     .since = "4.0",
     .doc = "The request only tries something: the kernel shall not log why it refuses."},
    {.type = uapi::OVS_PACKET_ATTR_UPCALL_PID,
     .constant = "OVS_PACKET_ATTR_UPCALL_PID",
     .name = "upcall_pid",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, upcall_pid)),
     .since = "6.17",
     .doc = "Of an execute: which socket gets the upcalls that the packet leads to."},
    {.type = OVS_PACKET_ATTR_UNUSED1,
     .constant = "OVS_PACKET_ATTR_UNUSED1",
     .kind = Kind::kReserved},
    {.type = OVS_PACKET_ATTR_UNUSED2,
     .constant = "OVS_PACKET_ATTR_UNUSED2",
     .kind = Kind::kReserved},
};

}  // namespace

constinit const attr::Table kPacketTable =
    attr::MakeTable({.name = "ovs_packet_attr",
                     .prefix = "OVS_PACKET_ATTR_",
                     .unknown = "packet_attr",
                     .doc = "Attributes of the ovs_packet family.",
                     .rows = kRows,
                     .present_offset = offsetof(Decoded, present)});

UpcallFault DecodeUpcall(const socket::Message& message, Upcall* upcall) {
  const auto generic = socket::ParseGeneric(message, sizeof(ovs_header));
  if (!generic) return UpcallFault::kMalformed;
  if (generic->command != OVS_PACKET_CMD_MISS && generic->command != OVS_PACKET_CMD_ACTION)
    return UpcallFault::kUnknownCommand;
  Decoded decoded;
  if (attr::Decode(kPacketTable, generic->attributes, &decoded, nullptr))
    return UpcallFault::kMalformed;
  const auto has = [&decoded](uint16_t type) { return (decoded.present >> type & 1) != 0; };
  if (!has(OVS_PACKET_ATTR_KEY)) return UpcallFault::kNoKey;
  if (!has(OVS_PACKET_ATTR_PACKET)) return UpcallFault::kNoPacket;
  *upcall = {};
  upcall->kind =
      generic->command == OVS_PACKET_CMD_MISS ? Upcall::Kind::kMiss : Upcall::Kind::kAction;
  upcall->dp_ifindex = base::Load<ovs_header>(generic->family_header.data()).dp_ifindex;
  upcall->packet = decoded.packet;
  upcall->key = decoded.key;
  upcall->userdata = decoded.userdata;
  upcall->egress_tunnel_key = decoded.egress_tunnel_key;
  if (has(OVS_PACKET_ATTR_ACTIONS)) upcall->actions = decoded.actions;
  if (has(OVS_PACKET_ATTR_MRU)) upcall->mru = decoded.mru;
  if (has(OVS_PACKET_ATTR_HASH)) upcall->hash = decoded.hash;
  upcall->length = decoded.length;
  return UpcallFault::kNone;
}

void EncodeExecute(const socket::Family& family, int dp_ifindex, const ExecuteSpec& spec,
                   socket::Request* request) {
  ResetOvsRequest(family, OVS_PACKET_CMD_EXECUTE, 0, dp_ifindex, "packet execute", request);
  attr::Writer& writer = request->attributes();
  writer.Put(OVS_PACKET_ATTR_PACKET, spec.packet);
  writer.Put(OVS_PACKET_ATTR_KEY, spec.key);
  writer.Put(OVS_PACKET_ATTR_ACTIONS, spec.actions);
  if (spec.probe) writer.PutFlag(OVS_PACKET_ATTR_PROBE);
  if (spec.mru) writer.Put(OVS_PACKET_ATTR_MRU, *spec.mru);
  if (spec.hash) writer.Put(OVS_PACKET_ATTR_HASH, *spec.hash);
  if (spec.upcall_pid) writer.Put(uapi::OVS_PACKET_ATTR_UPCALL_PID, *spec.upcall_pid);
}

absl::Status Execute(socket::Client* client, int dp_ifindex, const ExecuteSpec& spec) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client, OVS_PACKET_FAMILY));
  socket::Request request;
  EncodeExecute(*family, dp_ifindex, spec, &request);
  return client->Transact(request).status();
}

}  // namespace sluice::ovs
