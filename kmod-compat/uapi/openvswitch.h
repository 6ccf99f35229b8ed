// The openvswitch kernel interface up to Linux 7.2, whatever header is installed.
//
// <linux/openvswitch.h> of Debian 12 is that of Linux 6.1. Constants that came later stand here,
// under the kernel's own names, inside a namespace: with a newer header both exist and agree. A
// leaf like a system header: every folder may include it.
#pragma once

#include <linux/openvswitch.h>

#include <cstddef>
#include <cstdint>

namespace sluice::uapi {

// enum ovs_action_attr
inline constexpr uint16_t OVS_ACTION_ATTR_DROP = 24;     // Linux 6.6
inline constexpr uint16_t OVS_ACTION_ATTR_PSAMPLE = 25;  // Linux 6.11

// enum ovs_hash_alg
inline constexpr uint32_t OVS_HASH_ALG_SYM_L4 = 1;  // Linux 6.5

// enum ovs_packet_attr
inline constexpr uint16_t OVS_PACKET_ATTR_UPCALL_PID = 12;  // Linux 6.17

// enum ovs_vport_attr and ovs_vport_upcall_attr
inline constexpr uint16_t OVS_VPORT_ATTR_UPCALL_STATS = 10;  // Linux 6.2
inline constexpr uint16_t OVS_VPORT_UPCALL_ATTR_SUCCESS = 0;
inline constexpr uint16_t OVS_VPORT_UPCALL_ATTR_FAIL = 1;

// enum ovs_psample_attr, Linux 6.11
inline constexpr uint16_t OVS_PSAMPLE_ATTR_GROUP = 1;
inline constexpr uint16_t OVS_PSAMPLE_ATTR_COOKIE = 2;
inline constexpr size_t OVS_PSAMPLE_COOKIE_MAX_SIZE = 16;

// Inside the kernel only; named so that the reference page can say so.
inline constexpr uint16_t OVS_ACTION_ATTR_SET_TO_MASKED = 27;
inline constexpr uint16_t OVS_SAMPLE_ATTR_ARG = 3;
inline constexpr uint16_t OVS_CHECK_PKT_LEN_ATTR_ARG = 4;

}  // namespace sluice::uapi
