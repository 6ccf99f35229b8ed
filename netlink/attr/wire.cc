#include "netlink/attr/wire.h"

#include <algorithm>

namespace sluice::attr {
namespace {

struct Header {
  uint16_t length;
  uint16_t type;
};
static_assert(sizeof(Header) == kAttributeHeaderSize);

// Whether an attribute starts at `offset` and ends within `bytes`.
bool IsWhole(ByteView bytes, size_t offset, Header* header) {
  if (bytes.size() - offset < kAttributeHeaderSize) return false;
  *header = base::Load<Header>(bytes.data() + offset);
  return header->length >= kAttributeHeaderSize && header->length <= bytes.size() - offset;
}

}  // namespace

void AttributeWalk::Iterator::Read() {
  Header header;
  if (offset_ >= bytes_.size() || !IsWhole(bytes_, offset_, &header)) {
    offset_ = bytes_.size();
    return;
  }
  current_.type = header.type & NLA_TYPE_MASK;
  current_.flags = static_cast<uint16_t>(header.type & ~NLA_TYPE_MASK);
  current_.payload =
      bytes_.subspan(offset_ + kAttributeHeaderSize, header.length - kAttributeHeaderSize);
  current_.offset = offset_;
}

AttributeWalk::Iterator& AttributeWalk::Iterator::operator++() {
  const size_t length = kAttributeHeaderSize + current_.payload.size();
  offset_ = std::min(offset_ + Align4(length), bytes_.size());
  Read();
  return *this;
}

ByteView AttributeWalk::leftover() const {
  size_t offset = 0;
  Header header;
  while (offset < bytes_.size() && IsWhole(bytes_, offset, &header))
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
