#include "dpctl/port_options.h"

#include <linux/if_ether.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dpctl/failure.h"
#include "netlink/base/address.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;
using route::TunnelKind;

constexpr unsigned Bit(TunnelKind kind) { return 1U << static_cast<unsigned>(kind); }
constexpr unsigned kVxlan = Bit(TunnelKind::kVxlan);
constexpr unsigned kBareudp = Bit(TunnelKind::kBareudp);
constexpr unsigned kUdp = kVxlan | Bit(TunnelKind::kGeneve) | kBareudp;
constexpr unsigned kErspan = Bit(TunnelKind::kErspan) | Bit(TunnelKind::kIp6erspan);
constexpr unsigned kGre = Bit(TunnelKind::kGre) | Bit(TunnelKind::kIp6gre) | kErspan;
constexpr unsigned kTunnels = kUdp | kGre;

bool ParseNumber(std::string_view text, uint64_t limit, uint64_t* out) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  return (hex ? absl::SimpleHexAtoi(ToAbsl(text), out) : absl::SimpleAtoi(ToAbsl(text), out)) &&
         *out <= limit;
}
template <uint64_t kLimit>
bool IsNumber(std::string_view text) {
  uint64_t value = 0;
  return ParseNumber(text, kLimit, &value);
}
bool IsAddress(std::string_view text) {
  return base::ParseIpv4(text).has_value() || base::ParseIpv6(text).has_value();
}
bool IsBoolean(std::string_view text) { return text == "true" || text == "false"; }
bool IsPacketType(std::string_view text) {
  return text == "legacy_l2" || text == "legacy_l3" || text == "ptap";
}

bool SetDstPort(std::string_view text, PortSettings* settings) {
  uint64_t port = 0;
  if (!text.empty() && (!ParseNumber(text, 0xffff, &port) || port == 0)) return false;
  settings->tunnel.dst_port = static_cast<uint16_t>(port);
  return true;
}

bool SetExtensions(std::string_view text, PortSettings* settings) {
  settings->tunnel.gbp = text == "gbp";
  settings->tunnel.gpe = text == "gpe";
  return text.empty() || settings->tunnel.gbp || settings->tunnel.gpe;
}

bool SetPayloadType(std::string_view text, PortSettings* settings) {
  route::TunnelSpec& spec = settings->tunnel;
  spec.multiproto = text.empty() || text == "ip" || text == "mpls";
  uint64_t ethertype = text == "mpls" ? ETH_P_MPLS_UC : ETH_P_IP;
  if (!spec.multiproto && (!ParseNumber(text, 0xffff, &ethertype) || ethertype < 0x600))
    return false;
  spec.ethertype = static_cast<uint16_t>(ethertype);
  return true;
}

struct OptionRow {
  std::string_view key;
  unsigned kinds;
  std::string_view expected;
  // Of the device; null for what flows say.
  bool (*set)(std::string_view, PortSettings*) = nullptr;
  bool (*check)(std::string_view) = nullptr;
  std::string_view word{};  // a value that leaves it to the flows: nothing is to be said about it
  std::string_view flow{};  // how flows say it; empty: not at all
};

constexpr std::string_view kAddress = "an IP address, or flow", kKey = "a number, or flow",
                           kTruth = "true or false", kTunnelId = "tun_id=ID";
constexpr auto kIsKey = IsNumber<UINT64_MAX>;

constexpr OptionRow kRows[] = {
    {"dst_port", kUdp, "a UDP port from 1 to 65535", SetDstPort},
    {"exts", kVxlan, "gbp or gpe", SetExtensions},
    {"payload_type", kBareudp, "ip, mpls, or an Ethernet type", SetPayloadType},
    {"remote_ip", kTunnels, kAddress, nullptr, IsAddress, "flow", "dst=IP"},
    {"local_ip", kTunnels, kAddress, nullptr, IsAddress, "flow", "src=IP"},
    {"key", kTunnels, kKey, nullptr, kIsKey, "flow", kTunnelId},
    {"in_key", kTunnels, kKey, nullptr, kIsKey, "flow", kTunnelId},
    {"out_key", kTunnels, kKey, nullptr, kIsKey, "flow", kTunnelId},
    {"ttl", kTunnels, "a number up to 255, or inherit", nullptr, IsNumber<255>, "inherit", "ttl=N"},
    {"tos", kTunnels, "a number up to 255, or inherit", nullptr, IsNumber<255>, "inherit", "tos=N"},
    {"csum", kTunnels, kTruth, nullptr, IsBoolean, "false", "flags(csum)"},
    {"df_default", kTunnels, kTruth, nullptr, IsBoolean, "false", "flags(df)"},
    {"seq", kGre, kTruth, nullptr, IsBoolean, "false"},
    {"packet_type", kTunnels, "legacy_l2, legacy_l3 or ptap", nullptr, IsPacketType, "ptap"},
    {"egress_pkt_mark", kTunnels, "a number", nullptr, IsNumber<UINT32_MAX>, "0"},
    {"erspan_ver", kErspan, "1, 2 or flow", nullptr, IsNumber<2>, "flow", "erspan(ver=N,..)"},
    {"erspan_idx", kErspan, kKey, nullptr, IsNumber<0xfffff>, "flow", "erspan(ver=1,idx=N)"},
    {"erspan_dir", kErspan, kKey, nullptr, IsNumber<1>, "flow", "erspan(ver=2,dir=N,hwid=N)"},
    {"erspan_hwid", kErspan, kKey, nullptr, IsNumber<0x3f>, "flow", "erspan(ver=2,dir=N,hwid=N)"},
};

bool Has(const OptionRow& row, const PortType& type) {
  return type.tunnel && (row.kinds & Bit(*type.tunnel)) != 0;
}

absl::Status NoSuchOption(const PortOption& option, const PortType& type) {
  std::string known = "type, port_no, mtu";
  for (const OptionRow& row : kRows)
    if (Has(row, type)) absl::StrAppend(&known, ", ", ToAbsl(row.key));
  return UsageError(absl::StrCat("a port of type ", ToAbsl(type.name), " has no option \"",
                                 option.key, "\": there are ", known));
}

absl::Status BadValue(const PortOption& option, std::string_view expected) {
  return UsageError(absl::StrCat(option.key, "=", option.value, ": expected ", ToAbsl(expected)));
}

absl::Status ApplyMtu(const PortOption& option, PortSettings* settings) {
  uint64_t mtu = 0;
  if (!option.value.empty() && (!ParseNumber(option.value, INT32_MAX, &mtu) || mtu == 0))
    return BadValue(option, "bytes");
  settings->default_mtu = option.value.empty();
  settings->mtu.reset();
  if (!option.value.empty()) settings->mtu = static_cast<uint32_t>(mtu);
  settings->tunnel.mtu = settings->mtu;
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyPortOption(const PortOption& option, const PortType& type,
                             PortSettings* settings) {
  if (option.key == "mtu") return ApplyMtu(option, settings);
  const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const OptionRow& r) {
    return r.key == option.key && Has(r, type);
  });
  if (row == std::end(kRows)) return NoSuchOption(option, type);
  if (row->set != nullptr) {
    if (!row->set(option.value, settings)) return BadValue(option, row->expected);
    return absl::OkStatus();
  }
  if (option.value.empty() || option.value == row->word) return absl::OkStatus();
  if (!row->check(option.value)) return BadValue(option, row->expected);
  settings->notes.push_back(
      row->flow.empty()
          ? absl::StrCat(option.key, "=", option.value, " has no effect on a port of the kernel's")
          : absl::StrCat(option.key, "=", option.value,
                         " has no effect: flows say it, with set(tunnel(", ToAbsl(row->flow),
                         ",..))"));
  return absl::OkStatus();
}

PortSettings DefaultPortSettings(const PortType& type) {
  PortSettings settings;
  if (type.tunnel) settings.tunnel.kind = *type.tunnel;
  if (type.tunnel == TunnelKind::kBareudp) SetPayloadType({}, &settings);
  return settings;
}

std::vector<std::string_view> PortOptionKeys() {
  std::vector<std::string_view> keys = {"type", "port_no", "mtu"};
  for (const OptionRow& row : kRows) keys.push_back(row.key);
  return keys;
}

Json TunnelOptions(const route::TunnelSpec& spec, bool all) {
  Json json = Json::object();
  const route::TunnelKindInfo& info = route::InfoOf(spec.kind);
  if (info.dst_port != 0 && (all || spec.dst_port != info.dst_port))
    json["dst_port"] = spec.dst_port;
  // What flows say, which older programs write as 0.
  if ((Bit(spec.kind) & kErspan) != 0) json["erspan_ver"] = 0;
  if (spec.gbp || spec.gpe) json["exts"] = spec.gbp ? "gbp" : "gpe";
  json["packet_type"] = "ptap";
  if (spec.kind == TunnelKind::kBareudp) {
    const bool mpls = spec.ethertype == ETH_P_MPLS_UC;
    if (spec.multiproto && (mpls || spec.ethertype == ETH_P_IP)) {
      json["payload_type"] = mpls ? "mpls" : "ip";
    } else {
      json["payload_type"] = absl::StrFormat("0x%04x", spec.ethertype);
    }
  }
  return json;
}

}  // namespace sluice::dpctl
