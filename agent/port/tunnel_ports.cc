#include "agent/port/tunnel_ports.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "netlink/base/address.h"

namespace sluice::port {
namespace {

std::string TextOf(const pipeline::TunnelAddress& address) {
  return address.v4 != base::Ipv4() ? base::ToString(address.v4) : base::ToString(address.v6);
}

std::string TextOf(const std::optional<uint64_t>& key) { return key ? absl::StrCat(*key) : "flow"; }

}  // namespace

route::TunnelSpec DeviceOf(const TunnelConfig& tunnel) {
  return {.kind = tunnel.kind,
          .dst_port = tunnel.udp_port != 0 ? tunnel.udp_port : route::InfoOf(tunnel.kind).dst_port,
          .gbp = tunnel.gbp,
          .gpe = tunnel.gpe};
}

uint32_t OverheadOf(const TunnelConfig& tunnel) {
  using route::TunnelKind;
  constexpr uint32_t kIpv4 = 20, kIpv6 = 40, kUdp = 8, kWord = 4, kTunnelHeader = 8;
  const pipeline::TunnelEnd& end = tunnel.end;
  const bool v6 = (end.remote && end.remote->v6 != base::Ipv6()) ||
                  tunnel.kind == TunnelKind::kIp6gre || tunnel.kind == TunnelKind::kIp6erspan;
  const uint32_t ip = v6 ? kIpv6 : kIpv4;
  switch (tunnel.kind) {
    case TunnelKind::kGre:
    case TunnelKind::kIp6gre:
      return ip + kWord + (end.has_key ? kWord : 0) + (end.checksum ? kWord : 0);
    case TunnelKind::kErspan:
    case TunnelKind::kIp6erspan:  // a sequence number, and the longer of the headers if it may be
      return ip + 2 * kWord + (end.erspan && end.erspan->version == 1 ? 2 * kWord : 3 * kWord);
    default:
      return ip + kUdp + kTunnelHeader;
  }
}

std::string RemoteText(const TunnelConfig& tunnel) {
  return tunnel.end.remote ? TextOf(*tunnel.end.remote) : "flow";
}

std::string LocalText(const TunnelConfig& tunnel) {
  if (tunnel.end.local_from_field) return "flow";
  return tunnel.end.local.IsSet() ? TextOf(tunnel.end.local) : "";
}

std::string KeyText(const TunnelConfig& tunnel) {
  const pipeline::TunnelEnd& end = tunnel.end;
  if (!end.has_key) return "none";
  const std::string in = TextOf(end.in_key), out = TextOf(end.out_key);
  return in == out ? in : absl::StrCat("in ", in, ", out ", out);
}

std::string ByteText(const pipeline::TunnelByte& byte) {
  using From = pipeline::TunnelByte::From;
  if (byte.from == From::kInner) return "inherit";
  return byte.from == From::kField ? "flow" : absl::StrCat(static_cast<int>(byte.value));
}

}  // namespace sluice::port
