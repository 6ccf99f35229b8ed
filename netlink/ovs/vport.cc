#include "netlink/ovs/vport.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "kmod-compat/uapi/openvswitch.h"
#include "netlink/attr/codec.h"
#include "netlink/ovs/family_request.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/tables.h"

namespace sluice::ovs {
namespace {

using attr::Copy;
using attr::Field;
using attr::Format;
using attr::Kind;
using attr::Name;
using attr::Row;
using attr::View;

struct DecodedUpcalls {
  uint64_t present = 0;
  uint64_t success = 0, fail = 0;
};

struct Decoded {
  uint64_t present = 0;
  base::ByteView name, options, upcall_pids;
  ovs_vport_stats stats{};
  DecodedUpcalls upcalls;
  uint32_t port_no = 0, type = 0, ifindex = 0;
  int32_t netnsid = 0;
};

constexpr Name kTypes[] = {
    {OVS_VPORT_TYPE_NETDEV, "netdev", "OVS_VPORT_TYPE_NETDEV"},
    {OVS_VPORT_TYPE_INTERNAL, "internal", "OVS_VPORT_TYPE_INTERNAL"},
    {OVS_VPORT_TYPE_GRE, "gre", "OVS_VPORT_TYPE_GRE"},
    {OVS_VPORT_TYPE_VXLAN, "vxlan", "OVS_VPORT_TYPE_VXLAN"},
    {OVS_VPORT_TYPE_GENEVE, "geneve", "OVS_VPORT_TYPE_GENEVE"},
};
constexpr Field kType[] = {{.size = 4, .format = Format::kEnum, .names = kTypes}};
constexpr Field kPids[] = {{.name = "pid", .size = 4}};
constexpr Field kStats[] = {
    {.name = "rx_packets", .offset = 0, .size = 8},
    {.name = "tx_packets", .offset = 8, .size = 8},
    {.name = "rx_bytes", .offset = 16, .size = 8},
    {.name = "tx_bytes", .offset = 24, .size = 8},
    {.name = "rx_errors", .offset = 32, .size = 8},
    {.name = "tx_errors", .offset = 40, .size = 8},
    {.name = "rx_dropped", .offset = 48, .size = 8},
    {.name = "tx_dropped", .offset = 56, .size = 8},
};

constexpr Row kOptionsRows[] = {
    {.type = OVS_TUNNEL_ATTR_UNSPEC, .constant = "OVS_TUNNEL_ATTR_UNSPEC", .kind = Kind::kReserved},
    {.type = OVS_TUNNEL_ATTR_DST_PORT,
     .constant = "OVS_TUNNEL_ATTR_DST_PORT",
     .name = "dst_port",
     .size = 2,
     .fields = attr::kU16Dec,
     .since = "3.10",
     .doc = "UDP port of a VXLAN or Geneve port, host byte order."},
    {.type = OVS_TUNNEL_ATTR_EXTENSION,
     .constant = "OVS_TUNNEL_ATTR_EXTENSION",
     .name = "extension",
     .kind = Kind::kBytes,
     .since = "4.0",
     .doc = "VXLAN extensions that are turned on: OVS_VXLAN_EXT_* flags, nested."},
};

constexpr Row kUpcallRows[] = {
    {.type = uapi::OVS_VPORT_UPCALL_ATTR_SUCCESS,
     .constant = "OVS_VPORT_UPCALL_ATTR_SUCCESS",
     .name = "success",
     .size = 8,
     .fields = attr::kU64Dec,
     .slot = Copy(offsetof(DecodedUpcalls, success)),
     .since = "6.2",
     .doc = "Upcalls that reached a socket."},
    {.type = uapi::OVS_VPORT_UPCALL_ATTR_FAIL,
     .constant = "OVS_VPORT_UPCALL_ATTR_FAIL",
     .name = "fail",
     .size = 8,
     .fields = attr::kU64Dec,
     .slot = Copy(offsetof(DecodedUpcalls, fail)),
     .since = "6.2",
     .doc = "Upcalls that were lost: no socket, or a full one."},
};

constexpr Row kRows[] = {
    {.type = OVS_VPORT_ATTR_UNSPEC, .constant = "OVS_VPORT_ATTR_UNSPEC", .kind = Kind::kReserved},
    {.type = OVS_VPORT_ATTR_PORT_NO,
     .constant = "OVS_VPORT_ATTR_PORT_NO",
     .name = "port_no",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, port_no)),
     .since = "3.3",
     .doc = "Number of the port in its datapath; below 65535."},
    {.type = OVS_VPORT_ATTR_TYPE,
     .constant = "OVS_VPORT_ATTR_TYPE",
     .name = "type",
     .size = 4,
     .fields = kType,
     .slot = Copy(offsetof(Decoded, type)),
     .since = "3.3",
     .doc = "OVS_VPORT_TYPE_*: a device, an internal port, or a tunnel."},
    {.type = OVS_VPORT_ATTR_NAME,
     .constant = "OVS_VPORT_ATTR_NAME",
     .name = "name",
     .kind = Kind::kString,
     .slot = View(offsetof(Decoded, name)),
     .since = "3.3",
     .doc = "Name of the port and of its device."},
    {.type = OVS_VPORT_ATTR_OPTIONS,
     .constant = "OVS_VPORT_ATTR_OPTIONS",
     .name = "options",
     .kind = Kind::kSet,
     .nested = &kVportOptionsTable,
     .slot = View(offsetof(Decoded, options)),
     .since = "3.3",
     .doc = "Configuration of a tunnel port."},
    {.type = OVS_VPORT_ATTR_UPCALL_PID,
     .constant = "OVS_VPORT_ATTR_UPCALL_PID",
     .name = "upcall_pid",
     .kind = Kind::kArray,
     .size = 4,
     .fields = kPids,
     .slot = View(offsetof(Decoded, upcall_pids)),
     .since = "3.3",
     .doc = "Netlink port ids among which the kernel spreads the port's upcalls by flow hash "
            "(more than one since 3.17)."},
    {.type = OVS_VPORT_ATTR_STATS,
     .constant = "OVS_VPORT_ATTR_STATS",
     .name = "stats",
     .size = sizeof(ovs_vport_stats),
     .fields = kStats,
     .slot = Copy(offsetof(Decoded, stats)),
     .grows = true,
     .since = "3.3",
     .doc = "Packets and bytes of the port."},
    {.type = OVS_VPORT_ATTR_PAD,
     .constant = "OVS_VPORT_ATTR_PAD",
     .kind = Kind::kReserved,
     .since = "4.7",
     .doc = "Padding for alignment."},
    {.type = OVS_VPORT_ATTR_IFINDEX,
     .constant = "OVS_VPORT_ATTR_IFINDEX",
     .name = "ifindex",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, ifindex)),
     .since = "4.15",
     .doc = "Interface index of the port's device."},
    {.type = OVS_VPORT_ATTR_NETNSID,
     .constant = "OVS_VPORT_ATTR_NETNSID",
     .name = "netnsid",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, netnsid)),
     .since = "4.15",
     .doc = "Network namespace of the port's device, when it is another."},
    {.type = uapi::OVS_VPORT_ATTR_UPCALL_STATS,
     .constant = "OVS_VPORT_ATTR_UPCALL_STATS",
     .name = "upcall_stats",
     .kind = Kind::kSet,
     .nested = &kVportUpcallTable,
     .slot = attr::Struct(offsetof(Decoded, upcalls)),
     .since = "6.2",
     .doc = "Upcalls of the port."},
};

}  // namespace

constinit const attr::Table kVportOptionsTable =
    attr::MakeTable({.name = "ovs_tunnel_attr",
                     .prefix = "OVS_TUNNEL_ATTR_",
                     .unknown = "option",
                     .doc = "Configuration of tunnel ports, nested in OVS_VPORT_ATTR_OPTIONS.",
                     .rows = kOptionsRows});

constinit const attr::Table kVportUpcallTable =
    attr::MakeTable({.name = "ovs_vport_upcall_attr",
                     .prefix = "OVS_VPORT_UPCALL_ATTR_",
                     .unknown = "upcall_attr",
                     .doc = "Upcalls of a port, nested in OVS_VPORT_ATTR_UPCALL_STATS.",
                     .rows = kUpcallRows,
                     .present_offset = offsetof(DecodedUpcalls, present)});

constinit const attr::Table kVportTable =
    attr::MakeTable({.name = "ovs_vport_attr",
                     .prefix = "OVS_VPORT_ATTR_",
                     .unknown = "vport_attr",
                     .doc = "Attributes of the ovs_vport family.",
                     .rows = kRows,
                     .present_offset = offsetof(Decoded, present)});

absl::StatusOr<Vport> ParseVport(const socket::Message& message) {
  SLUICE_ASSIGN_OR_RETURN(const OvsMessage ovs, ParseOvsMessage(message));
  Decoded decoded;
  if (attr::Fault fault = attr::Decode(kVportTable, ovs.attributes, &decoded, nullptr))
    return Malformed(fault);
  Vport vport;
  vport.dp_ifindex = ovs.dp_ifindex;
  vport.port_no = decoded.port_no;
  vport.type = decoded.type;
  vport.name = ToString(decoded.name);
  vport.ifindex = static_cast<int>(decoded.ifindex);
  if (attr::IsPresent(kVportTable, &decoded, OVS_VPORT_ATTR_NETNSID))
    vport.netnsid = decoded.netnsid;
  vport.stats = decoded.stats;
  vport.upcall_pids = ToNumbers(decoded.upcall_pids);
  if (attr::IsPresent(kVportTable, &decoded, uapi::OVS_VPORT_ATTR_UPCALL_STATS))
    vport.upcalls = Vport::Upcalls{decoded.upcalls.success, decoded.upcalls.fail};
  vport.options.assign(decoded.options.begin(), decoded.options.end());
  return vport;
}

std::string VportTypeName(uint32_t type) {
  for (const Name& name : kTypes)
    if (name.value == type) return std::string(name.name);
  return absl::StrCat("type ", type);
}

base::ByteVector EncodeTunnelOptions(const TunnelOptions& options) {
  base::ByteVector bytes;
  attr::Writer writer(&bytes);
  if (options.dst_port) writer.Put(OVS_TUNNEL_ATTR_DST_PORT, *options.dst_port);
  if (options.gbp) {
    const auto extensions = writer.Nest(OVS_TUNNEL_ATTR_EXTENSION);
    writer.PutFlag(OVS_VXLAN_EXT_GBP);
  }
  return bytes;
}

TunnelOptions DecodeTunnelOptions(base::ByteView options) {
  TunnelOptions decoded;
  const base::ByteView port = attr::Find(options, OVS_TUNNEL_ATTR_DST_PORT);
  if (port.size() >= sizeof(uint16_t)) decoded.dst_port = base::Load<uint16_t>(port.data());
  const base::ByteView extensions = attr::Find(options, OVS_TUNNEL_ATTR_EXTENSION);
  decoded.gbp = attr::Find(extensions, OVS_VXLAN_EXT_GBP).data() != nullptr;
  return decoded;
}

absl::StatusOr<Vport> Vports::Add(int dp_ifindex, const VportConfig& config) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_VPORT_FAMILY));
  socket::Request request =
      OvsRequest(*family, OVS_VPORT_CMD_NEW, NLM_F_ECHO, dp_ifindex, "vport add");
  attr::Writer& writer = request.attributes();
  writer.Put(OVS_VPORT_ATTR_TYPE, config.type);
  writer.PutString(OVS_VPORT_ATTR_NAME, config.name);
  if (config.port_no) writer.Put(OVS_VPORT_ATTR_PORT_NO, *config.port_no);
  constexpr uint32_t kNobody[] = {0};
  PutNumbers(OVS_VPORT_ATTR_UPCALL_PID,
             config.upcall_pids.empty() ? std::span<const uint32_t>(kNobody) : config.upcall_pids,
             &writer);
  if (!config.options.empty()) writer.Put(OVS_VPORT_ATTR_OPTIONS, base::ByteView(config.options));
  return TransactParsed(client_, request, ParseVport);
}

absl::StatusOr<Vport> Vports::Get(std::string_view name) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_VPORT_FAMILY));
  socket::Request request = OvsRequest(*family, OVS_VPORT_CMD_GET, 0, 0, "vport get");
  request.attributes().PutString(OVS_VPORT_ATTR_NAME, name);
  request.set_read_only(true);
  return TransactParsed(client_, request, ParseVport);
}

absl::StatusOr<Vport> Vports::Get(int dp_ifindex, uint32_t port_no) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_VPORT_FAMILY));
  socket::Request request = OvsRequest(*family, OVS_VPORT_CMD_GET, 0, dp_ifindex, "vport get");
  request.attributes().Put(OVS_VPORT_ATTR_PORT_NO, port_no);
  request.set_read_only(true);
  return TransactParsed(client_, request, ParseVport);
}

absl::StatusOr<std::vector<Vport>> Vports::List(int dp_ifindex) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_VPORT_FAMILY));
  std::vector<Vport> vports;
  SLUICE_RETURN_IF_ERROR(
      client_
          ->DumpInto(OvsRequest(*family, OVS_VPORT_CMD_GET, 0, dp_ifindex, "vport dump"), &vports,
                     ParseVport)
          .status());
  return vports;
}

absl::Status Vports::SetUpcallPids(int dp_ifindex, uint32_t port_no,
                                   std::span<const uint32_t> pids) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_VPORT_FAMILY));
  socket::Request request =
      OvsRequest(*family, OVS_VPORT_CMD_SET, 0, dp_ifindex, "vport set upcall pids");
  request.attributes().Put(OVS_VPORT_ATTR_PORT_NO, port_no);
  PutNumbers(OVS_VPORT_ATTR_UPCALL_PID, pids, &request.attributes());
  return client_->Transact(request).status();
}

absl::Status Vports::Delete(int dp_ifindex, uint32_t port_no) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_VPORT_FAMILY));
  socket::Request request = OvsRequest(*family, OVS_VPORT_CMD_DEL, 0, dp_ifindex, "vport delete");
  request.attributes().Put(OVS_VPORT_ATTR_PORT_NO, port_no);
  return client_->Transact(request).status();
}

}  // namespace sluice::ovs
