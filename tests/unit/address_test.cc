#include "netlink/base/address.h"

#include "tests/support/test.h"

namespace sluice::base {
namespace {

TEST_CASE("a MAC address is read from its text and written back in lower case") {
  struct Case {
    std::string_view text;
    std::string_view written;
  };
  const Case cases[] = {
      {"00:00:00:00:00:00", "00:00:00:00:00:00"}, {"0a:1b:2c:3d:4e:5f", "0a:1b:2c:3d:4e:5f"},
      {"0A:1B:2C:3D:4E:5F", "0a:1b:2c:3d:4e:5f"}, {"a:b:c:d:e:f", "0a:0b:0c:0d:0e:0f"},
      {"ff:ff:ff:ff:ff:ff", "ff:ff:ff:ff:ff:ff"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const std::optional<Mac> mac = ParseMac(c.text);
    REQUIRE(mac.has_value());
    CHECK(ToString(*mac) == c.written);
  }
}

TEST_CASE("what is not wholly a MAC address is refused") {
  for (std::string_view text :
       {"", ":", "0a", "0a:1b:2c:3d:4e", "0a:1b:2c:3d:4e:", "0a:1b:2c:3d:4e:5f:",
        "0a:1b:2c:3d:4e:5f:60", "0a-1b-2c-3d-4e-5f", "00a:1b:2c:3d:4e:5f", "0a:1b::3d:4e:5f",
        "0g:1b:2c:3d:4e:5f", " 0a:1b:2c:3d:4e:5f", "0a:1b:2c:3d:4e:5f ", "-a:1b:2c:3d:4e:5f"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseMac(text).has_value());
  }
}

TEST_CASE("the group bit tells multicast MAC addresses") {
  CHECK(ParseMac("ff:ff:ff:ff:ff:ff")->is_multicast());
  CHECK(ParseMac("01:00:5e:00:00:01")->is_multicast());
  CHECK(ParseMac("33:33:00:00:00:01")->is_multicast());
  CHECK_FALSE(ParseMac("02:00:00:00:00:01")->is_multicast());
  CHECK_FALSE(Mac{}.is_multicast());
}

TEST_CASE("only the MAC address of six zero bytes is zero") {
  CHECK(Mac{}.is_zero());
  CHECK_FALSE(ParseMac("00:00:00:00:00:01")->is_zero());
}

TEST_CASE("an IPv4 address is read from its text and written back") {
  for (std::string_view text : {"0.0.0.0", "10.0.0.1", "127.0.0.1", "255.255.255.255"}) {
    CAPTURE(text);
    const std::optional<Ipv4> ip = ParseIpv4(text);
    REQUIRE(ip.has_value());
    CHECK(ToString(*ip) == text);
  }
}

TEST_CASE("what is not wholly an IPv4 address is refused") {
  using namespace std::string_view_literals;
  for (std::string_view text : {""sv, "10"sv, "10.0.0"sv, "10.0.0.1."sv, "10.0.0.256"sv,
                                "10.0.0.1/24"sv, " 10.0.0.1"sv, "10.0.0.1\0"sv, "::1"sv}) {
    CAPTURE(text);
    CHECK_FALSE(ParseIpv4(text).has_value());
  }
}

TEST_CASE("an IPv6 address is written in its shortest form") {
  struct Case {
    std::string_view text;
    std::string_view written;
  };
  const Case cases[] = {
      {"::", "::"},
      {"::1", "::1"},
      {"2001:0db8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:DB8::A", "2001:db8::a"},
      {"fe80::1:0:0:1", "fe80::1:0:0:1"},
      {"::ffff:10.0.0.1", "::ffff:10.0.0.1"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const std::optional<Ipv6> ip = ParseIpv6(c.text);
    REQUIRE(ip.has_value());
    CHECK(ToString(*ip) == c.written);
  }
}

TEST_CASE("what is not wholly an IPv6 address is refused") {
  for (std::string_view text :
       {"", ":", ":::", "1::2::3", "2001:db8::/32", "fe80::1%eth0", "10.0.0.1", "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9", "g::", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseIpv6(text).has_value());
  }
}

}  // namespace
}  // namespace sluice::base
