// MAC, IPv4 and IPv6 addresses as they lie on the wire, with their usual texts.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "netlink/base/byte_order.h"

namespace sluice::base {

struct Mac {
  std::array<uint8_t, 6> bytes{};

  constexpr bool is_multicast() const { return (bytes[0] & 1) != 0; }
  constexpr bool is_zero() const { return *this == Mac{}; }
  friend constexpr bool operator==(const Mac&, const Mac&) = default;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated 0 for a pointer
  friend constexpr auto operator<=>(const Mac&, const Mac&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const Mac& mac) {
    return H::combine(std::move(h), mac.bytes);
  }
};

struct Ipv4 {
  std::array<uint8_t, 4> bytes{};
  friend constexpr bool operator==(const Ipv4&, const Ipv4&) = default;
};

struct Ipv6 {
  std::array<uint8_t, 16> bytes{};
  friend constexpr bool operator==(const Ipv6&, const Ipv6&) = default;
};

// "0a:1b:2c:3d:4e:5f", lower case.
void AppendMac(const uint8_t* mac, std::string* out);
void AppendIpv4(const uint8_t* ip, std::string* out);
// The shortest text, as RFC 5952 wants it.
void AppendIpv6(const uint8_t* ip, std::string* out);

std::string ToString(const Mac& mac);
std::string ToString(const Ipv4& ip);
std::string ToString(const Ipv6& ip);

// Each takes the whole of `text`, or is nullopt. MAC groups may have one or two digits.
std::optional<Mac> ParseMac(std::string_view text);
std::optional<Ipv4> ParseIpv4(std::string_view text);
std::optional<Ipv6> ParseIpv6(std::string_view text);

}  // namespace sluice::base
