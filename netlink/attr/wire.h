// Netlink attributes as they lie on the wire: a walker and a writer, with no idea of what they
// mean.
//
// Layout (include/uapi/linux/netlink.h): u16 length including the 4-byte header, u16 type whose two
// top bits are flags, payload, padding to 4 bytes; all in host byte order.
//
// Neither class owns the bytes or is thread-safe.
//
//   for (const Attribute& attribute : AttributeWalk(payload)) ...
//
//   Writer writer(&buffer);
//   { auto nest = writer.Nest(OVS_FLOW_ATTR_KEY); writer.Put(OVS_KEY_ATTR_IN_PORT, uint32_t{1}); }
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "netlink/base/bytes.h"

namespace sluice::attr {

using base::ByteVector;
using base::ByteView;

inline constexpr size_t kAttributeHeaderSize = 4;
inline constexpr size_t kMaxPayload = 0xffff - kAttributeHeaderSize;

constexpr size_t Align4(size_t n) { return (n + 3) & ~size_t{3}; }

struct AttributeHeader {
  uint16_t length;  // of header and payload
  uint16_t type;    // with the flag bits

  // Whether an attribute starts at `offset`, which is within `bytes`, and ends within them.
  bool Read(ByteView bytes, size_t offset) {
    if (bytes.size() - offset < kAttributeHeaderSize) return false;
    *this = base::Load<AttributeHeader>(bytes.data() + offset);
    return length >= kAttributeHeaderSize && length <= bytes.size() - offset;
  }
};
static_assert(sizeof(AttributeHeader) == kAttributeHeaderSize);

struct Attribute {
  uint16_t type = 0;   // without the flag bits
  uint16_t flags = 0;  // NLA_F_NESTED and NLA_F_NET_BYTEORDER, as they came
  ByteView payload;
  size_t offset = 0;  // of the attribute's header in the walked bytes
};

// A range over consecutive attributes. The walk ends at the first malformed header; whatever is
// left then is leftover(), empty when every byte was understood. Reading the range twice is fine.
class AttributeWalk {
 public:
  explicit AttributeWalk(ByteView bytes) : bytes_(bytes) {}

  class Iterator {
   public:
    Iterator(ByteView bytes, size_t offset) : bytes_(bytes), offset_(offset) { Read(); }
    const Attribute& operator*() const { return current_; }
    const Attribute* operator->() const { return &current_; }
    Iterator& operator++();
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.offset_ == b.offset_; }

   private:
    void Read();
    ByteView bytes_;
    size_t offset_;
    Attribute current_;
  };

  Iterator begin() const { return {bytes_, 0}; }
  Iterator end() const { return {bytes_, bytes_.size()}; }

  // The tail that is no attribute: a header that is cut short, or a length beyond the bytes.
  ByteView leftover() const;

 private:
  ByteView bytes_;
};

// Walks are most of what decoding and text cost, and so are inline.
inline void AttributeWalk::Iterator::Read() {
  AttributeHeader header;
  if (offset_ >= bytes_.size() || !header.Read(bytes_, offset_)) {
    offset_ = bytes_.size();
    return;
  }
  current_.type = header.type & NLA_TYPE_MASK;
  current_.flags = static_cast<uint16_t>(header.type & ~NLA_TYPE_MASK);
  current_.payload =
      bytes_.subspan(offset_ + kAttributeHeaderSize, header.length - kAttributeHeaderSize);
  current_.offset = offset_;
}

inline AttributeWalk::Iterator& AttributeWalk::Iterator::operator++() {
  const size_t next = offset_ + Align4(kAttributeHeaderSize + current_.payload.size());
  offset_ = next < bytes_.size() ? next : bytes_.size();
  Read();
  return *this;
}

// The payload of the first attribute of `type`, or a view with a null data().
ByteView Find(ByteView attributes, uint16_t type);

// Appends attributes to a buffer that it borrows. A payload that no attribute can hold (more than
// 65,531 bytes) is not written and clears ok().
class Writer {
 public:
  explicit Writer(ByteVector* out) : out_(out) {}

  // Ends the nested attribute, fixing its length, when it goes out of scope.
  class [[nodiscard]] Nested {
   public:
    Nested(Writer* writer, size_t start) : writer_(writer), start_(start) {}
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;
    ~Nested() { writer_->EndNested(start_); }

   private:
    Writer* writer_;
    size_t start_;
  };

  void Put(uint16_t type, ByteView payload);
  template <typename T>
  requires std::is_trivially_copyable_v<T> &&(!std::is_convertible_v<T, ByteView>)&&(
      !std::is_convertible_v<T, std::string_view>)void Put(uint16_t type, const T& value) {
    Put(type, base::AsBytes(value));
  }
  void PutFlag(uint16_t type) { Put(type, ByteView()); }
  void PutString(uint16_t type, std::string_view text);  // NUL-terminated
  // Whole attributes, header and all, as they were received.
  void PutRaw(ByteView attributes);

  // A nested attribute; like the kernel's openvswitch families, without NLA_F_NESTED.
  Nested Nest(uint16_t type) { return {this, BeginNested(type)}; }
  size_t BeginNested(uint16_t type);
  void EndNested(size_t start);
  // Takes back everything written since BeginNested().
  void Abandon(size_t start) { out_->resize(start); }

  size_t size() const { return out_->size(); }
  bool ok() const { return ok_; }

 private:
  ByteVector* out_;
  bool ok_ = true;
};

}  // namespace sluice::attr
