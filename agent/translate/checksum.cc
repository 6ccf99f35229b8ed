#include "agent/translate/checksum.h"

#include <array>

#include "netlink/base/byte_order.h"

namespace sluice::translate {
namespace {

using base::Be16;
using base::ByteView;

uint64_t SumOf(ByteView bytes, bool odd) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const bool high = (i + (odd ? 1 : 0)) % 2 == 0;
    sum += uint64_t{bytes[i]} << (high ? 8 : 0);
  }
  return sum;
}

uint16_t Fold(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}

}  // namespace

// Taking away is adding the complement. What shares a word with these bytes does not change.
void ChecksumChange::Replace(ByteView before, ByteView after, bool odd) {
  const size_t words = (before.size() + (odd ? 1 : 0) + 1) / 2;
  sum_ += words * uint64_t{0xffff} - SumOf(before, odd);
  sum_ += SumOf(after, odd);
}

void ChecksumChange::Add(ByteView bytes) { sum_ += SumOf(bytes, false); }

void ChecksumChange::ApplyTo(uint8_t* checksum) const {
  const auto old = static_cast<uint16_t>(~base::Load<Be16>(checksum).host());
  const auto sum = static_cast<uint16_t>(~Fold(old + sum_));
  base::Store(checksum, Be16::FromHost(sum));
}

void Crc32c::Add(ByteView bytes) {
  static constexpr std::array<uint32_t, 256> kTable = MakeTable();
  for (const uint8_t byte : bytes) crc_ = crc_ >> 8 ^ kTable[(crc_ ^ byte) & 0xff];
}

}  // namespace sluice::translate
