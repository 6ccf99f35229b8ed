#include "netlink/ovs/datapath.h"

#include <cstddef>

#include "netlink/attr/codec.h"
#include "netlink/ovs/family_request.h"
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

struct Decoded {
  uint64_t present = 0;
  base::ByteView name;
  base::ByteView per_cpu_pids;
  ovs_dp_stats stats{};
  ovs_dp_megaflow_stats megaflow_stats{};
  uint32_t upcall_pid = 0;
  uint32_t user_features = 0;
  uint32_t masks_cache_size = 0;
  uint32_t ifindex = 0;
};

constexpr Field kStats[] = {
    {.name = "hit", .offset = 0, .size = 8},
    {.name = "missed", .offset = 8, .size = 8},
    {.name = "lost", .offset = 16, .size = 8},
    {.name = "flows", .offset = 24, .size = 8},
};
constexpr Field kMegaflowStats[] = {
    {.name = "mask_hit", .offset = 0, .size = 8},
    {.name = "masks", .offset = 8, .size = 4},
    {.name = "pad0", .offset = 12, .size = 4, .implied = 0},
    {.name = "cache_hit", .offset = 16, .size = 8},
    {.name = "pad1", .offset = 24, .size = 8, .implied = 0},
};
constexpr Name kFeatureBits[] = {
    {OVS_DP_F_UNALIGNED, "unaligned", "OVS_DP_F_UNALIGNED"},
    {OVS_DP_F_VPORT_PIDS, "vport_pids", "OVS_DP_F_VPORT_PIDS"},
    {OVS_DP_F_TC_RECIRC_SHARING, "tc_recirc_sharing", "OVS_DP_F_TC_RECIRC_SHARING"},
    {OVS_DP_F_DISPATCH_UPCALL_PER_CPU, "dispatch_upcall_per_cpu",
     "OVS_DP_F_DISPATCH_UPCALL_PER_CPU"},
};
constexpr Field kFeatures[] = {{.size = 4, .format = Format::kFlags, .names = kFeatureBits}};
constexpr Field kPids[] = {{.name = "pid", .size = 4}};

constexpr Row kRows[] = {
    {.type = OVS_DP_ATTR_UNSPEC, .constant = "OVS_DP_ATTR_UNSPEC", .kind = Kind::kReserved},
    {.type = OVS_DP_ATTR_NAME,
     .constant = "OVS_DP_ATTR_NAME",
     .name = "name",
     .kind = Kind::kString,
     .slot = View(offsetof(Decoded, name)),
     .since = "3.3",
     .doc = "Name of the datapath and of its local port's device."},
    {.type = OVS_DP_ATTR_UPCALL_PID,
     .constant = "OVS_DP_ATTR_UPCALL_PID",
     .name = "upcall_pid",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, upcall_pid)),
     .since = "3.3",
     .doc = "Netlink port id that gets the local port's upcalls; 0 for none."},
    {.type = OVS_DP_ATTR_STATS,
     .constant = "OVS_DP_ATTR_STATS",
     .name = "stats",
     .size = sizeof(ovs_dp_stats),
     .fields = kStats,
     .slot = Copy(offsetof(Decoded, stats)),
     .grows = true,
     .since = "3.3",
     .doc = "Packets that hit a flow, missed, and were lost on the way to user space; flows."},
    {.type = OVS_DP_ATTR_MEGAFLOW_STATS,
     .constant = "OVS_DP_ATTR_MEGAFLOW_STATS",
     .name = "megaflow_stats",
     .size = sizeof(ovs_dp_megaflow_stats),
     .fields = kMegaflowStats,
     .slot = Copy(offsetof(Decoded, megaflow_stats)),
     .grows = true,
     .since = "3.13",
     .doc = "Masks looked at, masks, and hits of the mask cache (5.5)."},
    {.type = OVS_DP_ATTR_USER_FEATURES,
     .constant = "OVS_DP_ATTR_USER_FEATURES",
     .name = "user_features",
     .size = 4,
     .fields = kFeatures,
     .slot = Copy(offsetof(Decoded, user_features)),
     .since = "3.14",
     .doc = "Which extensions the agent understands (OVS_DP_F_*). A SET without it clears all."},
    {.type = OVS_DP_ATTR_PAD,
     .constant = "OVS_DP_ATTR_PAD",
     .kind = Kind::kReserved,
     .since = "4.7",
     .doc = "Padding for alignment."},
    {.type = OVS_DP_ATTR_MASKS_CACHE_SIZE,
     .constant = "OVS_DP_ATTR_MASKS_CACHE_SIZE",
     .name = "masks_cache_size",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, masks_cache_size)),
     .since = "5.9",
     .doc = "Entries of each CPU's mask cache."},
    {.type = OVS_DP_ATTR_PER_CPU_PIDS,
     .constant = "OVS_DP_ATTR_PER_CPU_PIDS",
     .name = "per_cpu_pids",
     .kind = Kind::kArray,
     .size = 4,
     .fields = kPids,
     .slot = View(offsetof(Decoded, per_cpu_pids)),
     .since = "5.15",
     .doc = "Netlink port ids that get the upcalls, by CPU."},
    {.type = OVS_DP_ATTR_IFINDEX,
     .constant = "OVS_DP_ATTR_IFINDEX",
     .name = "ifindex",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, ifindex)),
     .since = "6.1",
     .doc = "Interface index that a new datapath's local port shall have."},
};

// A change is answered with the datapath as it is then only when NLM_F_ECHO asks for it.
socket::Request NewRequest(const socket::Family& family, uint8_t command, int ifindex,
                           std::string_view label) {
  const uint16_t flags = command == OVS_DP_CMD_GET ? uint16_t{0} : uint16_t{NLM_F_ECHO};
  return OvsRequest(family, command, flags, ifindex, label);
}

}  // namespace

constinit const attr::Table kDatapathTable =
    attr::MakeTable({.name = "ovs_datapath_attr",
                     .prefix = "OVS_DP_ATTR_",
                     .unknown = "dp_attr",
                     .doc = "Attributes of the ovs_datapath family.",
                     .rows = kRows,
                     .present_offset = offsetof(Decoded, present)});

absl::StatusOr<Datapath> ParseDatapath(const socket::Message& message) {
  SLUICE_ASSIGN_OR_RETURN(OvsMessage ovs, ParseOvsMessage(message));
  Decoded decoded;
  if (attr::Fault fault = attr::Decode(kDatapathTable, ovs.attributes, &decoded, nullptr))
    return Malformed(fault);
  Datapath datapath;
  datapath.ifindex = ovs.dp_ifindex;
  datapath.name = ToString(decoded.name);
  datapath.user_features = decoded.user_features;
  datapath.stats = decoded.stats;
  datapath.megaflow_stats = decoded.megaflow_stats;
  if (attr::IsPresent(kDatapathTable, &decoded, OVS_DP_ATTR_MASKS_CACHE_SIZE))
    datapath.masks_cache_size = decoded.masks_cache_size;
  datapath.per_cpu_pids = ToNumbers(decoded.per_cpu_pids);
  return datapath;
}

absl::StatusOr<Datapath> Datapaths::Create(const DatapathConfig& config) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_DATAPATH_FAMILY));
  socket::Family spoken = *family;
  if (config.interface_version) spoken.version = *config.interface_version;
  socket::Request request = NewRequest(spoken, OVS_DP_CMD_NEW, 0, "datapath create");
  attr::Writer& writer = request.attributes();
  writer.PutString(OVS_DP_ATTR_NAME, config.name);
  writer.Put(OVS_DP_ATTR_UPCALL_PID, config.upcall_pid);
  writer.Put(OVS_DP_ATTR_USER_FEATURES, config.user_features);
  if (config.masks_cache_size) writer.Put(OVS_DP_ATTR_MASKS_CACHE_SIZE, *config.masks_cache_size);
  if (!config.per_cpu_pids.empty())
    PutNumbers(OVS_DP_ATTR_PER_CPU_PIDS, config.per_cpu_pids, &writer);
  return TransactParsed(client_, request, ParseDatapath);
}

absl::StatusOr<Datapath> Datapaths::Get(std::string_view name) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_DATAPATH_FAMILY));
  socket::Request request = NewRequest(*family, OVS_DP_CMD_GET, 0, "datapath get");
  request.attributes().PutString(OVS_DP_ATTR_NAME, name);
  request.set_read_only(true);
  return TransactParsed(client_, request, ParseDatapath);
}

absl::StatusOr<Datapath> Datapaths::Get(int ifindex) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_DATAPATH_FAMILY));
  socket::Request request = NewRequest(*family, OVS_DP_CMD_GET, ifindex, "datapath get");
  request.set_read_only(true);
  return TransactParsed(client_, request, ParseDatapath);
}

absl::StatusOr<std::vector<Datapath>> Datapaths::List() {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_DATAPATH_FAMILY));
  std::vector<Datapath> datapaths;
  SLUICE_RETURN_IF_ERROR(client_
                             ->DumpInto(NewRequest(*family, OVS_DP_CMD_GET, 0, "datapath dump"),
                                        &datapaths, ParseDatapath)
                             .status());
  return datapaths;
}

absl::StatusOr<uint32_t> Datapaths::ChangeFeatures(int ifindex, uint32_t set, uint32_t clear) {
  SLUICE_ASSIGN_OR_RETURN(const Datapath current, Get(ifindex));
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_DATAPATH_FAMILY));
  socket::Request request = NewRequest(*family, OVS_DP_CMD_SET, ifindex, "datapath set features");
  const uint32_t features = (current.user_features | set) & ~clear;
  request.attributes().Put(OVS_DP_ATTR_USER_FEATURES, features);
  SLUICE_ASSIGN_OR_RETURN(const Datapath after, TransactParsed(client_, request, ParseDatapath));
  return after.user_features;
}

absl::Status Datapaths::SetPerCpuPids(int ifindex, std::span<const uint32_t> pids) {
  SLUICE_ASSIGN_OR_RETURN(const Datapath current, Get(ifindex));
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_DATAPATH_FAMILY));
  socket::Request request =
      NewRequest(*family, OVS_DP_CMD_SET, ifindex, "datapath set per-CPU pids");
  request.attributes().Put(OVS_DP_ATTR_USER_FEATURES,
                           current.user_features | uint32_t{OVS_DP_F_DISPATCH_UPCALL_PER_CPU});
  PutNumbers(OVS_DP_ATTR_PER_CPU_PIDS, pids, &request.attributes());
  return client_->Transact(request).status();
}

absl::StatusOr<uint32_t> Datapaths::SetMasksCacheSize(int ifindex, uint32_t entries) {
  SLUICE_ASSIGN_OR_RETURN(const Datapath current, Get(ifindex));
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_DATAPATH_FAMILY));
  socket::Request request =
      NewRequest(*family, OVS_DP_CMD_SET, ifindex, "datapath set masks cache size");
  request.attributes().Put(OVS_DP_ATTR_USER_FEATURES, current.user_features);
  request.attributes().Put(OVS_DP_ATTR_MASKS_CACHE_SIZE, entries);
  SLUICE_ASSIGN_OR_RETURN(const Datapath after, TransactParsed(client_, request, ParseDatapath));
  return after.masks_cache_size.value_or(0);
}

absl::Status Datapaths::Delete(int ifindex) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_DATAPATH_FAMILY));
  return client_->Transact(NewRequest(*family, OVS_DP_CMD_DEL, ifindex, "datapath delete"))
      .status();
}

}  // namespace sluice::ovs
