// Any bytes are decoded as a flow key without harm, and what was decoded is encoded so that it
// decodes to the same.
#include <cstdlib>
#include <cstring>

#include "netlink/ovs/flow_key.h"

using sluice::base::ByteVector;
using sluice::base::ByteView;
using sluice::ovs::FlowKey;

namespace {

ByteVector Encoded(const FlowKey& key, const sluice::attr::Unknowns& unknowns) {
  ByteVector bytes;
  sluice::attr::Writer writer(&bytes);
  sluice::ovs::EncodeFlowKey(key, &unknowns, &writer);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 60000) return 0;
  FlowKey key{}, again{};
  sluice::attr::Unknowns unknowns, unknowns_again;
  if (const auto fault = sluice::ovs::DecodeFlowKey(ByteView(data, size), &key, &unknowns)) {
    if (sluice::attr::ToStatus(fault).ok()) std::abort();
    return 0;
  }
  const ByteVector bytes = Encoded(key, unknowns);
  if (sluice::ovs::DecodeFlowKey(bytes, &again, &unknowns_again)) std::abort();
  if (std::memcmp(&key, &again, sizeof(key)) != 0) std::abort();
  if (Encoded(again, unknowns_again) != bytes) std::abort();

  ByteVector mask;
  sluice::attr::Writer writer(&mask);
  sluice::ovs::EncodeFlowMask(key, key, &writer);
  if (!sluice::ovs::MatchesUnder(key, again, key)) std::abort();
  const FlowKey masked = sluice::ovs::Masked(key, FlowKey{});
  if (!sluice::ovs::MatchesUnder(masked, key, FlowKey{})) std::abort();
  return 0;
}
