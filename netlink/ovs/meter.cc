#include "netlink/ovs/meter.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "absl/strings/str_cat.h"
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

struct DecodedBand {
  uint64_t present = 0;
  uint32_t type = 0, rate = 0, burst = 0, pad = 0;
  ovs_flow_stats stats{};
};

struct Decoded {
  uint64_t present = 0;
  ovs_flow_stats stats{};
  uint64_t used = 0;
  base::ByteView bands;
  uint32_t id = 0, max_meters = 0, max_bands = 0;
};

constexpr Field kStats[] = {
    {.name = "packets", .offset = 0, .size = 8},
    {.name = "bytes", .offset = 8, .size = 8},
};
constexpr Name kBandTypes[] = {{OVS_METER_BAND_TYPE_DROP, "drop", "OVS_METER_BAND_TYPE_DROP"}};
constexpr Field kBandType[] = {{.size = 4, .format = Format::kEnum, .names = kBandTypes}};
constexpr Row kBandRows[] = {
    {.type = OVS_BAND_ATTR_UNSPEC, .constant = "OVS_BAND_ATTR_UNSPEC", .kind = Kind::kReserved},
    {.type = OVS_BAND_ATTR_TYPE,
     .constant = "OVS_BAND_ATTR_TYPE",
     .name = "type",
     .size = 4,
     .fields = kBandType,
     .slot = Copy(offsetof(DecodedBand, type)),
     .since = "4.15",
     .doc = "What is done with a packet beyond the rate (OVS_METER_BAND_TYPE_*)."},
    {.type = OVS_BAND_ATTR_RATE,
     .constant = "OVS_BAND_ATTR_RATE",
     .name = "rate",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(DecodedBand, rate)),
     .since = "4.15",
     .doc = "Kilobits or packets a second."},
    {.type = OVS_BAND_ATTR_BURST,
     .constant = "OVS_BAND_ATTR_BURST",
     .name = "burst",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(DecodedBand, burst)),
     .since = "4.15",
     .doc = "Kilobits or packets that may come at once."},
    {.type = OVS_BAND_ATTR_STATS,
     .constant = "OVS_BAND_ATTR_STATS",
     .name = "stats",
     .size = sizeof(ovs_flow_stats),
     .fields = kStats,
     .slot = Copy(offsetof(DecodedBand, stats)),
     .grows = true,
     .since = "4.15",
     .doc = "Packets and bytes beyond the rate."},
};

constexpr Row kBandsRows[] = {
    {.type = 0,
     .constant = "(band)",
     .name = "band",
     .kind = Kind::kSet,
     .nested = &kBandTable,
     .since = "4.15",
     .doc = "One band. The number of the attribute does not matter; 0 is what the kernel writes."},
};

constexpr Row kMeterRows[] = {
    {.type = OVS_METER_ATTR_UNSPEC, .constant = "OVS_METER_ATTR_UNSPEC", .kind = Kind::kReserved},
    {.type = OVS_METER_ATTR_ID,
     .constant = "OVS_METER_ATTR_ID",
     .name = "id",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, id)),
     .since = "4.15",
     .doc = "Number of the meter in its datapath."},
    {.type = OVS_METER_ATTR_KBPS,
     .constant = "OVS_METER_ATTR_KBPS",
     .name = "kbps",
     .kind = Kind::kFlag,
     .since = "4.15",
     .doc = "Rates are kilobits a second; without it packets a second."},
    {.type = OVS_METER_ATTR_STATS,
     .constant = "OVS_METER_ATTR_STATS",
     .name = "stats",
     .size = sizeof(ovs_flow_stats),
     .fields = kStats,
     .slot = Copy(offsetof(Decoded, stats)),
     .grows = true,
     .since = "4.15",
     .doc = "Packets and bytes that went through."},
    {.type = OVS_METER_ATTR_BANDS,
     .constant = "OVS_METER_ATTR_BANDS",
     .name = "bands",
     .kind = Kind::kList,
     .nested = &kBandsTable,
     .slot = View(offsetof(Decoded, bands)),
     .since = "4.15",
     .doc = "The bands."},
    {.type = OVS_METER_ATTR_USED,
     .constant = "OVS_METER_ATTR_USED",
     .name = "used",
     .size = 8,
     .fields = attr::kU64Dec,
     .slot = Copy(offsetof(Decoded, used)),
     .since = "4.15",
     .doc = "When it was last used: milliseconds of the monotonic clock."},
    {.type = OVS_METER_ATTR_CLEAR,
     .constant = "OVS_METER_ATTR_CLEAR",
     .name = "clear",
     .kind = Kind::kFlag,
     .since = "4.15",
     .doc = "Sets the statistics to zero."},
    {.type = OVS_METER_ATTR_MAX_METERS,
     .constant = "OVS_METER_ATTR_MAX_METERS",
     .name = "max_meters",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, max_meters)),
     .since = "4.15",
     .doc = "How many meters the datapath can have."},
    {.type = OVS_METER_ATTR_MAX_BANDS,
     .constant = "OVS_METER_ATTR_MAX_BANDS",
     .name = "max_bands",
     .size = 4,
     .fields = attr::kU32Dec,
     .slot = Copy(offsetof(Decoded, max_bands)),
     .since = "4.15",
     .doc = "How many bands a meter can have."},
    {.type = OVS_METER_ATTR_PAD,
     .constant = "OVS_METER_ATTR_PAD",
     .kind = Kind::kReserved,
     .since = "4.15",
     .doc = "Padding for alignment."},
};

}  // namespace

constinit const attr::Table kBandTable =
    attr::MakeTable({.name = "ovs_band_attr",
                     .prefix = "OVS_BAND_ATTR_",
                     .unknown = "band_attr",
                     .doc = "A meter's band, nested in the list of OVS_METER_ATTR_BANDS.",
                     .rows = kBandRows,
                     .present_offset = offsetof(DecodedBand, present)});

constinit const attr::Table kBandsTable =
    attr::MakeTable({.name = "bands",
                     .unknown = "band",
                     .doc = "The list inside OVS_METER_ATTR_BANDS.",
                     .rows = kBandsRows});

constinit const attr::Table kMeterTable =
    attr::MakeTable({.name = "ovs_meter_attr",
                     .prefix = "OVS_METER_ATTR_",
                     .unknown = "meter_attr",
                     .doc = "Attributes of the ovs_meter family.",
                     .rows = kMeterRows,
                     .present_offset = offsetof(Decoded, present)});

namespace {

constexpr size_t kQuestionsAtOnce = 2048;

absl::StatusOr<std::vector<DecodedBand>> DecodeBands(base::ByteView attributes) {
  std::vector<DecodedBand> bands;
  for (const attr::Attribute& attribute : attr::AttributeWalk(attributes)) {
    DecodedBand decoded;
    if (attr::Fault fault = attr::Decode(kBandTable, attribute.payload, &decoded, nullptr))
      return Malformed(fault);
    bands.push_back(decoded);
  }
  return bands;
}

void EncodeMeter(const MeterConfig& config, attr::Writer* writer) {
  writer->Put(OVS_METER_ATTR_ID, config.id);
  if (config.kbps) writer->PutFlag(OVS_METER_ATTR_KBPS);
  if (config.stats) {
    writer->Put(OVS_METER_ATTR_STATS, *config.stats);
  } else {
    writer->PutFlag(OVS_METER_ATTR_CLEAR);
  }
  const auto bands = writer->Nest(OVS_METER_ATTR_BANDS);
  for (const MeterBand& band : config.bands) {
    const auto nest = writer->Nest(0);
    writer->Put(OVS_BAND_ATTR_TYPE, band.type);
    writer->Put(OVS_BAND_ATTR_RATE, band.rate);
    writer->Put(OVS_BAND_ATTR_BURST, band.burst);
  }
}

}  // namespace

absl::StatusOr<Meter> ParseMeter(const socket::Message& message) {
  SLUICE_ASSIGN_OR_RETURN(const OvsMessage ovs, ParseOvsMessage(message));
  Decoded decoded;
  if (attr::Fault fault = attr::Decode(kMeterTable, ovs.attributes, &decoded, nullptr))
    return Malformed(fault);
  Meter meter;
  meter.dp_ifindex = ovs.dp_ifindex;
  meter.id = decoded.id;
  meter.stats = decoded.stats;
  meter.used = decoded.used;
  SLUICE_ASSIGN_OR_RETURN(const std::vector<DecodedBand> bands, DecodeBands(decoded.bands));
  for (const DecodedBand& band : bands) meter.bands.push_back(band.stats);
  return meter;
}

absl::StatusOr<MeterFeatures> ParseMeterFeatures(const socket::Message& message) {
  SLUICE_ASSIGN_OR_RETURN(const OvsMessage ovs, ParseOvsMessage(message));
  Decoded decoded;
  if (attr::Fault fault = attr::Decode(kMeterTable, ovs.attributes, &decoded, nullptr))
    return Malformed(fault);
  MeterFeatures features;
  features.max_meters = decoded.max_meters;
  features.max_bands = decoded.max_bands;
  SLUICE_ASSIGN_OR_RETURN(const std::vector<DecodedBand> bands, DecodeBands(decoded.bands));
  for (const DecodedBand& band : bands) features.band_types.push_back(band.type);
  return features;
}

std::string MeterBandTypeName(uint32_t type) {
  for (const Name& name : kBandTypes)
    if (name.value == type) return std::string(name.name);
  return absl::StrCat("type ", type);
}

absl::StatusOr<MeterFeatures> Meters::GetFeatures(int dp_ifindex) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_METER_FAMILY));
  socket::Request request =
      OvsRequest(*family, OVS_METER_CMD_FEATURES, 0, dp_ifindex, "meter features");
  request.set_read_only(true);
  return TransactParsed(client_, request, ParseMeterFeatures);
}

absl::StatusOr<Meter> Meters::Get(int dp_ifindex, uint32_t id) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_METER_FAMILY));
  socket::Request request = OvsRequest(*family, OVS_METER_CMD_GET, 0, dp_ifindex, "meter get");
  request.attributes().Put(OVS_METER_ATTR_ID, id);
  request.set_read_only(true);
  return TransactParsed(client_, request, ParseMeter);
}

absl::StatusOr<std::vector<Meter>> Meters::List(int dp_ifindex, uint32_t first, uint32_t last) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_METER_FAMILY));
  std::vector<Meter> meters;
  socket::Batch batch;
  socket::Request request;
  for (uint64_t next = first; next <= last;) {
    batch.Clear();
    for (; next <= last && batch.size() < kQuestionsAtOnce; ++next) {
      ResetOvsRequest(*family, OVS_METER_CMD_GET, 0, dp_ifindex, "meter get", &request);
      request.attributes().Put(OVS_METER_ATTR_ID, static_cast<uint32_t>(next));
      request.set_read_only(true);
      batch.Add(request);
    }
    absl::Status parsed;
    SLUICE_RETURN_IF_ERROR(client_->Run(&batch, socket::BatchMode::kErrorsOnly,
                                        [&](size_t, const socket::Message& message) {
                                          absl::StatusOr<Meter> meter = ParseMeter(message);
                                          if (meter.ok()) {
                                            meters.push_back(*std::move(meter));
                                          } else {
                                            parsed.Update(meter.status());
                                          }
                                        }));
    SLUICE_RETURN_IF_ERROR(parsed);
    for (size_t i = 0; batch.failed() != 0 && i < batch.size(); ++i)
      if (batch.error(i) != 0 && batch.error(i) != ENOENT) return client_->StatusOf(batch, i);
  }
  return meters;
}

absl::Status Meters::Set(int dp_ifindex, const MeterConfig& config) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_METER_FAMILY));
  socket::Request request = OvsRequest(*family, OVS_METER_CMD_SET, 0, dp_ifindex, "meter set");
  EncodeMeter(config, &request.attributes());
  SLUICE_RETURN_IF_ERROR(client_->Transact(request).status());
  // Those kernels answer as if all were well.
  if (config.id == 0) return absl::OkStatus();
  const absl::StatusOr<Meter> there = Get(dp_ifindex, config.id);
  if (!there.ok() && base::ErrnoOf(there.status()) == ENOENT)
    return absl::FailedPreconditionError(
        "this kernel gives every meter the id 0: its meters cannot be used (some kernels from 4.15 "
        "to 4.17 do)");
  return absl::OkStatus();
}

absl::StatusOr<Meter> Meters::Delete(int dp_ifindex, uint32_t id) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_METER_FAMILY));
  socket::Request request = OvsRequest(*family, OVS_METER_CMD_DEL, 0, dp_ifindex, "meter delete");
  request.attributes().Put(OVS_METER_ATTR_ID, id);
  return TransactParsed(client_, request,
                        [](const socket::Message& message) -> absl::StatusOr<Meter> {
                          // Of a meter that was not there the kernel says "done" too, and tells
                          // nothing of it.
                          SLUICE_ASSIGN_OR_RETURN(const OvsMessage ovs, ParseOvsMessage(message));
                          if (attr::Find(ovs.attributes, OVS_METER_ATTR_ID).data() == nullptr)
                            return base::KernelError(ENOENT, "meter delete");
                          return ParseMeter(message);
                        });
}

}  // namespace sluice::ovs
