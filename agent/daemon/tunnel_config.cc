#include "agent/daemon/tunnel_config.h"

#include <algorithm>
#include <optional>
#include <type_traits>

#include "absl/strings/str_cat.h"

namespace sluice::daemon {
namespace {

using pipeline::TunnelAddress;
using pipeline::TunnelByte;
using pipeline::TunnelEnd;
using pipeline::TunnelOption;
using port::TunnelConfig;
using route::TunnelKind;

constexpr std::string_view kFlow = "flow", kInherit = "inherit";
constexpr uint64_t kMaxVni = 0xffffff, kMaxGreKey = 0xffffffff, kMaxSession = 0x3ff;

bool IsGre(TunnelKind kind) { return kind == TunnelKind::kGre || kind == TunnelKind::kIp6gre; }
bool IsErspan(TunnelKind kind) {
  return kind == TunnelKind::kErspan || kind == TunnelKind::kIp6erspan;
}
bool IsUdp(TunnelKind kind) { return kind == TunnelKind::kVxlan || kind == TunnelKind::kGeneve; }
// Of types whose device is of one family.
bool IsIpv6Only(TunnelKind kind) {
  return kind == TunnelKind::kIp6gre || kind == TunnelKind::kIp6erspan;
}

uint64_t LargestKey(TunnelKind kind) {
  return IsGre(kind) ? kMaxGreKey : IsErspan(kind) ? kMaxSession : kMaxVni;
}

bool IsWord(const YamlValue& value, std::string_view word) {
  return value.IsScalar() && value.node().Scalar() == word;
}

void ReadByte(const YamlValue& value, uint64_t least, TunnelByte* byte) {
  if (IsWord(value, kFlow)) {
    byte->from = TunnelByte::From::kField;
  } else if (IsWord(value, kInherit)) {
    byte->from = TunnelByte::From::kInner;
  } else if (const auto n = value.Number(least, 255)) {
    byte->value = static_cast<uint8_t>(*n);
  }
}

void ReadErspan(const YamlValue& value, pipeline::ErspanEnd* erspan) {
  if (IsWord(value, kFlow)) {
    erspan->version = 0;
    return;
  }
  value.ReadMap({
      {"version",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(1, 2)) erspan->version = static_cast<uint8_t>(*n);
       }},
      {"index",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(0, 0xfffff)) erspan->index = static_cast<uint32_t>(*n);
       }},
      {"direction",
       [&](const YamlValue& v) {
         erspan->direction = v.OneOf({"ingress", "egress"}) == size_t{1} ? 1 : 0;
       }},
      {"hardware_id",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(0, 63)) erspan->hardware_id = static_cast<uint8_t>(*n);
       }},
  });
  const bool of_two = erspan->direction != 0 || erspan->hardware_id != 0;
  if (erspan->version == 1 && of_two)
    value.Fail("has direction or hardware_id, which version 2 has: set version to 2");
  if (erspan->version == 2 && erspan->index != 0) value.Fail("has an index, which version 1 has");
}

// One tunnel: what is read of it first, and then checked as a whole.
class Reader {
 public:
  explicit Reader(const YamlValue& value) : value_(value) {}

  TunnelConfig Read() {
    value_.ReadMap({
        {"type", [this](const YamlValue& v) { ReadType(v); }, true},
        {"remote",
         [this](const YamlValue& v) {
           if (!IsWord(v, kFlow)) end_.remote = HostAddress(v);
         },
         true},
        {"local",
         [this](const YamlValue& v) {
           end_.local_from_field = IsWord(v, kFlow);
           if (!end_.local_from_field) end_.local = HostAddress(v).value_or(TunnelAddress());
         }},
        {"key", [this](const YamlValue& v) { ReadKeys(v, true, true); }},
        {"in_key", [this](const YamlValue& v) { ReadKeys(v, true, false); }},
        {"out_key", [this](const YamlValue& v) { ReadKeys(v, false, true); }},
        {"tos", [this](const YamlValue& v) { ReadByte(v, 0, &end_.tos); }},
        {"ttl", [this](const YamlValue& v) { ReadByte(v, 1, &end_.ttl); }},
        {"df", [this](const YamlValue& v) { end_.dont_fragment = IsTrue(v); }},
        {"csum", [this](const YamlValue& v) { checksum_ = IsTrue(v); }},
        {"port",
         [this](const YamlValue& v) {
           if (const auto n = v.Number(1, 65535)) config_.udp_port = static_cast<uint16_t>(*n);
         }},
        {"gbp", [this](const YamlValue& v) { config_.gbp = IsTrue(v); }},
        {"gpe", [this](const YamlValue& v) { config_.gpe = IsTrue(v); }},
        {"erspan",
         [this](const YamlValue& v) {
           end_.erspan.emplace();
           ReadErspan(v, &*end_.erspan);
         }},
    });
    if (typed_) Check();
    Complete();
    return config_;
  }

 private:
  static bool IsTrue(const YamlValue& value) { return value.OneOf({"false", "true"}) == size_t{1}; }

  void ReadType(const YamlValue& value) {
    // Those that carry Ethernet frames.
    static constexpr TunnelKind kKinds[] = {TunnelKind::kVxlan,  TunnelKind::kGeneve,
                                            TunnelKind::kGre,    TunnelKind::kIp6gre,
                                            TunnelKind::kErspan, TunnelKind::kIp6erspan};
    const auto n = value.OneOf({"vxlan", "geneve", "gre", "ip6gre", "erspan", "ip6erspan"});
    if (n) config_.kind = kKinds[*n];
    typed_ = n.has_value();
  }

  void ReadKeys(const YamlValue& value, bool in, bool out) {
    std::optional<uint64_t> key;
    if (!IsWord(value, kFlow)) {
      key = value.Number(0, kMaxGreKey);
      if (!key) return;
      largest_key_ = std::max(largest_key_, *key);
    }
    if (in) end_.in_key = key, has_in_key_ = true;
    if (out) end_.out_key = key, has_out_key_ = true;
  }

  void Check() {
    const TunnelKind kind = config_.kind;
    if (largest_key_ > LargestKey(kind))
      value_.Fail(absl::StrCat("has a key above ", LargestKey(kind), ", the most of its type"));
    if (config_.udp_port != 0 && !IsUdp(kind))
      value_.Fail("has a port, which its type has not: it is no UDP");
    if ((config_.gbp || config_.gpe) && kind != TunnelKind::kVxlan)
      value_.Fail("has gbp or gpe, which only vxlan has");
    if (config_.gbp && config_.gpe) value_.Fail("has gbp and gpe, of which there can be one");
    if (end_.erspan && !IsErspan(kind)) value_.Fail("has erspan, which only that type has");
    if (end_.tos.from == TunnelByte::From::kFixed && (end_.tos.value & 3) != 0)
      value_.Fail("has a tos whose two low bits are not zero: they tell of congestion");
    CheckFamilies();
  }

  void CheckFamilies() {
    const bool local = end_.local.IsSet();
    const bool remote_v6 = end_.remote && end_.remote->v6 != base::Ipv6();
    const bool local_v6 = end_.local.v6 != base::Ipv6();
    if (end_.remote && end_.remote->IsSet() && local && remote_v6 != local_v6)
      value_.Fail("has a remote and a local address of different families");
    const bool v6 = remote_v6 || local_v6;
    // As users have it: the address tells which of the two it is.
    if (v6 && config_.kind == TunnelKind::kGre) config_.kind = TunnelKind::kIp6gre;
    if (v6 && config_.kind == TunnelKind::kErspan) config_.kind = TunnelKind::kIp6erspan;
    const bool v4 = (end_.remote && !remote_v6) || (local && !local_v6);
    if (v4 && IsIpv6Only(config_.kind)) value_.Fail("has an IPv4 address, and a type of IPv6");
  }

  // What was not said.
  void Complete() {
    const bool gre = IsGre(config_.kind);
    if (!has_in_key_) end_.in_key = 0;
    if (!has_out_key_) end_.out_key = 0;
    end_.has_key = !gre || has_out_key_;
    const bool v6 = end_.remote && end_.remote->v6 != base::Ipv6();
    end_.checksum = checksum_.value_or(v6 && IsUdp(config_.kind));
    end_.gbp = config_.gbp;
    end_.geneve = config_.kind == TunnelKind::kGeneve;
    if (IsErspan(config_.kind) && !end_.erspan) end_.erspan.emplace();
    config_.end = end_;
  }

  const YamlValue& value_;
  TunnelConfig config_;
  TunnelEnd end_;
  std::optional<bool> checksum_;
  uint64_t largest_key_ = 0;
  bool typed_ = false, has_in_key_ = false, has_out_key_ = false;
};

std::optional<TunnelOption> ReadTunnelOption(const YamlValue& value) {
  TunnelOption option{.length = 4};
  bool named = true;
  const auto number = [&](const YamlValue& v, uint64_t max, auto* out) {
    const std::optional<uint64_t> n = v.Number(0, max);
    if (!n) named = false;
    *out = static_cast<std::remove_pointer_t<decltype(out)>>(n.value_or(0));
  };
  value.ReadMap({
      {"class", [&](const YamlValue& v) { number(v, 0xffff, &option.option_class); }, true},
      {"type", [&](const YamlValue& v) { number(v, 0xff, &option.type); }, true},
      {"length",
       [&](const YamlValue& v) { number(v, pipeline::kMaxTunnelOptionLength, &option.length); }},
      {"offset",
       [&](const YamlValue& v) { number(v, pipeline::kMaxTunnelOptionLength, &option.offset); }},
      {"bytes",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(1, sizeof(base::Be64)))
           option.bytes = static_cast<uint8_t>(*n);
       }},
  });
  if (!named) return std::nullopt;
  if (option.length == 0 || option.length % 4 != 0) {
    value.Fail("must have a length that is a multiple of 4, and not 0");
    return std::nullopt;
  }
  const int behind = option.length - option.offset;
  if (behind <= 0 || option.bytes > behind) {
    value.Fail(absl::StrCat("goes beyond the ", option.length, " bytes of the option"));
    return std::nullopt;
  }
  if (option.bytes == 0)
    option.bytes = static_cast<uint8_t>(std::min<int>(sizeof(base::Be64), behind));
  return option;
}

bool Overlaps(const TunnelOption& a, const TunnelOption& b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

// Adds a field to those before it; `place` gets the problem when they do not go together.
void TakeTunnelOption(size_t field, const TunnelOption& option, const YamlValue& place,
                      pipeline::TunnelOptions* options, size_t* bytes) {
  bool is_new = true;
  for (size_t i = 0; i < pipeline::kTunnelFields; ++i) {
    const std::optional<TunnelOption>& other = (*options)[i];
    if (!other || !other->IsSameOption(option)) continue;
    is_new = false;
    if (other->length != option.length)
      return place.Fail(
          absl::StrCat("says that the option of tun_metadata", i, " has another length"));
    if (Overlaps(*other, option))
      return place.Fail(absl::StrCat("has bytes that are tun_metadata", i, " already"));
  }
  if (is_new) *bytes += pipeline::kTunnelOptionHeader + option.length;
  if (*bytes > pipeline::kMaxTunnelOptionBytes)
    return place.Fail(absl::StrCat("makes the options together longer than the ",
                                   pipeline::kMaxTunnelOptionBytes,
                                   " bytes that a packet has for "
                                   "them"));
  (*options)[field] = option;
}

}  // namespace

pipeline::TunnelOptions ReadTunnelOptions(const YamlValue& value) {
  pipeline::TunnelOptions options;
  size_t bytes = 0;
  const auto field = [&](size_t i) {
    return [&options, &bytes, i](const YamlValue& v) {
      if (const auto option = ReadTunnelOption(v))
        TakeTunnelOption(i, *option, v, &options, &bytes);
    };
  };
  value.ReadMap({{"tun_metadata0", field(0)},
                 {"tun_metadata1", field(1)},
                 {"tun_metadata2", field(2)},
                 {"tun_metadata3", field(3)},
                 {"tun_metadata4", field(4)},
                 {"tun_metadata5", field(5)},
                 {"tun_metadata6", field(6)},
                 {"tun_metadata7", field(7)}});
  return options;
}

std::optional<TunnelAddress> HostAddress(const YamlValue& value) {
  const std::optional<std::string> text = value.Text();
  if (!text) return std::nullopt;
  TunnelAddress address;
  if (const auto v4 = base::ParseIpv4(*text)) address.v4 = *v4;
  if (const auto v6 = base::ParseIpv6(*text)) address.v6 = *v6;
  const bool multicast = (address.v4.bytes[0] & 0xf0) == 0xe0 || address.v6.bytes[0] == 0xff;
  if (address.IsSet() && !multicast) return address;
  value.Fail("must be the IPv4 or IPv6 address of one host");
  return std::nullopt;
}

TunnelConfig ReadTunnel(const YamlValue& value) { return Reader(value).Read(); }

void TunnelRegister::Take(const std::string& bridge, const port::PortSpec& port,
                          const YamlValue& place) {
  const TunnelConfig& tunnel = *port.tunnel;
  const std::string device = port::DeviceOf(tunnel).DeviceName();
  const auto [known, is_new] = devices_.try_emplace(device, Device{bridge, port.name, tunnel});
  const Device& first = known->second;
  if (first.bridge != bridge)
    return place.Fail(absl::StrCat("needs the device ", device, ", which carries \"", first.port,
                                   "\" of bridge \"", first.bridge,
                                   "\": give one of them another UDP port"));
  if (first.first.gbp != tunnel.gbp || first.first.gpe != tunnel.gpe)
    return place.Fail(absl::StrCat("shares the device ", device, " with \"", first.port,
                                   "\": both need the same gbp and gpe"));
  const std::string end =
      absl::StrCat(device, " ", tunnel.end.from_anybody ? "flow" : port::RemoteText(tunnel), " ",
                   tunnel.end.local.IsSet() ? port::LocalText(tunnel) : "", " ",
                   tunnel.end.in_key ? absl::StrCat(*tunnel.end.in_key) : "flow");
  const auto [other, is_free] = ends_.emplace(end, port.name);
  if (!is_free)
    place.Fail(absl::StrCat("asks for the same packets as \"", other->second,
                            "\": type, UDP port, remote, local and key are the same"));
}

}  // namespace sluice::daemon
