#include "netlink/ovs/meter_text.h"

#include <vector>

#include "netlink/attr/scanner.h"
#include "tests/support/test.h"

namespace sluice::ovs {
namespace {

TEST_CASE("a meter is read in the way of ovs-ofctl") {
  struct Case {
    const char* text;
    uint32_t id;
    bool kbps;
    std::vector<MeterBand> bands;
  };
  const Case cases[] = {
      {"meter=3,kbps,burst,stats,bands=type=drop,rate=1000,burst_size=100",
       3,
       true,
       {{.rate = 1000, .burst = 100}}},
      {"meter=3 kbps burst stats bands= type=drop rate=1000 burst_size=100",
       3,
       true,
       {{.rate = 1000, .burst = 100}}},
      {"pktps,meter=0x10,bands=type=drop,rate=7", 16, false, {{.rate = 7, .burst = 7}}},
      {"meter=1,pktps,bands=type=drop,rate=7,burst_size=0", 1, false, {{.rate = 7, .burst = 0}}},
      {"meter=1,pktps,bands=type=drop,burst_size=2,rate=1,type=drop,rate=3",
       1,
       false,
       {{.rate = 1, .burst = 2}, {.rate = 3, .burst = 3}}},
      {"meter=4294967295,kbps", 4294967295, true, {}},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const auto meter = ParseMeterText(c.text);
    REQUIRE_OK(meter);
    CHECK(meter->id == c.id);
    CHECK(meter->kbps == c.kbps);
    CHECK(meter->bands == c.bands);
    CHECK_FALSE(meter->stats.has_value());
  }
}

TEST_CASE("an error in a meter is shown at its place") {
  struct Case {
    const char* text;
    size_t offset;
  };
  const Case cases[] = {
      {"", 0},
      {"meter=1", 7},
      {"kbps", 4},
      {"meter=1,kbps,pktps", 13},
      {"meter=1,meter=2,kbps", 8},
      {"meter=4294967296,kbps", 6},
      {"meter=1,mbps", 8},
      {"meter=1,kbps,rate=5", 13},
      {"meter=1,kbps,bands=rate=5", 19},
      {"meter=1,kbps,bands=type=dscp_remark,rate=5", 24},
      {"meter=1,kbps,bands=type=drop", 19},
      {"meter=1,kbps,bands=type=drop,rate=0", 34},
      {"meter=1,kbps,bands=type=drop,rate=1,rate=2", 36},
      {"meter=1,kbps,burst,bands=type=drop,rate=1", 25},
      {"meter=1,kbps,bands=type=drop,rate=1;", 35},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const auto meter = ParseMeterText(c.text);
    REQUIRE_FALSE(meter.ok());
    INFO(meter.status().message());
    CHECK(attr::TextErrorOffset(meter.status()) == c.offset);
  }
}

TEST_CASE("numbers of meters are one or a range") {
  const auto again = ParseMeterText("meter=3 kbps bands=type=drop rate=9 burst_size=2");
  REQUIRE_OK(again);
  CHECK(ToText(*again) == "meter=3 kbps burst stats bands=type=drop rate=9 burst_size=2");
  CHECK(*ParseMeterText(ToText(*again)) == *again);
  CHECK(ToText(*ParseMeterText("meter=1,pktps")) == "meter=1 pktps stats");
  const auto one = ParseMeterIds("meter=3");
  REQUIRE_OK(one);
  CHECK((one->first == 3 && one->last == 3));
  const auto range = ParseMeterIds("7-4294967295");
  REQUIRE_OK(range);
  CHECK((range->first == 7 && range->last == 4294967295));
  for (const char* text : {"", "meter", "meter=", "meter=x", "7-6", "7-", "7,8", "-1"}) {
    INFO(text);
    CHECK_FALSE(ParseMeterIds(text).ok());
  }
}

}  // namespace
}  // namespace sluice::ovs
