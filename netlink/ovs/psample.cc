#include "netlink/ovs/psample.h"

#include <cstddef>

#include "kmod-compat/uapi/psample.h"
#include "netlink/attr/codec.h"
#include "netlink/base/byte_order.h"
#include "netlink/base/status.h"
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
  base::ByteView data, cookie, tunnel;
  uint64_t out_tc_occupancy = 0, latency = 0, timestamp = 0;
  uint32_t original_size = 0, group = 0, sequence = 0, rate = 0;
  uint16_t in_ifindex = 0, out_ifindex = 0, out_tc = 0, protocol = 0;
};

constexpr attr::Field kProtocol[] = {{.size = 2, .format = attr::Format::kHex4}};

constexpr Row kRows[] = {
    {.type = PSAMPLE_ATTR_IIFINDEX,
     .constant = "PSAMPLE_ATTR_IIFINDEX",
     .name = "iifindex",
     .size = 2,
     .fields = attr::kU16Dec,
     .slot = Copy(offsetof(Decoded, in_ifindex)),
     .since = "4.11",
     .doc = "Interface that the packet came in by."},
    {.type = PSAMPLE_ATTR_OIFINDEX,
     .constant = "PSAMPLE_ATTR_OIFINDEX",
     .name = "oifindex",
     .size = 2,
     .fields = attr::kU16Dec,
     .slot = Copy(offsetof(Decoded, out_ifindex)),
     .since = "4.11",
     .doc = "Interface that it leaves by, where that is known."},
    {.type = PSAMPLE_ATTR_ORIGSIZE,
     .constant = "PSAMPLE_ATTR_ORIGSIZE",
     .name = "origsize",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, original_size)),
     .since = "4.11",
     .doc = "Length of the packet."},
    {.type = PSAMPLE_ATTR_SAMPLE_GROUP,
     .constant = "PSAMPLE_ATTR_SAMPLE_GROUP",
     .name = "group",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, group)),
     .since = "4.11",
     .doc = "The group that the action named."},
    {.type = PSAMPLE_ATTR_GROUP_SEQ,
     .constant = "PSAMPLE_ATTR_GROUP_SEQ",
     .name = "seq",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, sequence)),
     .since = "4.11",
     .doc = "Counts the group's samples."},
    {.type = PSAMPLE_ATTR_SAMPLE_RATE,
     .constant = "PSAMPLE_ATTR_SAMPLE_RATE",
     .name = "rate",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, rate)),
     .since = "4.11",
     .doc = "One packet of so many; beside the flag probability a fraction of 2^32 - 1."},
    {.type = PSAMPLE_ATTR_DATA,
     .constant = "PSAMPLE_ATTR_DATA",
     .name = "data",
     .kind = Kind::kBytes,
     .slot = View(offsetof(Decoded, data)),
     .since = "4.11",
     .doc = "The beginning of the packet."},
    {.type = PSAMPLE_ATTR_GROUP_REFCOUNT,
     .constant = "PSAMPLE_ATTR_GROUP_REFCOUNT",
     .name = "refcount",
     .size = 4,
     .fields = attr::kU32Dec,
     .since = "4.11",
     .doc = "Of a group: how many actions feed it."},
    {.type = PSAMPLE_ATTR_TUNNEL,
     .constant = "PSAMPLE_ATTR_TUNNEL",
     .name = "tunnel",
     .kind = Kind::kSet,
     .nested = &kTunnelTable,
     .slot = View(offsetof(Decoded, tunnel)),
     .since = "5.7",
     .doc = "The outer header that the packet came with; numbered as OVS_TUNNEL_KEY_ATTR_*."},
    {.type = PSAMPLE_ATTR_PAD,
     .constant = "PSAMPLE_ATTR_PAD",
     .kind = Kind::kReserved,
     .since = "5.13",
     .doc = "Padding for alignment."},
    {.type = PSAMPLE_ATTR_OUT_TC,
     .constant = "PSAMPLE_ATTR_OUT_TC",
     .name = "out_tc",
     .size = 2,
     .fields = attr::kU16Dec,
     .slot = Copy(offsetof(Decoded, out_tc)),
     .since = "5.13",
     .doc = "Traffic class at the interface that it leaves by."},
    {.type = PSAMPLE_ATTR_OUT_TC_OCC,
     .constant = "PSAMPLE_ATTR_OUT_TC_OCC",
     .name = "out_tc_occ",
     .size = 8,
     .fields = attr::kU64Dec,
     .slot = Copy(offsetof(Decoded, out_tc_occupancy)),
     .since = "5.13",
     .doc = "Bytes that were queued in that traffic class."},
    {.type = PSAMPLE_ATTR_LATENCY,
     .constant = "PSAMPLE_ATTR_LATENCY",
     .name = "latency",
     .size = 8,
     .fields = attr::kU64Dec,
     .slot = Copy(offsetof(Decoded, latency)),
     .since = "5.13",
     .doc = "Nanoseconds that the packet was in the machine."},
    {.type = PSAMPLE_ATTR_TIMESTAMP,
     .constant = "PSAMPLE_ATTR_TIMESTAMP",
     .name = "timestamp",
     .size = 8,
     .fields = attr::kU64Dec,
     .slot = Copy(offsetof(Decoded, timestamp)),
     .since = "5.13",
     .doc = "When it was sampled: nanoseconds of the real-time clock."},
    {.type = PSAMPLE_ATTR_PROTO,
     .constant = "PSAMPLE_ATTR_PROTO",
     .name = "proto",
     .size = 2,
     .fields = kProtocol,
     .slot = Copy(offsetof(Decoded, protocol)),
     .since = "5.13",
     .doc = "Ethernet type of the packet."},
    {.type = uapi::PSAMPLE_ATTR_USER_COOKIE,
     .constant = "PSAMPLE_ATTR_USER_COOKIE",
     .name = "cookie",
     .kind = Kind::kBytes,
     .slot = View(offsetof(Decoded, cookie)),
     .since = "6.11",
     .doc = "The bytes that the action gave."},
    {.type = uapi::PSAMPLE_ATTR_SAMPLE_PROBABILITY,
     .constant = "PSAMPLE_ATTR_SAMPLE_PROBABILITY",
     .name = "probability",
     .kind = Kind::kFlag,
     .since = "6.11",
     .doc = "The rate is a probability."},
};

template <typename T>
std::optional<T> IfThere(const Decoded& decoded, uint16_t type, T value) {
  if ((decoded.present >> type & 1) == 0) return std::nullopt;
  return value;
}

}  // namespace

constinit const attr::Table kPsamplePacketTable =
    attr::MakeTable({.name = "psample_attr",
                     .prefix = "PSAMPLE_ATTR_",
                     .unknown = "psample_attr",
                     .doc = "Attributes of the psample family: sampled packets.",
                     .rows = kRows,
                     .present_offset = offsetof(Decoded, present)});

absl::StatusOr<Sample> ParseSample(const socket::Message& message) {
  const auto generic = socket::ParseGeneric(message, 0);
  if (!generic) return absl::DataLossError("a psample message is too short for its header");
  if (generic->command != PSAMPLE_CMD_SAMPLE) return absl::NotFoundError("not a sample");
  Decoded decoded;
  if (attr::Fault fault = attr::Decode(kPsamplePacketTable, generic->attributes, &decoded, nullptr))
    return Malformed(fault);
  const auto there = [&decoded](uint16_t type, auto value) {
    return IfThere(decoded, type, value);
  };
  Sample sample;
  sample.group = decoded.group;
  sample.sequence = decoded.sequence;
  sample.rate = decoded.rate;
  sample.probability = (decoded.present >> uapi::PSAMPLE_ATTR_SAMPLE_PROBABILITY & 1) != 0;
  sample.cookie = decoded.cookie;
  sample.packet = decoded.data;
  sample.length = there(PSAMPLE_ATTR_ORIGSIZE, decoded.original_size);
  sample.in_ifindex = there(PSAMPLE_ATTR_IIFINDEX, uint32_t{decoded.in_ifindex});
  sample.out_ifindex = there(PSAMPLE_ATTR_OIFINDEX, uint32_t{decoded.out_ifindex});
  sample.protocol = there(PSAMPLE_ATTR_PROTO, decoded.protocol);
  sample.timestamp = there(PSAMPLE_ATTR_TIMESTAMP, decoded.timestamp);
  sample.latency = there(PSAMPLE_ATTR_LATENCY, decoded.latency);
  sample.out_tc = there(PSAMPLE_ATTR_OUT_TC, decoded.out_tc);
  sample.out_tc_occupancy = there(PSAMPLE_ATTR_OUT_TC_OCC, decoded.out_tc_occupancy);
  sample.tunnel_key = decoded.tunnel;
  return sample;
}

std::optional<ObservationPoint> ObservationPointOf(base::ByteView cookie) {
  if (cookie.size() != 8) return std::nullopt;
  return ObservationPoint{base::Load<base::Be32>(cookie.data()).host(),
                          base::Load<base::Be32>(cookie.data() + 4).host()};
}

}  // namespace sluice::ovs
