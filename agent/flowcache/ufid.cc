// Flow identifiers from what a flow is. The hash has no secret, since a restarted agent must make
// the same: whoever can choose enough of a packet's headers can make two flows that share one.

#include "agent/flowcache/flow_cache.h"

namespace sluice::flowcache {
namespace {

// The finishing mix of a 64-bit hash: each input bit reaches each output bit.
uint64_t Mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93u;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93u;
  return x ^ x >> 32;
}

uint64_t Hash(base::ByteView bytes, uint64_t seed) {
  uint64_t hash = Mix(seed ^ bytes.size());
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t take = std::min(bytes.size(), sizeof(word));
    std::memcpy(&word, bytes.data(), take);
    hash = Mix(hash * 0x9e3779b97f4a7c15u + word);
    bytes = bytes.subspan(take);
  }
  return hash;
}

}  // namespace

ovs::Ufid UfidOf(base::ByteView key, base::ByteView mask) {
  const uint64_t high = Hash(mask, Hash(key, 0x736c75696365u));
  const uint64_t low = Hash(mask, Hash(key, high));
  ovs::Ufid ufid;
  base::Store(ufid.bytes.data(), high);
  base::Store(ufid.bytes.data() + sizeof(high), low);
  return ufid;
}

ovs::Ufid UfidOf(const ovs::FlowKey& key, const ovs::FlowKey& mask, base::ByteVector* key_bytes,
                 base::ByteVector* mask_bytes) {
  mask_bytes->clear();
  attr::Writer mask_writer(mask_bytes);
  ovs::EncodeFlowMask(key, mask, &mask_writer);
  key_bytes->clear();
  attr::Writer key_writer(key_bytes);
  ovs::EncodeFlowMask(key, ovs::Masked(key, mask), &key_writer);
  return UfidOf(*key_bytes, *mask_bytes);
}

void CompleteMask(const ovs::FlowKey& key, const ovs::Ufid& ufid, ovs::FlowKey* mask) {
  if (!key.Has(OVS_KEY_ATTR_TUNNEL) || (key.tunnel.present & ovs::kTunnelOptionKinds) != 0) return;
  ovs::FlowKey whole = *mask;
  whole.tunnel.present |= uint64_t{1} << OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS;
  whole.tunnel.vxlan.present = uint64_t{1} << OVS_VXLAN_EXT_GBP;
  base::ByteVector mask_bytes, key_bytes;
  if (UfidOf(key, whole, &key_bytes, &mask_bytes) == ufid) *mask = whole;
}

}  // namespace sluice::flowcache
