#include "agent/port/meter_keeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::port {
namespace {

constexpr size_t kTries = 16;  // ids, when the kernel's places are taken

bool IsSame(const ovs::MeterConfig& a, const ovs::MeterConfig& b) {
  return a.kbps == b.kbps && a.bands == b.bands;
}

}  // namespace

std::string NameOf(const MeterKey& key) {
  if (key.port.empty()) return absl::StrCat("meter ", key.number);
  return absl::StrCat("the limit of ", base::ToAbsl(pipeline::kStormNames[key.number]), " of ",
                      key.port);
}

void MeterKeeper::Attach(int dp_ifindex) {
  entries_.clear();
  doomed_.clear();
  found_.clear();
  foreign_.clear();
  features_ = {};
  problem_.clear();
  dp_ifindex_ = dp_ifindex;
  if (dp_ifindex == 0) return;
  const absl::StatusOr<ovs::MeterFeatures> features = kernel_->GetFeatures(dp_ifindex);
  if (!features.ok()) {
    problem_ = features.status().code() == absl::StatusCode::kUnavailable
                   ? "this kernel has no meters (feature meters: Linux 4.15 has)"
                   : absl::StrCat("the kernel does not tell what meters it has: ",
                                  features.status().message());
    return;
  }
  features_ = *features;
  const absl::StatusOr<std::vector<ovs::Meter>> there = kernel_->List(dp_ifindex, 0, kIds - 1);
  if (!there.ok()) {
    problem_ = absl::StrCat("the kernel does not tell of its meters: ", there.status().message());
    return;
  }
  for (const ovs::Meter& meter : *there) found_.insert(meter.id);
}

bool MeterKeeper::IsTaken(uint32_t id) const {
  if (doomed_.contains(id) || foreign_.contains(id)) return true;
  return std::any_of(entries_.begin(), entries_.end(),
                     [id](const auto& entry) { return entry.second.id == id; });
}

std::vector<uint32_t> MeterKeeper::CandidatesFor(const MeterKey& key) const {
  std::vector<uint32_t> ids;
  if (key.port.empty() && key.number <= kOwnIds && !IsTaken(key.number)) ids.push_back(key.number);
  for (uint32_t id = kOwnIds + 1; id < kOwnIds + kIds && ids.size() < kTries; ++id)
    if (!IsTaken(id)) ids.push_back(id);
  return ids;
}

// Statistics go on, those of bands begin anew: the kernel takes no others.
absl::Status MeterKeeper::Put(uint32_t id, ovs::MeterConfig config) {
  config.id = id;
  if (const absl::StatusOr<ovs::Meter> before = kernel_->Get(dp_ifindex_, id); before.ok())
    config.stats = before->stats;
  return kernel_->Set(dp_ifindex_, config);
}

void MeterKeeper::Place(const MeterKey& key, Entry* entry) {
  static base::Counter& refused =
      base::Counters::Get("meter_errors", "Meters that the kernel refused.");
  const std::string told = std::exchange(entry->problem, problem_);
  if (!problem_.empty()) return;
  if (entry->spec.bands.size() > features_.max_bands) {
    entry->problem = absl::StrCat("this kernel's meters have at most ", features_.max_bands,
                                  features_.max_bands == 1 ? " band" : " bands");
    return;
  }
  entry->problem =
      absl::StrCat("there is no room: this kernel has at most ", features_.max_meters, " meters");
  for (const uint32_t id : CandidatesFor(key)) {
    const absl::Status status = Put(id, entry->spec);
    if (status.ok()) {
      if (found_.contains(id))
        spdlog::info("{}: {} takes over meter {}, which was there", bridge_, NameOf(key), id);
      entry->id = id;
      entry->problem.clear();
      return;
    }
    refused.Add();
    entry->problem = std::string(status.message());
    const int error = base::ErrnoOf(status);
    if (error != EBUSY && error != EFBIG) break;
  }
  if (entry->problem != told)  // it is tried again and again
    spdlog::error("{}: {} cannot be had: {}", bridge_, NameOf(key), entry->problem);
}

pipeline::MeterIds MeterKeeper::Sync(int dp_ifindex,
                                     const std::map<MeterKey, ovs::MeterConfig>& wanted) {
  const bool attaching = dp_ifindex != dp_ifindex_;
  if (attaching) Attach(dp_ifindex);
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto here = it++;
    if (wanted.contains(here->first)) continue;
    if (here->second.id) doomed_.insert(*here->second.id);
    entries_.erase(here);
  }
  pipeline::MeterIds ids;
  for (const auto& [key, spec] : wanted) {
    Entry& entry = entries_[key];
    const bool changed = !IsSame(entry.spec, spec);
    entry.spec = spec;
    if (entry.id && changed) {
      const absl::Status status = Put(*entry.id, spec);
      entry.problem = std::string(status.message());
      if (!status.ok()) spdlog::error("{}: {}: {}", bridge_, NameOf(key), entry.problem);
    } else if (!entry.id && dp_ifindex_ != 0) {
      Place(key, &entry);
    }
    if (key.port.empty()) {
      ids.meters[key.number] = entry.id;
    } else {
      ids.storms[key.port][key.number] = entry.id;
    }
  }
  if (attaching) {
    for (const uint32_t id : found_)
      if (!IsTaken(id)) foreign_.insert(id);
    found_.clear();
    if (!foreign_.empty())
      spdlog::warn("{}: meters that somebody else made are left alone: {}", bridge_,
                   absl::StrJoin(foreign_, ", "));
  }
  return ids;
}

void MeterKeeper::DropUnwanted() {
  for (const uint32_t id : doomed_) {
    const absl::Status status = kernel_->Delete(dp_ifindex_, id);
    if (!status.ok() && base::ErrnoOf(status) != ENOENT)
      spdlog::warn("{}: meter {} of the kernel cannot be deleted: {}", bridge_, id,
                   base::FromAbsl(status.message()));
  }
  doomed_.clear();
}

bool MeterKeeper::Check() {
  static base::Counter& remade =
      base::Counters::Get("meters_remade", "Meters that somebody else had deleted: made again.");
  if (dp_ifindex_ == 0 || !problem_.empty()) return false;
  bool lacks = false;
  for (auto& [key, entry] : entries_) {
    if (entry.id) {
      const absl::StatusOr<ovs::Meter> there = kernel_->Get(dp_ifindex_, *entry.id);
      if (there.ok() || base::ErrnoOf(there.status()) != ENOENT) continue;
      spdlog::warn("{}: {} was deleted by somebody else, and is made again", bridge_, NameOf(key));
      remade.Add();
      entry.id.reset();
    }
    lacks = true;
  }
  return lacks;
}

std::vector<MeterStatus> MeterKeeper::Status() const {
  std::vector<MeterStatus> all;
  for (const auto& [key, entry] : entries_)
    all.push_back({.key = key, .spec = entry.spec, .id = entry.id, .problem = entry.problem});
  return all;
}

}  // namespace sluice::port
