// Any bytes are read as a packet: nothing outside of them is read, and what comes of it is a key
// that the codec takes.
#include <cstdlib>

#include "agent/translate/key_fields.h"
#include "agent/translate/packet_fields.h"

using sluice::ovs::FlowKey;
using sluice::pipeline::Fields;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Fields fields = sluice::translate::FieldsOfPacket({data, size}, Fields{});
  sluice::base::ByteVector bytes;
  sluice::attr::Writer writer(&bytes);
  sluice::ovs::EncodeFlowKey(sluice::translate::KeyOfFields(fields), nullptr, &writer);
  FlowKey key{};
  sluice::attr::Unknowns unknowns;
  if (sluice::ovs::DecodeFlowKey(bytes, &key, &unknowns) || !unknowns.empty()) std::abort();
  return 0;
}
