#include "netlink/ovs/flow_key.h"

#include <cstring>

namespace sluice::ovs {
namespace {

constexpr size_t kWords = sizeof(FlowKey) / sizeof(uint64_t);
static_assert(sizeof(FlowKey) % sizeof(uint64_t) == 0);

using Words = std::array<uint64_t, kWords>;

Words ToWords(const FlowKey& key) { return std::bit_cast<Words>(key); }

}  // namespace

bool MatchesUnder(const FlowKey& a, const FlowKey& b, const FlowKey& mask) {
  const Words x = ToWords(a), y = ToWords(b), m = ToWords(mask);
  uint64_t difference = 0;
  for (size_t i = a.present.size(); i < kWords; ++i) difference |= (x[i] ^ y[i]) & m[i];
  return difference == 0;
}

FlowKey Masked(const FlowKey& key, const FlowKey& mask) {
  Words x = ToWords(key);
  const Words m = ToWords(mask);
  for (size_t i = key.present.size(); i < kWords; ++i) x[i] &= m[i];
  FlowKey masked = std::bit_cast<FlowKey>(x);
  masked.nsh.present = key.nsh.present;
  masked.tunnel.present = key.tunnel.present;
  masked.tunnel.vxlan.present = key.tunnel.vxlan.present;
  return masked;
}

}  // namespace sluice::ovs
