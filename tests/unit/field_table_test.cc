#include "agent/pipeline/field_table.h"

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "agent/pipeline/field_text.h"
#include "tests/support/test.h"

namespace sluice::pipeline {
namespace {

TEST_CASE(
    "field table: docs/reference/fields.md is what it says (build the target `fields-page`)") {
  std::ifstream file(SLUICE_GOLDEN_DIR "/../../docs/reference/fields.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  CHECK(page == FieldReferencePage());
}

TEST_CASE("field table: every name and alias leads to its own row") {
  std::set<std::string_view> seen;
  for (const FieldRow& row : FieldTable()) {
    INFO(row.name);
    CHECK(FindField(row.name) == &row);
    CHECK(&FieldAt(IndexOf(row)) == &row);
    CHECK(seen.insert(row.name).second);
    for (const std::string_view alias : row.aliases) {
      if (alias.empty()) continue;
      CHECK(FindField(alias) == &row);
      CHECK(seen.insert(alias).second);
    }
    CHECK(FindShorthand(row.name) == nullptr);
    CHECK_FALSE(row.doc.empty());
  }
  CHECK(FindField("") == nullptr);
  CHECK(FindField("nope") == nullptr);
}

TEST_CASE("field table: rows lie inside Fields, and in the bytes that they name") {
  for (const FieldRow& row : FieldTable()) {
    INFO(row.name);
    CHECK(row.bits > 0);
    CHECK(row.offset + row.bytes <= sizeof(Fields));
    CHECK(row.shift + row.bits <= 8 * row.bytes);
  }
}

TEST_CASE("field table: a value goes in and comes out, and touches nothing else") {
  for (const FieldRow& row : FieldTable()) {
    INFO(row.name);
    Fields zeros, ones;
    for (size_t i = 0; i < kFieldWords; ++i) SetWord(&ones, i, ~uint64_t{0});
    Fields fields = zeros;
    SetField(row, FullMask(row), &fields);
    CHECK(GetField(fields, row) == FullMask(row));
    SetField(row, 0, &fields);
    CHECK(fields == zeros);
    fields = ones;
    SetField(row, 1, &fields);
    CHECK(GetField(fields, row) == 1);
    SetField(row, absl::Uint128Max(), &fields);
    CHECK(fields == ones);
  }
}

TEST_CASE("field table: registers overlap as pairs and quads, the first the highest") {
  Fields fields;
  SetField(*FindField("reg4"), 0x44444444, &fields);
  SetField(*FindField("reg7"), 0x77777777, &fields);
  CHECK(GetField(fields, *FindField("xreg2")) == absl::uint128(0x4444444400000000));
  CHECK(GetField(fields, *FindField("xxreg1")) ==
        absl::MakeUint128(0x4444444400000000, 0x0000000077777777));
}

TEST_CASE("subfields: bits of a field, read, written and as text") {
  struct Case {
    std::string_view in, out;
    int first, bits;
  };
  const Case cases[] = {
      {"reg0", "reg0[]", 0, 32},
      {"NXM_NX_REG0[]", "reg0[]", 0, 32},
      {"reg0[3]", "reg0[3]", 3, 1},
      {"reg0[0..15]", "reg0[0..15]", 0, 16},
      {"xxreg0[64..127]", "xxreg0[64..127]", 64, 64},
      {"NXM_OF_IN_PORT[]", "in_port[]", 0, 16},
      {"OXM_OF_VLAN_VID[]", "vlan_vid[]", 0, 12},
      {"eth_src[0..31]", "dl_src[0..31]", 0, 32},
  };
  for (const Case& c : cases) {
    INFO(c.in);
    Subfield subfield;
    Blame blame;
    REQUIRE(ParseSubfield(c.in, &subfield, &blame));
    CHECK(subfield.first == c.first);
    CHECK(subfield.bits == c.bits);
    std::string text;
    AppendSubfield(subfield, &text);
    CHECK(text == c.out);
    Fields fields;
    SetBits(subfield, absl::Uint128Max(), &fields);
    CHECK(GetBits(fields, subfield) == LowBits(subfield.bits));
    CHECK(GetField(fields, subfield.row()) == LowBits(subfield.bits) << subfield.first);
  }
}

TEST_CASE("subfields: what is wrong") {
  struct Case {
    std::string_view in, message;
  };
  const Case cases[] = {
      {"reg0[32]", "reg0 has bits 0 to 31"},
      {"reg0[0..32]", "reg0 has bits 0 to 31"},
      {"reg0[5..4]", "expected [], [BIT] or [FIRST..LAST]"},
      {"reg0[", "expected [], [BIT] or [FIRST..LAST]"},
      {"reg0[x]", "expected [], [BIT] or [FIRST..LAST]"},
      {"reg0[1..]", "expected [], [BIT] or [FIRST..LAST]"},
      {"rge0[]", "unknown field rge0"},
      {"", "unknown field "},
  };
  for (const Case& c : cases) {
    INFO(c.in);
    Subfield subfield;
    Blame blame;
    CHECK_FALSE(ParseSubfield(c.in, &subfield, &blame));
    CHECK(blame.what.substr(0, c.message.size()) == c.message);
  }
}

}  // namespace
}  // namespace sluice::pipeline
