#include "netlink/attr/wire.h"

#include <bit>
#include <string>
#include <vector>

#include "tests/support/test.h"

namespace sluice::attr {
namespace {

// The bytes below are as a little-endian machine has them on the wire.
static_assert(std::endian::native == std::endian::little);

ByteVector Hex(std::string_view text) { return base::FromHex(text).value(); }

// "TYPE:PAYLOAD TYPE:PAYLOAD", then " +LEFTOVER" if something is left.
std::string Describe(ByteView bytes) {
  const AttributeWalk walk(bytes);
  std::string text;
  for (const Attribute& attribute : walk) {
    if (!text.empty()) text += ' ';
    text += std::to_string(attribute.type) + ':' + base::ToHex(attribute.payload);
  }
  if (!walk.leftover().empty()) text += " +" + base::ToHex(walk.leftover());
  return text;
}

TEST_CASE("a walk yields each attribute and stops at the first that is no attribute") {
  struct Case {
    std::string_view name;
    std::string_view bytes;
    std::string_view walked;
  };
  const Case cases[] = {
      {"nothing", "", ""},
      {"a flag", "04000700", "7:"},
      {"one of 4 bytes", "0800010001020304", "1:01020304"},
      {"padding is no payload", "0500010001000000", "1:01"},
      {"two in a row", "0500010001000000 08000200aabbccdd", "1:01 2:aabbccdd"},
      {"the last one without its padding", "0500010001", "1:01"},
      {"the type without its flag bits", "0800 0180 01020304", "1:01020304"},
      {"half a header", "0800", " +0800"},
      {"a length of zero", "00000100", " +00000100"},
      {"a length shorter than the header", "0300010000000000", " +0300010000000000"},
      {"a length beyond the end", "0900010001020304", " +0900010001020304"},
      {"a good one before a bad one", "04000700 ffff0100", "7: +ffff0100"},
      {"a good one before half a header", "04000700 0400", "7: +0400"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    std::string hex(c.bytes);
    std::erase(hex, ' ');
    CHECK(Describe(Hex(hex)) == c.walked);
  }
}

TEST_CASE("a walk tells flags and offset of each attribute") {
  const ByteVector bytes =
      Hex("050001400a000000"
          "0400"
          "0280");
  std::vector<Attribute> seen;
  for (const Attribute& attribute : AttributeWalk(bytes)) seen.push_back(attribute);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].flags == NLA_F_NET_BYTEORDER);
  CHECK(seen[0].offset == 0);
  CHECK(seen[1].flags == NLA_F_NESTED);
  CHECK(seen[1].offset == 8);
}

TEST_CASE("no prefix of good bytes is walked past its end") {
  const ByteVector bytes =
      Hex("0500010001000000"
          "0c000200"
          "08000300aabbccdd"
          "04000400");
  for (size_t length = 0; length <= bytes.size(); ++length) {
    CAPTURE(length);
    const ByteVector prefix(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length));
    const AttributeWalk walk(prefix);
    size_t end = 0;
    for (const Attribute& attribute : walk)
      end = attribute.offset + kAttributeHeaderSize + attribute.payload.size();
    CHECK(end <= length);
    CHECK(walk.leftover().size() <= length - end);
  }
}

TEST_CASE("find gives the first payload of a type, and null when there is none") {
  const ByteVector bytes =
      Hex("0500010001000000"
          "0500010002000000"
          "04000700");
  CHECK(base::ToHex(Find(bytes, 1)) == "01");
  CHECK(Find(bytes, 7).empty());
  CHECK(Find(bytes, 7).data() != nullptr);  // there, and empty
  CHECK(Find(bytes, 2).data() == nullptr);  // not there
}

TEST_CASE("the writer lays out header, payload and zero padding") {
  ByteVector out;
  Writer writer(&out);

  SECTION("a number") {
    writer.Put(1, uint32_t{0x04030201});
    CHECK(base::ToHex(out) == "0800010001020304");
  }
  SECTION("a single byte") {
    writer.Put(1, uint8_t{0xab});
    CHECK(base::ToHex(out) == "05000100ab000000");
  }
  SECTION("a flag") {
    writer.PutFlag(7);
    CHECK(base::ToHex(out) == "04000700");
  }
  SECTION("a string with its NUL") {
    writer.PutString(2, "abc");
    CHECK(base::ToHex(out) == "0800020061626300");
  }
  SECTION("a string whose NUL needs padding") {
    writer.PutString(2, "abcd");
    CHECK(base::ToHex(out) == "090002006162636400000000");
  }
  SECTION("attributes as they were received") {
    writer.PutRaw(Hex("0500010001"));
    writer.PutFlag(7);
    CHECK(base::ToHex(out) ==
          "0500010001000000"
          "04000700");
  }
  CHECK(writer.ok());
  CHECK(writer.size() == out.size());
}

TEST_CASE("a nested attribute spans what was written within its scope") {
  ByteVector out;
  Writer writer(&out);
  {
    const Writer::Nested outer = writer.Nest(1);
    writer.Put(2, uint8_t{0xaa});
    {
      const Writer::Nested inner = writer.Nest(3);
      writer.PutFlag(4);
    }
  }
  writer.PutFlag(5);
  CHECK(base::ToHex(out) ==
        "14000100"
        "05000200aa000000"
        "08000300"
        "04000400"
        "04000500");
  CHECK(Describe(Find(out, 1)) == "2:aa 3:04000400");
}

TEST_CASE("an attribute holds 65,531 bytes and no more") {
  ByteVector out;
  Writer writer(&out);

  SECTION("the largest is written") {
    writer.Put(1, ByteVector(kMaxPayload));
    CHECK(writer.ok());
    CHECK(Find(out, 1).size() == kMaxPayload);
  }
  SECTION("a larger one leaves no trace but ok()") {
    writer.PutFlag(7);
    writer.Put(1, ByteVector(kMaxPayload + 1));
    CHECK_FALSE(writer.ok());
    CHECK(Describe(out) == "7:");
  }
  SECTION("a nested one that grows larger leaves no trace but ok()") {
    writer.PutFlag(7);
    {
      const Writer::Nested nested = writer.Nest(1);
      writer.Put(2, ByteVector(kMaxPayload));
    }
    CHECK_FALSE(writer.ok());
    CHECK(Describe(out) == "7:");
  }
}

}  // namespace
}  // namespace sluice::attr
