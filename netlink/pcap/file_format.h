// Numbers of the two formats of packet files: pcap, and pcapng as its Internet draft
// (draft-ietf-opsawg-pcapng) describes it.
#pragma once

#include <cstdint>

namespace sluice::pcap {

// pcap
inline constexpr uint32_t kMagicMicroseconds = 0xa1b2c3d4;
inline constexpr uint32_t kMagicNanoseconds = 0xa1b23c4d;

// pcapng
inline constexpr uint32_t kSectionBlock = 0x0a0d0d0a;
inline constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
inline constexpr uint32_t kInterfaceBlock = 1;
inline constexpr uint32_t kObsoletePacketBlock = 2;
inline constexpr uint32_t kSimplePacketBlock = 3;
inline constexpr uint32_t kEnhancedPacketBlock = 6;

inline constexpr uint16_t kOptionEnd = 0;
inline constexpr uint16_t kOptionComment = 1;
inline constexpr uint16_t kSectionApplication = 4;
inline constexpr uint16_t kInterfaceName = 2;
inline constexpr uint16_t kInterfaceTimeResolution = 9;

inline constexpr uint16_t kLinkEthernet = 1;

}  // namespace sluice::pcap
