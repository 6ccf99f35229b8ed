// What holds for every row of every table: nothing is lost between bytes, structs and text.
#include <nlohmann/json.hpp>

#include "netlink/attr/codec.h"
#include "netlink/attr/json.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/tables.h"
#include "tests/support/test.h"
#include "tests/unit/attr_random.h"

namespace sluice {
namespace {

using attr::MaskView;
using base::ByteVector;
using base::ByteView;
using testing::RandomAttributes;

// Each table as it stands: whatever it is nested in, its attributes are a set or a list.
bool IsListTable(const attr::Table* table) {
  return table == &ovs::kActionTable || table == &ovs::kBandsTable;
}

TEST_CASE("every row: bytes, text, bytes") {
  for (const attr::Table* table : ovs::AllTables()) {
    for (unsigned seed = 0; seed < 400; ++seed) {
      RandomAttributes random(seed);
      const bool list = IsListTable(table);
      const ByteVector bytes = list ? random.List(*table, 0) : random.Set(*table, 0);
      std::string text;
      ByteVector again;
      if (list) {
        attr::AppendList(*table, bytes, {}, &text);
        auto read = attr::ParseList(*table, text, {});
        INFO(std::string(read.status().message()));
        CAPTURE(table->name, text);
        REQUIRE(read.ok());
        again = *read;
      } else {
        attr::AppendSet(*table, bytes, {}, {}, &text);
        auto read = attr::ParseSet(*table, text, {});
        INFO(std::string(read.status().message()));
        CAPTURE(table->name, text);
        REQUIRE(read.ok());
        again = read->value;
      }
      CAPTURE(table->name, text, seed);
      REQUIRE(base::ToHex(again) == base::ToHex(bytes));
    }
  }
}

TEST_CASE("every row of a key: bytes and mask, verbose text, bytes and mask") {
  for (const attr::Table* table : {&ovs::kKeyTable, &ovs::kTunnelTable, &ovs::kNshTable}) {
    for (unsigned seed = 0; seed < 1000; ++seed) {
      RandomAttributes random(seed);
      ByteVector masks;
      const ByteVector bytes = random.Set(*table, 0, &masks);
      std::string text;
      attr::AppendSet(*table, bytes, MaskView::Of(masks), {.verbose = true}, &text);
      auto read = attr::ParseSet(*table, text, {});
      INFO(std::string(read.status().message()));
      CAPTURE(table->name, text, seed);
      REQUIRE(read.ok());
      std::string text_again;
      attr::AppendSet(*table, read->value, MaskView::Of(read->mask), {.verbose = true},
                      &text_again);
      REQUIRE(text_again == text);
      if (table != &ovs::kNshTable) continue;
      REQUIRE(base::ToHex(read->value) == base::ToHex(bytes));
    }
  }
}

TEST_CASE("terse text of a masked key matches what the mask selects") {
  for (unsigned seed = 0; seed < 1000; ++seed) {
    RandomAttributes random(seed);
    ByteVector masks;
    const ByteVector bytes = random.Set(ovs::kKeyTable, 0, &masks);
    std::string text, again;
    attr::AppendSet(ovs::kKeyTable, bytes, MaskView::Of(masks), {}, &text);
    auto read = attr::ParseSet(ovs::kKeyTable, text, {});
    INFO(std::string(read.status().message()));
    CAPTURE(text, seed);
    REQUIRE(read.ok());
    attr::AppendSet(ovs::kKeyTable, read->value, MaskView::Of(read->mask), {}, &again);
    REQUIRE(again == text);
  }
}

TEST_CASE("every row of a key: bytes, struct, bytes") {
  int decoded = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    RandomAttributes random(seed);
    const ByteVector bytes = random.Set(ovs::kKeyTable, 3);
    ovs::FlowKey key{}, key_again{};
    attr::Unknowns unknowns, unknowns_again;
    const attr::Fault fault = ovs::DecodeFlowKey(bytes, &key, &unknowns);
    if (fault.kind == attr::Fault::Kind::kTooDeep || fault.kind == attr::Fault::Kind::kRepeated)
      continue;
    ++decoded;
    INFO(std::string(attr::ToStatus(fault).message()));
    CAPTURE(seed);
    REQUIRE_FALSE(fault);
    ByteVector encoded;
    attr::Writer writer(&encoded);
    ovs::EncodeFlowKey(key, &unknowns, &writer);
    // Unknown attributes go behind known ones, so only the second pass must be the same bytes.
    REQUIRE(encoded.size() == bytes.size());
    REQUIRE_FALSE(ovs::DecodeFlowKey(encoded, &key_again, &unknowns_again));
    REQUIRE(std::memcmp(&key, &key_again, sizeof(key)) == 0);
    ByteVector twice;
    attr::Writer writer_again(&twice);
    ovs::EncodeFlowKey(key_again, &unknowns_again, &writer_again);
    REQUIRE(base::ToHex(twice) == base::ToHex(encoded));
  }
  CHECK(decoded > 800);
}

TEST_CASE("every row has JSON that can be written and read") {
  for (const attr::Table* table : ovs::AllTables())
    for (unsigned seed = 0; seed < 200; ++seed) {
      RandomAttributes random(seed);
      ByteVector masks;
      const ByteVector bytes =
          IsListTable(table) ? random.List(*table, 0) : random.Set(*table, 0, &masks);
      const attr::Json json = IsListTable(table)
                                  ? attr::ListToJson(*table, bytes, {})
                                  : attr::SetToJson(*table, bytes, MaskView::Of(masks), {});
      REQUIRE(attr::Json::parse(json.dump()) == json);
    }
}

// Attributes inside each other, `depth` times.
ByteVector Nested(uint16_t type, size_t depth) {
  ByteVector bytes;
  attr::Writer writer(&bytes);
  std::vector<size_t> starts;
  for (size_t i = 0; i < depth; ++i) starts.push_back(writer.BeginNested(type));
  for (; !starts.empty(); starts.pop_back()) writer.EndNested(starts.back());
  return bytes;
}

TEST_CASE("bytes and text that are nested without end are bounded") {
  for (uint16_t type : {uint16_t{OVS_ACTION_ATTR_CLONE}, uint16_t{OVS_ACTION_ATTR_SAMPLE}}) {
    const ByteVector bytes = Nested(type, 16000);
    std::string text;
    attr::AppendList(ovs::kActionTable, bytes, {}, &text);
    auto read = attr::ParseList(ovs::kActionTable, text, {});
    REQUIRE(read.ok());
    CHECK(*read == bytes);
    CHECK(attr::ListToJson(ovs::kActionTable, bytes, {}).dump().size() > 32000);
  }
  const ByteVector encaps = Nested(OVS_KEY_ATTR_ENCAP, 16000);
  std::string text;
  attr::AppendSet(ovs::kKeyTable, encaps, MaskView::Of(encaps), {}, &text);
  CHECK(attr::ParseSet(ovs::kKeyTable, text, {}).ok());
  CHECK_FALSE(attr::SetToJson(ovs::kKeyTable, encaps, {}, {}).dump().empty());
  ovs::FlowKey key{};
  CHECK(ovs::DecodeFlowKey(encaps, &key, nullptr).kind == attr::Fault::Kind::kTooDeep);

  std::string clones;
  for (int i = 0; i < 100000; ++i) clones += "clone(";
  CHECK(attr::ParseList(ovs::kActionTable, clones, {}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "encap(";
  CHECK_FALSE(attr::ParseSet(ovs::kKeyTable, deep, {}).ok());
}

}  // namespace
}  // namespace sluice
