// Meters: the ovs_meter family. A meter lets packets through up to a rate; flows name it in
// meter(ID).
//
// Meters borrows a Client and is as thread-compatible as that. Looking (GetFeatures, Get, List)
// needs no privilege; the rest needs CAP_NET_ADMIN. Errors are those of socket::Client;
// kUnavailable when the kernel has no meters (before 4.15).
//
// What the kernel does not offer (seen on 7.2): it has no dump, so that List() asks for
// one id after the other; it tells no configuration, only statistics; it sends no notification,
// although there is a multicast group. It keeps meters in an array of at least 1024 that an id
// indexes by its remainder, so that an id may be refused because of another (errno EBUSY): allocate
// ids densely.
//
//   Meters meters(&client);
//   const MeterConfig config{.id = 1, .kbps = true, .bands = {{.rate = 1000, .burst = 100}}};
//   SLUICE_RETURN_IF_ERROR(meters.Set(dp.ifindex, config));
#pragma once

#include <linux/openvswitch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netlink/base/clock.h"
#include "netlink/socket/client.h"

namespace sluice::ovs {

struct MeterBand {
  uint32_t type = OVS_METER_BAND_TYPE_DROP;
  uint32_t rate = 0;   // kilobits or packets a second; above 0
  uint32_t burst = 0;  // kilobits or packets that may come at once
  friend bool operator==(const MeterBand&, const MeterBand&) = default;
};

struct MeterConfig {
  uint32_t id = 0;
  bool kbps = false;               // rates are kilobits a second; else packets a second
  std::vector<MeterBand> bands{};  // none: the meter only counts
  // Statistics to go on from; without them they begin at zero. Those of bands always do.
  std::optional<ovs_flow_stats> stats{};
  // Whether they let the same through, whatever they counted.
  friend bool operator==(const MeterConfig& a, const MeterConfig& b) {
    return a.id == b.id && a.kbps == b.kbps && a.bands == b.bands;
  }
};

// What the kernel tells of a meter.
struct Meter {
  int dp_ifindex = 0;
  uint32_t id = 0;
  ovs_flow_stats stats{};             // of all packets that came to it
  base::MonotonicMs used = 0;         // when one last came, or the meter was made
  std::vector<ovs_flow_stats> bands;  // of those that each band was applied to: that it dropped
};

struct MeterFeatures {
  uint32_t max_meters = 0;
  uint32_t max_bands = 0;
  std::vector<uint32_t> band_types;  // OVS_METER_BAND_TYPE_*
};

class Meters {
 public:
  explicit Meters(socket::Client* client) : client_(client) {}

  absl::StatusOr<MeterFeatures> GetFeatures(int dp_ifindex);
  // errno ENOENT when there is none with this id.
  absl::StatusOr<Meter> Get(int dp_ifindex, uint32_t id);
  // Those whose ids are from `first` up to and including `last`, by asking for each of them; many
  // questions go in one system call.
  absl::StatusOr<std::vector<Meter>> List(int dp_ifindex, uint32_t first, uint32_t last);

  // Makes the meter, or puts another in its place, without a word about which it was. errno EINVAL
  // for a configuration that the kernel does not know, EBUSY and EFBIG when there is no room. A
  // kernel that gives every meter the id 0 (some of 4.15 to 4.17) gives kFailedPrecondition; it
  // then has overwritten meter 0.
  absl::Status Set(int dp_ifindex, const MeterConfig& config);
  // The meter as it was; errno ENOENT when there was none.
  absl::StatusOr<Meter> Delete(int dp_ifindex, uint32_t id);

 private:
  socket::Client* client_;
};

// A message of the family. kDataLoss when it is malformed.
absl::StatusOr<Meter> ParseMeter(const socket::Message& message);
absl::StatusOr<MeterFeatures> ParseMeterFeatures(const socket::Message& message);

// "drop"; "type 9" for one from a newer kernel.
std::string MeterBandTypeName(uint32_t type);

}  // namespace sluice::ovs
