#include "netlink/base/address.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace sluice::base {
namespace {

template <int kFamily, typename T>
std::optional<T> ParseIp(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof(terminated)) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  T ip;
  if (std::strlen(terminated) != text.size() ||
      inet_pton(kFamily, terminated, ip.bytes.data()) != 1)
    return std::nullopt;
  return ip;
}

}  // namespace

void AppendMac(const uint8_t* mac, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  char text[17];
  for (int i = 0; i < 6; ++i) {
    text[3 * i] = kDigits[mac[i] >> 4];
    text[3 * i + 1] = kDigits[mac[i] & 0xf];
    if (i < 5) text[3 * i + 2] = ':';
  }
  out->append(text, sizeof(text));
}

void AppendIpv4(const uint8_t* ip, std::string* out) {
  char text[16];
  char* end = text;
  for (int i = 0; i < 4; ++i) {
    if (i > 0) *end++ = '.';
    end = std::to_chars(end, text + sizeof(text), unsigned{ip[i]}).ptr;
  }
  out->append(text, static_cast<size_t>(end - text));
}

void AppendIpv6(const uint8_t* ip, std::string* out) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, ip, text, sizeof(text));
  out->append(text);
}

std::string ToString(const Mac& mac) {
  std::string out;
  AppendMac(mac.bytes.data(), &out);
  return out;
}

std::string ToString(const Ipv4& ip) {
  std::string out;
  AppendIpv4(ip.bytes.data(), &out);
  return out;
}

std::string ToString(const Ipv6& ip) {
  std::string out;
  AppendIpv6(ip.bytes.data(), &out);
  return out;
}

std::optional<Mac> ParseMac(std::string_view text) {
  Mac mac;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (size_t i = 0; i < mac.bytes.size(); ++i) {
    if (i > 0 && (at == end || *at++ != ':')) return std::nullopt;
    unsigned group = 0;
    auto [next, error] = std::from_chars(at, end, group, 16);
    if (error != std::errc() || next - at > 2) return std::nullopt;
    mac.bytes[i] = static_cast<uint8_t>(group);
    at = next;
  }
  if (at != end) return std::nullopt;
  return mac;
}

std::optional<Ipv4> ParseIpv4(std::string_view text) { return ParseIp<AF_INET, Ipv4>(text); }
std::optional<Ipv6> ParseIpv6(std::string_view text) { return ParseIp<AF_INET6, Ipv6>(text); }

}  // namespace sluice::base
