// Groups: sets of buckets of actions, and how one of them is chosen.
//
//   SLUICE_ASSIGN_OR_RETURN(Group group, ParseGroup(
//       "group_id=1,type=select,bucket=weight:50,output:1,bucket=weight:50,output:2", &ports));
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/pipeline/action_text.h"

namespace sluice::pipeline {

inline constexpr uint32_t kMaxGroup = 0xffffff00;
inline constexpr uint32_t kNoGroup = 0xffffffff;

enum class GroupType : uint8_t {
  kAll,          // every bucket, each on a copy
  kSelect,       // one bucket by hash and weight
  kIndirect,     // the only bucket
  kFastFailover  // the first bucket whose port or group lives
};

enum class SelectionMethod : uint8_t {
  kDpHash,       // the datapath's hash of the flow: one megaflow for each bucket and no more
  kSymmetricL4,  // the same for both directions; the datapath's own since Linux 6.5
  kHash          // over `fields`, by the agent: a megaflow for each set of their values
};

struct Bucket {
  uint32_t id = 0;
  uint16_t weight = 1;  // of kSelect
  uint32_t watch_port = kPortNone;
  uint32_t watch_group = kNoGroup;
  ActionList actions{};

  friend bool operator==(const Bucket&, const Bucket&) = default;
};

struct Group {
  uint32_t id = 0;
  GroupType type = GroupType::kAll;
  SelectionMethod method = SelectionMethod::kDpHash;
  uint64_t hash_basis = 0;
  std::vector<FieldIndex> fields{};  // of kHash
  std::vector<Bucket> buckets{};

  friend bool operator==(const Group&, const Group&) = default;
};

// The syntax of ovs-ofctl(8), with selection_method=symmetric_l4 beside it.
absl::StatusOr<Group> ParseGroup(std::string_view text, const PortNames* ports);
// Reads back to the same group under the same names of ports.
void AppendGroup(const Group& group, const PortNames* ports, std::string* out);
std::string ToString(const Group& group, const PortNames* ports = nullptr);

}  // namespace sluice::pipeline
