#include "netlink/attr/wire.h"

#include <algorithm>

namespace sluice::attr {
namespace {

using Header = AttributeHeader;

}  // namespace

ByteView AttributeWalk::leftover() const {
  size_t offset = 0;
  Header header;
  while (offset < bytes_.size() && header.Read(bytes_, offset))
    offset = std::min(offset + Align4(header.length), bytes_.size());
  return bytes_.subspan(offset);
}

ByteView Find(ByteView attributes, uint16_t type) {
  for (const Attribute& attribute : AttributeWalk(attributes))
    if (attribute.type == type) return attribute.payload;
  return {};
}

void Writer::Put(uint16_t type, ByteView payload) {
  if (payload.size() > kMaxPayload) {
    ok_ = false;
    return;
  }
  const Header header{static_cast<uint16_t>(kAttributeHeaderSize + payload.size()), type};
  const size_t start = out_->size();
  out_->resize(start + Align4(header.length));  // new bytes are zero, the padding too
  base::Store(out_->data() + start, header);
  if (!payload.empty())
    std::memcpy(out_->data() + start + kAttributeHeaderSize, payload.data(), payload.size());
}

void Writer::PutString(uint16_t type, std::string_view text) {
  const size_t start = BeginNested(type);
  out_->insert(out_->end(), text.begin(), text.end());
  out_->push_back('\0');
  EndNested(start);
}

void Writer::PutRaw(ByteView attributes) {
  out_->insert(out_->end(), attributes.begin(), attributes.end());
  out_->resize(Align4(out_->size()));
}

size_t Writer::BeginNested(uint16_t type) {
  const size_t start = out_->size();
  out_->resize(start + kAttributeHeaderSize);
  base::Store(out_->data() + start, Header{0, type});
  return start;
}

void Writer::EndNested(size_t start) {
  const size_t length = out_->size() - start;
  if (length > 0xffff) {
    ok_ = false;
    out_->resize(start);
    return;
  }
  base::Store(out_->data() + start, static_cast<uint16_t>(length));
  out_->resize(start + Align4(length));
}

}  // namespace sluice::attr
