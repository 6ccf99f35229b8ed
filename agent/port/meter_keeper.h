// Keeps the kernel's meters of one datapath as the configuration wants them.
//
// Rules and ports name meters by numbers and kinds of their own; the kernel has ids, which are to
// be dense. Meter N has the id N where that is small and free, so that an agent that starts again
// finds its meters under the ids that its flows name; other meters have the lowest free ids above
// those. Meters that are found in a datapath under ids that are wanted are taken over with their
// statistics; others are left alone, and told of.
//
// The kernel tells no configuration: a meter that is taken over is set again, which lets the
// traffic of a moment through.
//
// Used by the daemon's main loop alone.
//
//   MeterKeeper meters("br0", &kernel);
//   bridge->SetMeters(meters.Sync(dp_ifindex, wanted));
//   meters.DropUnwanted();  // whom no flow names any more
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "agent/pipeline/meter_ids.h"
#include "agent/port/meter_kernel.h"

namespace sluice::port {

// What a meter is for: a number that rules name, or a kind of flood from a port.
struct MeterKey {
  std::string port{};   // empty: of rules
  uint32_t number = 0;  // or a pipeline::Storm
  friend bool operator==(const MeterKey&, const MeterKey&) = default;
  friend bool operator<(const MeterKey& a, const MeterKey& b) {
    return std::tie(a.port, a.number) < std::tie(b.port, b.number);
  }
};

// "meter 3", "the limit of broadcast of v1".
std::string NameOf(const MeterKey& key);

struct MeterStatus {
  MeterKey key;
  ovs::MeterConfig spec{};
  std::optional<uint32_t> id{};  // the kernel's
  std::string problem{};         // why there is none, or not as it should be
};

class MeterKeeper {
 public:
  // Up to this id a meter's own number is its id.
  static constexpr uint32_t kOwnIds = 511;
  // The kernel's table has at least so many places, by the remainder of ids.
  static constexpr uint32_t kIds = 1024;

  MeterKeeper(std::string bridge, MeterKernel* kernel)
      : bridge_(std::move(bridge)), kernel_(kernel) {}

  // Makes the kernel's meters those, whose own ids say nothing; 0: there is no datapath. Those that
  // are no more wanted stay until DropUnwanted(), and their ids are nobody's until then.
  pipeline::MeterIds Sync(int dp_ifindex, const std::map<MeterKey, ovs::MeterConfig>& wanted);
  void DropUnwanted();
  // Looks whether the kernel has its meters still. True when one has to be had by another Sync():
  // somebody else deleted it, or it could not be had before.
  bool Check();

  // By key.
  std::vector<MeterStatus> Status() const;
  // Why the datapath has no meters at all; empty: it can have some.
  const std::string& problem() const { return problem_; }
  const ovs::MeterFeatures& features() const { return features_; }
  // Ids of meters that somebody else made.
  const std::set<uint32_t>& foreign() const { return foreign_; }

 private:
  struct Entry {
    ovs::MeterConfig spec;
    std::optional<uint32_t> id;
    std::string problem;
  };

  void Attach(int dp_ifindex);
  void Place(const MeterKey& key, Entry* entry);
  std::vector<uint32_t> CandidatesFor(const MeterKey& key) const;
  bool IsTaken(uint32_t id) const;
  absl::Status Put(uint32_t id, ovs::MeterConfig config);

  const std::string bridge_;
  MeterKernel* const kernel_;
  int dp_ifindex_ = 0;
  ovs::MeterFeatures features_;
  std::string problem_;
  std::map<MeterKey, Entry> entries_;
  std::set<uint32_t> doomed_;
  std::set<uint32_t> found_;  // in the datapath, when it was attached to
  std::set<uint32_t> foreign_;
};

}  // namespace sluice::port
