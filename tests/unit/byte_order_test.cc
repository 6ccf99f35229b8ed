#include "netlink/base/byte_order.h"

#include <type_traits>

#include "netlink/base/bytes.h"
#include "tests/support/test.h"

namespace sluice::base {
namespace {

// A forgotten htons() must not compile.
static_assert(!std::is_convertible_v<uint16_t, Be16>);
static_assert(!std::is_convertible_v<Be16, uint16_t>);
// Both live inside structs that mirror the wire.
static_assert(std::is_trivially_copyable_v<Be64>);
static_assert(sizeof(Be16) == 2 && sizeof(Be32) == 4 && sizeof(Be64) == 8);

TEST_CASE("the most significant byte lies first") {
  CHECK(ToHex(AsBytes(Be16::FromHost(0x0102))) == "0102");
  CHECK(ToHex(AsBytes(Be32::FromHost(0x01020304))) == "01020304");
  CHECK(ToHex(AsBytes(Be64::FromHost(0x0102030405060708))) == "0102030405060708");
}

TEST_CASE("the host number and the wire value survive the way there and back") {
  for (uint32_t number : {0u, 1u, 80u, 0x01020304u, 0xffffffffu}) {
    CAPTURE(number);
    const Be32 be = Be32::FromHost(number);
    CHECK(be.host() == number);
    CHECK(Be32::FromWire(be.wire()) == be);
  }
}

TEST_CASE("order is that of the numbers, not of the bytes in memory") {
  CHECK(Be16::FromHost(0x00ff) < Be16::FromHost(0x0100));
  CHECK(Be32::FromHost(0x000000ff) < Be32::FromHost(0x01000000));
  CHECK(Be16::FromHost(7) == Be16::FromHost(7));
}

TEST_CASE("a value that nobody set is zero") { CHECK(Be64().host() == 0); }

}  // namespace
}  // namespace sluice::base
