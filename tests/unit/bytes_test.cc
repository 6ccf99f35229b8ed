#include "netlink/base/bytes.h"

#include "tests/support/test.h"

namespace sluice::base {
namespace {

TEST_CASE("bytes are written as hex and read back") {
  struct Case {
    ByteVector bytes;
    std::string_view hex;
  };
  const Case cases[] = {
      {{}, ""},
      {{0x00}, "00"},
      {{0x0a, 0x1b}, "0a1b"},
      {{0xff, 0x00, 0x7f, 0x80}, "ff007f80"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.hex);
    CHECK(ToHex(c.bytes) == c.hex);
    CHECK(FromHex(c.hex) == c.bytes);
  }
}

TEST_CASE("hex is read in either case") { CHECK(FromHex("aBcD") == ByteVector{0xab, 0xcd}); }

TEST_CASE("what is not whole bytes in hex is refused") {
  for (std::string_view text : {"0", "0a1", "0x0a", "0g", " 0", "0 ", "0a:1b", "-1"}) {
    CAPTURE(text);
    CHECK_FALSE(FromHex(text).has_value());
  }
}

TEST_CASE("appended hex leaves alone what was there") {
  std::string out = "key99(";
  AppendHex(ByteVector{0x01, 0xfe}, &out);
  CHECK(out == "key99(01fe");
}

TEST_CASE("runs of equal bytes are told from mixed ones") {
  struct Case {
    ByteVector bytes;
    bool all_zeros;
    bool all_ones;
  };
  const Case cases[] = {
      {{}, true, true},  // nothing contradicts it
      {{0, 0, 0}, true, false},  {{0xff, 0xff}, false, true},
      {{0, 0, 1}, false, false}, {{0xff, 0xfe}, false, false},
  };
  for (const Case& c : cases) {
    CAPTURE(ToHex(c.bytes));
    CHECK(IsAllZeros(c.bytes) == c.all_zeros);
    CHECK(IsAllOnes(c.bytes) == c.all_ones);
  }
}

TEST_CASE("views are equal when lengths and bytes are") {
  struct Case {
    ByteVector a;
    ByteVector b;
    bool equal;
  };
  const Case cases[] = {
      {{}, {}, true},   {{1, 2}, {1, 2}, true}, {{1, 2}, {1, 3}, false}, {{1, 2}, {1, 2, 3}, false},
      {{1}, {}, false},
  };
  for (const Case& c : cases) {
    CAPTURE(ToHex(c.a), ToHex(c.b));
    CHECK(Equal(c.a, c.b) == c.equal);
    CHECK(Equal(c.b, c.a) == c.equal);
  }
}

TEST_CASE("values are loaded and stored at any alignment") {
  ByteVector buffer(16, 0xee);
  for (size_t offset = 0; offset < 8; ++offset) {
    CAPTURE(offset);
    Store(buffer.data() + offset, uint64_t{0x0123456789abcdef});
    CHECK(Load<uint64_t>(buffer.data() + offset) == 0x0123456789abcdef);
  }
}

TEST_CASE("an object is seen as its own bytes") {
  const uint32_t value = 0x01020304;
  const ByteView bytes = AsBytes(value);
  REQUIRE(bytes.size() == sizeof(value));
  CHECK(Load<uint32_t>(bytes.data()) == value);
}

}  // namespace
}  // namespace sluice::base
