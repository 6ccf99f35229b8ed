#include "netlink/ovs/psample.h"

#include <algorithm>

#include "dpctl/sample_text.h"
#include "kmod-compat/uapi/psample.h"
#include "netlink/attr/wire.h"
#include "tests/support/test.h"

namespace sluice::ovs {
namespace {

// The payload of a message of the family: genlmsghdr and attributes.
base::ByteVector Payload(uint8_t command, const base::ByteVector& attributes) {
  base::ByteVector payload(sizeof(genlmsghdr) + attributes.size());
  base::Store(payload.data(), genlmsghdr{.cmd = command, .version = 1, .reserved = 0});
  std::copy(attributes.begin(), attributes.end(), payload.begin() + sizeof(genlmsghdr));
  return payload;
}

absl::StatusOr<Sample> Parse(const base::ByteVector& payload) {
  socket::Message message;
  message.type = 40;
  message.payload = payload;
  return ParseSample(message);
}

constexpr uint8_t kCookie[] = {0, 0, 0, 7, 0, 0, 1, 0};
constexpr uint8_t kPacket[] = {0xde, 0xad};

base::ByteVector Full() {
  base::ByteVector attributes;
  attr::Writer writer(&attributes);
  writer.Put(PSAMPLE_ATTR_IIFINDEX, uint16_t{3});
  writer.Put(PSAMPLE_ATTR_SAMPLE_RATE, UINT32_MAX);
  writer.Put(PSAMPLE_ATTR_ORIGSIZE, uint32_t{98});
  writer.Put(PSAMPLE_ATTR_SAMPLE_GROUP, uint32_t{2});
  writer.Put(PSAMPLE_ATTR_GROUP_SEQ, uint32_t{9});
  writer.Put(PSAMPLE_ATTR_TIMESTAMP, uint64_t{1'500'000'000});
  writer.Put(PSAMPLE_ATTR_PROTO, uint16_t{0x0800});
  writer.Put(PSAMPLE_ATTR_DATA, base::ByteView(kPacket));
  writer.Put(uapi::PSAMPLE_ATTR_USER_COOKIE, base::ByteView(kCookie));
  writer.PutFlag(uapi::PSAMPLE_ATTR_SAMPLE_PROBABILITY);
  writer.Put(uint16_t{55}, uint32_t{1});  // of a newer kernel
  return attributes;
}

}  // namespace

TEST_CASE("a sample with all that an openvswitch action gives, and more") {
  const base::ByteVector payload = Payload(PSAMPLE_CMD_SAMPLE, Full());
  const auto sample = Parse(payload);
  REQUIRE_OK(sample);
  CHECK(sample->group == 2);
  CHECK(sample->sequence == 9);
  CHECK(sample->rate == UINT32_MAX);
  CHECK(sample->probability);
  CHECK(sample->in_ifindex == 3);
  CHECK_FALSE(sample->out_ifindex.has_value());
  CHECK(sample->length == 98);
  CHECK(sample->protocol == 0x0800);
  CHECK(base::ToHex(sample->packet) == "dead");
  const auto point = ObservationPointOf(sample->cookie);
  REQUIRE(point.has_value());
  CHECK(point->domain_id == 7);
  CHECK(point->point_id == 256);
}

TEST_CASE("what is no sample, and what is malformed") {
  CHECK(absl::IsNotFound(Parse(Payload(PSAMPLE_CMD_NEW_GROUP, {})).status()));
  CHECK(absl::IsDataLoss(Parse({0, 1}).status()));
  CHECK(absl::IsDataLoss(Parse(Payload(PSAMPLE_CMD_SAMPLE, {1, 0, 0})).status()));
  base::ByteVector short_group;
  attr::Writer(&short_group).Put(PSAMPLE_ATTR_SAMPLE_GROUP, uint8_t{1});
  CHECK(absl::IsDataLoss(Parse(Payload(PSAMPLE_CMD_SAMPLE, short_group)).status()));
}

TEST_CASE("samples as text and JSON") {
  const base::ByteVector payload = Payload(PSAMPLE_CMD_SAMPLE, Full());
  const auto sample = Parse(payload);
  REQUIRE_OK(sample);
  const dpctl::SampleReport report{
      .sample = *sample, .time_ns = 1'500'000'000, .lost = 4, .in = "veth0", .out = ""};
  std::string text;
  dpctl::AppendSample(report, true, &text);
  CHECK(text.find("lost 4 samples of this group\n") == 0);
  CHECK(text.find(" group:2 seq:9 probability:100.0% "
                  "cookie:0000000700000100(obs_domain_id=7,obs_point_id=256) in:veth0 "
                  "proto:0x0800 length:98 captured:2 packet:dead\n") != std::string::npos);
  const dpctl::Json json = dpctl::SampleToJson(report);
  CHECK(json["time"] == 1.5);
  CHECK(json["probability"] == 1.0);
  CHECK(json["observation"]["point_id"] == 256);
  CHECK(json["out"].is_null());
}

TEST_CASE("gaps in the numbers of a group are samples that were lost") {
  dpctl::SampleGaps gaps;
  const auto take = [&gaps](uint32_t group, uint32_t sequence) {
    Sample sample;
    sample.group = group;
    sample.sequence = sequence;
    return gaps.Take(sample);
  };
  CHECK(take(1, 5) == 0);
  CHECK(take(1, 6) == 0);
  CHECK(take(2, 100) == 0);
  CHECK(take(1, 10) == 3);
  CHECK(take(1, 0) == 0);  // the group was made anew
  CHECK(take(1, 1) == 0);
}

}  // namespace sluice::ovs
