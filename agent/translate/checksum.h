// Checksums of packets, kept right while bytes change: what was wrong before stays wrong by as
// much.
//
//   ChecksumChange change;
//   change.Replace(old_bytes, new_bytes, /*odd=*/false);
//   change.ApplyTo(&packet[checksum_at]);
//
// Pure; no state beyond the object.
#pragma once

#include <cstdint>

#include "netlink/base/bytes.h"

namespace sluice::translate {

// How the sum of RFC 1071 changes, by RFC 1624.
class ChecksumChange {
 public:
  // Bytes that are as many before as after. `odd`: the first of them is the second of a word.
  void Replace(base::ByteView before, base::ByteView after, bool odd);
  // Bytes that come in addition, at an even place.
  void Add(base::ByteView bytes);
  // Changes the two bytes at `checksum`.
  void ApplyTo(uint8_t* checksum) const;

 private:
  uint64_t sum_ = 0;
};

// CRC-32C as SCTP has it (RFC 4960, appendix B), of all bytes in turn.
class Crc32c {
 public:
  void Add(base::ByteView bytes);
  uint32_t value() const { return ~crc_; }

 private:
  uint32_t crc_ = ~uint32_t{0};
};

}  // namespace sluice::translate
