#include "agent/pipeline/fields.h"

#include "tests/support/test.h"

namespace sluice::pipeline {
namespace {

Fields Tcp(uint16_t port) {
  Fields fields;
  fields.eth_type = Be16::FromHost(0x0800);
  fields.nw_proto = 6;
  fields.tp_dst = Be16::FromHost(port);
  return fields;
}

TEST_CASE("fields: packets agree in the bits of a mask, and only there") {
  Fields mask;
  CHECK(MatchesUnder(Tcp(80), Tcp(81), mask));
  mask.tp_dst = Be16::FromHost(0xfffe);
  CHECK(MatchesUnder(Tcp(80), Tcp(81), mask));
  CHECK_FALSE(MatchesUnder(Tcp(80), Tcp(82), mask));
  CHECK(Masked(Tcp(81), mask).tp_dst.host() == 80);
  CHECK(Masked(Tcp(81), mask).nw_proto == 0);
}

TEST_CASE("fields: a mask grows, and the smaller is within the greater") {
  Fields narrow, wide;
  narrow.nw_dst = {{255, 0, 0, 0}};
  wide.nw_dst = {{255, 255, 0, 0}};
  CHECK(IsWithin(narrow, wide));
  CHECK_FALSE(IsWithin(wide, narrow));
  AddMask(wide, &narrow);
  CHECK(narrow == wide);
}

TEST_CASE("fields: a word is where FieldWord() says, and stages follow one another") {
  Fields fields;
  SetWord(&fields, FieldWord(offsetof(Fields, metadata)), ~uint64_t{0});
  CHECK(fields.metadata.host() == ~uint64_t{0});
  CHECK(Word(fields, FieldWord(offsetof(Fields, metadata))) == ~uint64_t{0});
  size_t start = 0;
  for (const size_t end : kStageEnds) {
    CHECK(end > start);
    start = end;
  }
  CHECK(start == kFieldWords);
}

}  // namespace
}  // namespace sluice::pipeline
