#include "netlink/ovs/flow_key.h"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace sluice::ovs {
namespace {

// Which words hold presence rather than bits of the packet.
constexpr bool IsPresenceWord(size_t word) {
  const size_t offset = word * sizeof(uint64_t);
  return offset < sizeof(FlowKey::present) || offset == offsetof(FlowKey, nsh.present) ||
         offset == offsetof(FlowKey, tunnel.present) ||
         offset == offsetof(FlowKey, tunnel.vxlan.present);
}

constexpr size_t kWords = sizeof(FlowKey) / sizeof(uint64_t);
static_assert(sizeof(FlowKey) % sizeof(uint64_t) == 0);

using Words = std::array<uint64_t, kWords>;

Words ToWords(const FlowKey& key) { return std::bit_cast<Words>(key); }

template <size_t kSize>
bool AnySet(const std::array<uint8_t, kSize>& bytes) {
  static_assert(kSize % sizeof(uint64_t) == 0);
  uint64_t bits = 0;
  for (size_t i = 0; i < kSize; i += sizeof(bits)) bits |= base::Load<uint64_t>(&bytes[i]);
  return bits != 0;
}

// What of a tunnel is matched by being there or not.
constexpr uint64_t kTunnelPresence =
    uint64_t{1} << OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT | uint64_t{1} << OVS_TUNNEL_KEY_ATTR_CSUM |
    uint64_t{1} << OVS_TUNNEL_KEY_ATTR_OAM | uint64_t{1} << OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS;

uint64_t PresenceMask(const FlowKey& mask) {
  const uint64_t bits = mask.tunnel.present & kTunnelPresence;
  return AsksForOptions(mask.tunnel) ? bits | kTunnelOptionKinds : bits;
}

// How much of a buffer is used matters as a whole, as soon as a bit of the buffer does.
FlowKey WithWholeSizes(FlowKey mask) {
  const bool mpls = mask.mpls_size != 0 || mask.mpls != decltype(mask.mpls){};
  const bool geneve = mask.tunnel.geneve_size != 0 || AsksForOptions(mask.tunnel);
  mask.mpls_size = mpls ? 0xffff : 0;
  mask.tunnel.geneve_size = geneve ? 0xffff : 0;
  return mask;
}

}  // namespace

bool AsksForOptions(const TunnelKey& mask) {
  return mask.Has(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS) || AnySet(mask.geneve) ||
         std::any_of(mask.erspan.begin(), mask.erspan.end(),
                     [](uint8_t byte) { return byte != 0; });
}

bool MatchesUnder(const FlowKey& a, const FlowKey& b, const FlowKey& mask) {
  const Words x = ToWords(a), y = ToWords(b), m = ToWords(WithWholeSizes(mask));
  uint64_t difference = (a.tunnel.present ^ b.tunnel.present) & PresenceMask(mask);
  for (size_t i = 0; i < kWords; ++i)
    if (!IsPresenceWord(i)) difference |= (x[i] ^ y[i]) & m[i];
  return difference == 0;
}

FlowKey Masked(const FlowKey& key, const FlowKey& mask) {
  Words x = ToWords(key);
  const Words m = ToWords(mask);
  for (size_t i = 0; i < kWords; ++i)
    if (!IsPresenceWord(i)) x[i] &= m[i];
  FlowKey masked = std::bit_cast<FlowKey>(x);
  masked.mpls_size = key.mpls_size;
  masked.tunnel.geneve_size = key.tunnel.geneve_size;
  masked.tunnel.present &= mask.tunnel.present | ~kTunnelPresence;
  return masked;
}

bool IsWithin(const FlowKey& narrow, const FlowKey& wide) {
  const Words n = ToWords(WithWholeSizes(narrow)), w = ToWords(WithWholeSizes(wide));
  uint64_t beyond = PresenceMask(narrow) & ~PresenceMask(wide);
  for (size_t i = 0; i < kWords; ++i)
    if (!IsPresenceWord(i)) beyond |= n[i] & ~w[i];
  return beyond == 0;
}

}  // namespace sluice::ovs
