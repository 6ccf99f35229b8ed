#include "netlink/route/tunnel_kinds.h"

#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "netlink/base/byte_order.h"
#include "netlink/base/status.h"

namespace sluice::route {
namespace {

using base::ToAbsl;

constexpr TunnelKindInfo kKinds[] = {
    {TunnelKind::kVxlan, "vxlan", "vxlan", "vxlan_sys", 4789, "vxlan"},
    {TunnelKind::kGeneve, "geneve", "geneve", "genev_sys", 6081, "geneve"},
    {TunnelKind::kGre, "gre", "gretap", "gre_sys", 0, "ip_gre"},
    {TunnelKind::kIp6gre, "ip6gre", "ip6gretap", "ip6gre_sys", 0, "ip6_gre"},
    {TunnelKind::kErspan, "erspan", "erspan", "erspan_sys", 0, "ip_gre"},
    {TunnelKind::kIp6erspan, "ip6erspan", "ip6erspan", "ip6erspan_sys", 0, "ip6_gre"},
    {TunnelKind::kBareudp, "bareudp", "bareudp", "udp_sys", 6635, "bareudp"},
};

// How an attribute holds a number.
enum class Shape : uint8_t { kFlag, kU8, kBe16 };

// One attribute of IFLA_INFO_DATA.
struct Setting {
  uint16_t attribute;
  Shape shape;
  std::string_view name;                  // in words about a difference
  uint32_t (*wanted)(const TunnelSpec&);  // zero writes no flag
  void (*take)(uint32_t, TunnelDevice*);  // what a device has; null: nobody asks
};

uint32_t Yes(const TunnelSpec& /*spec*/) { return 1; }
uint32_t No(const TunnelSpec& /*spec*/) { return 0; }
uint32_t DstPort(const TunnelSpec& spec) { return spec.DstPort(); }
void TakeDstPort(uint32_t value, TunnelDevice* device) {
  device->spec.dst_port = static_cast<uint16_t>(value);
}
void TakeCollects(uint32_t value, TunnelDevice* device) { device->collects_metadata = value != 0; }

constexpr Setting kVxlan[] = {
    {IFLA_VXLAN_COLLECT_METADATA, Shape::kU8, "external", Yes, TakeCollects},
    {IFLA_VXLAN_LEARNING, Shape::kU8, "learning", No,
     [](uint32_t value, TunnelDevice* device) { device->learns = value != 0; }},
    {IFLA_VXLAN_UDP_ZERO_CSUM6_RX, Shape::kU8, "udp6zerocsumrx", Yes, nullptr},
    {IFLA_VXLAN_PORT, Shape::kBe16, "dst_port", DstPort, TakeDstPort},
    {IFLA_VXLAN_GBP, Shape::kFlag, "gbp", [](const TunnelSpec& s) { return uint32_t{s.gbp}; },
     [](uint32_t value, TunnelDevice* device) { device->spec.gbp = value != 0; }},
    {IFLA_VXLAN_GPE, Shape::kFlag, "gpe", [](const TunnelSpec& s) { return uint32_t{s.gpe}; },
     [](uint32_t value, TunnelDevice* device) { device->spec.gpe = value != 0; }},
};
constexpr Setting kGeneve[] = {
    {IFLA_GENEVE_COLLECT_METADATA, Shape::kFlag, "external", Yes, TakeCollects},
    {IFLA_GENEVE_UDP_ZERO_CSUM6_RX, Shape::kU8, "udp6zerocsumrx", Yes, nullptr},
    {IFLA_GENEVE_PORT, Shape::kBe16, "dst_port", DstPort, TakeDstPort},
};
constexpr Setting kGre[] = {
    {IFLA_GRE_COLLECT_METADATA, Shape::kFlag, "external", Yes, TakeCollects},
};
constexpr Setting kBareudp[] = {
    {IFLA_BAREUDP_PORT, Shape::kBe16, "dst_port", DstPort, TakeDstPort},
    {IFLA_BAREUDP_ETHERTYPE, Shape::kBe16, "payload_type",
     [](const TunnelSpec& s) { return s.ethertype == 0 ? uint32_t{ETH_P_IP} : s.ethertype; },
     [](uint32_t value, TunnelDevice* device) {
       device->spec.ethertype = static_cast<uint16_t>(value);
     }},
    {IFLA_BAREUDP_MULTIPROTO_MODE, Shape::kFlag, "multiproto",
     [](const TunnelSpec& s) { return uint32_t{s.multiproto}; },
     [](uint32_t value, TunnelDevice* device) { device->spec.multiproto = value != 0; }},
};

std::span<const Setting> SettingsOf(TunnelKind kind) {
  switch (kind) {
    case TunnelKind::kVxlan:
      return kVxlan;
    case TunnelKind::kGeneve:
      return kGeneve;
    case TunnelKind::kGre:
    case TunnelKind::kIp6gre:
    case TunnelKind::kErspan:
    case TunnelKind::kIp6erspan:
      return kGre;
    case TunnelKind::kBareudp:
      return kBareudp;
  }
  return {};
}

// A flag that is there is 1; what is missing or too short is 0.
uint32_t Read(const Setting& setting, base::ByteView data) {
  const base::ByteView payload = attr::Find(data, setting.attribute);
  if (payload.data() == nullptr) return 0;
  if (setting.shape == Shape::kFlag) return 1;
  if (setting.shape == Shape::kU8) return payload.empty() ? 0 : payload[0];
  return payload.size() < 2 ? 0 : static_cast<uint32_t>(payload[0] << 8 | payload[1]);
}

std::string_view TextOf(base::ByteView payload) {
  const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
  return text.substr(0, text.find('\0'));
}

}  // namespace

std::span<const TunnelKindInfo> TunnelKinds() { return kKinds; }

const TunnelKindInfo& InfoOf(TunnelKind kind) { return kKinds[static_cast<size_t>(kind)]; }

const TunnelKindInfo* FindTunnelKind(std::string_view name) {
  const auto found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [name](const TunnelKindInfo& k) { return k.name == name; });
  return found == std::end(kKinds) ? nullptr : found;
}

const TunnelKindInfo* TunnelKindOfDevice(std::string_view device_name) {
  for (const TunnelKindInfo& kind : kKinds) {
    if (!device_name.starts_with(kind.prefix)) continue;
    std::string_view rest = device_name.substr(kind.prefix.size());
    if (kind.dst_port == 0 ? rest.empty() : rest.size() > 1 && rest[0] == '_') {
      if (rest.empty()) return &kind;
      rest.remove_prefix(1);
      uint32_t port = 0;
      if (rest.find_first_not_of("0123456789") == std::string_view::npos &&
          absl::SimpleAtoi(ToAbsl(rest), &port) && port <= 0xffff)
        return &kind;
    }
  }
  return nullptr;
}

uint16_t TunnelSpec::DstPort() const { return dst_port != 0 ? dst_port : InfoOf(kind).dst_port; }

std::string TunnelSpec::DeviceName() const {
  if (!name.empty()) return name;
  const TunnelKindInfo& info = InfoOf(kind);
  if (info.dst_port == 0) return std::string(info.prefix);
  return absl::StrCat(ToAbsl(info.prefix), "_", DstPort());
}

absl::StatusOr<std::optional<TunnelDevice>> ParseTunnelDevice(const socket::Message& message) {
  if (message.type != RTM_NEWLINK || message.payload.size() < sizeof(ifinfomsg))
    return absl::DataLossError("not a link message");
  const auto header = base::Load<ifinfomsg>(message.payload.data());
  const base::ByteView attributes = message.payload.subspan(sizeof(ifinfomsg));
  const base::ByteView info = attr::Find(attributes, IFLA_LINKINFO);
  const std::string_view device_kind = TextOf(attr::Find(info, IFLA_INFO_KIND));
  const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                 [&](const auto& k) { return k.device == device_kind; });
  if (kind == std::end(kKinds)) return std::optional<TunnelDevice>();
  TunnelDevice device;
  device.ifindex = header.ifi_index;
  device.up = (header.ifi_flags & IFF_UP) != 0;
  device.spec.kind = kind->kind;
  device.spec.name = TextOf(attr::Find(attributes, IFLA_IFNAME));
  const base::ByteView mtu = attr::Find(attributes, IFLA_MTU);
  if (mtu.size() >= sizeof(uint32_t)) device.mtu = base::Load<uint32_t>(mtu.data());
  const base::ByteView data = attr::Find(info, IFLA_INFO_DATA);
  for (const Setting& setting : SettingsOf(kind->kind))
    if (setting.take != nullptr) setting.take(Read(setting, data), &device);
  if (kind->kind == TunnelKind::kBareudp) device.collects_metadata = true;  // it knows no other way
  return std::optional(std::move(device));
}

void PutTunnelInfo(const TunnelSpec& spec, attr::Writer* writer) {
  const auto info = writer->Nest(IFLA_LINKINFO);
  writer->PutString(IFLA_INFO_KIND, InfoOf(spec.kind).device);
  const auto data = writer->Nest(IFLA_INFO_DATA);
  for (const Setting& setting : SettingsOf(spec.kind)) {
    const uint32_t value = setting.wanted(spec);
    if (setting.shape == Shape::kBe16) {
      writer->Put(setting.attribute, base::Be16::FromHost(static_cast<uint16_t>(value)));
    } else if (setting.shape == Shape::kU8) {
      writer->Put(setting.attribute, static_cast<uint8_t>(value));
    } else if (value != 0) {
      writer->PutFlag(setting.attribute);
    }
  }
}

std::string TunnelDifference(const TunnelDevice& device, const TunnelSpec& wanted) {
  if (device.spec.kind != wanted.kind)
    return absl::StrCat("it is of kind ", ToAbsl(InfoOf(device.spec.kind).name), ", not ",
                        ToAbsl(InfoOf(wanted.kind).name));
  if (!device.collects_metadata)
    return "it is a tunnel to one peer, not one whose flows say where packets go (`external`)";
  if (device.learns) return "it learns addresses";
  for (const Setting& setting : SettingsOf(wanted.kind)) {
    const uint32_t has = setting.wanted(device.spec), wants = setting.wanted(wanted);
    if (has == wants) continue;
    if (setting.shape == Shape::kFlag)
      return absl::StrCat("it is made ", has != 0 ? "with " : "without ", ToAbsl(setting.name));
    if (setting.name == "payload_type")
      return absl::StrCat("its payload_type is 0x", absl::Hex(has, absl::kZeroPad4), ", not 0x",
                          absl::Hex(wants, absl::kZeroPad4));
    return absl::StrCat("its ", ToAbsl(setting.name), " is ", has, ", not ", wants);
  }
  return {};
}

}  // namespace sluice::route
