// What the agent writes into its userspace() actions, to know its packets again when the datapath
// hands them up: OVS_USERSPACE_ATTR_USERDATA begins with this, and what the rule's author wished to
// be told follows.
//
// It never leaves the machine: host byte order.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/pipeline/action.h"
#include "netlink/base/bytes.h"

namespace sluice::translate {

enum class UserDataKind : uint8_t { kPacketIn = 1, kSample = 2, kSlowPath = 3 };

struct UserData {
  static constexpr uint16_t kMagic = 0x5155;  // "SQ", as no other agent begins

  uint16_t magic = kMagic;
  UserDataKind kind = UserDataKind::kPacketIn;
  pipeline::PacketInReason reason = pipeline::PacketInReason::kAction;
  uint8_t table = 0;  // of the rule
  uint8_t pad = 0;
  uint16_t id = 0;      // of the listener
  uint64_t cookie = 0;  // of the rule
  // Of a sample.
  uint32_t collector_set = 0, obs_domain = 0, obs_point = 0, pad2 = 0;
};

// Nothing for the userspace() actions of others.
inline std::optional<UserData> ReadUserData(base::ByteView bytes) {
  if (bytes.size() < sizeof(UserData)) return std::nullopt;
  const auto data = base::Load<UserData>(bytes.data());
  if (data.magic != UserData::kMagic) return std::nullopt;
  return data;
}

}  // namespace sluice::translate
