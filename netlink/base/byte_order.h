// Integers that carry their byte order in their type.
//
// A Be16 is two bytes in network order. It converts to a host number only by host(), so that a
// forgotten htons() does not compile. Trivially copyable: safe inside structs that mirror the wire.
//
//   Be16 port = Be16::FromHost(80);
//   if (port.host() < 1024) ...
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>

namespace sluice::base {

// Reverses the bytes of `v` when this machine is little-endian: host to network order and back.
template <std::unsigned_integral T>
constexpr T SwapIfLittle(T v) {
  if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) {
    return v;
  } else if constexpr (sizeof(T) == 2) {
    return static_cast<T>(__builtin_bswap16(v));
  } else if constexpr (sizeof(T) == 4) {
    return static_cast<T>(__builtin_bswap32(v));
  } else {
    return static_cast<T>(__builtin_bswap64(v));
  }
}

template <std::unsigned_integral T>
class BigEndian {
 public:
  constexpr BigEndian() = default;
  static constexpr BigEndian FromHost(T host) { return BigEndian(SwapIfLittle(host)); }
  // The value as it lies in memory, for `__be16` and its like in kernel headers.
  static constexpr BigEndian FromWire(T wire) { return BigEndian(wire); }

  constexpr T host() const { return SwapIfLittle(wire_); }
  constexpr T wire() const { return wire_; }

  friend constexpr bool operator==(BigEndian, BigEndian) = default;
  friend constexpr auto operator<=>(BigEndian a, BigEndian b) { return a.host() <=> b.host(); }

 private:
  explicit constexpr BigEndian(T wire) : wire_(wire) {}
  T wire_ = 0;
};

using Be16 = BigEndian<uint16_t>;
using Be32 = BigEndian<uint32_t>;
using Be64 = BigEndian<uint64_t>;

}  // namespace sluice::base
