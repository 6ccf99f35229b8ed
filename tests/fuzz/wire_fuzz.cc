// Any bytes are walked within their bounds, and what was walked is written back so that it walks
// the same.
#include "netlink/attr/wire.h"

#include <cstdlib>

using sluice::attr::Attribute;
using sluice::attr::AttributeWalk;
using sluice::base::ByteVector;
using sluice::base::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const AttributeWalk walk(ByteView(data, size));
  ByteVector written;
  sluice::attr::Writer writer(&written);
  for (const Attribute& attribute : walk)
    writer.Put(attribute.type | attribute.flags, attribute.payload);
  if (!writer.ok()) std::abort();

  const AttributeWalk again(written);
  auto it = again.begin();
  for (const Attribute& attribute : walk) {
    if (it == again.end() || it->type != attribute.type || it->flags != attribute.flags ||
        !sluice::base::Equal(it->payload, attribute.payload))
      std::abort();
    ++it;
  }
  if (it != again.end() || !again.leftover().empty()) std::abort();
  return 0;
}
