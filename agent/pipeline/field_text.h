// Values and masks of fields as text, both ways, by the format of the field's row.
//
// All functions are pure and allocate only for what they append. Views of errors point into the
// text that was handed in.
#pragma once

#include <string>
#include <string_view>

#include "absl/numeric/int128.h"
#include "agent/pipeline/field_table.h"
#include "agent/pipeline/ports.h"

namespace sluice::pipeline {

struct FieldBits {
  absl::uint128 value = 0;
  absl::uint128 mask = 0;  // value has no bit that mask lacks
};

// VALUE or VALUE/MASK of a field; any mask, also where rules may not have one.
bool ParseFieldBits(const FieldRow& row, std::string_view text, const PortNames* ports,
                    FieldBits* bits, Blame* blame);
// A mask of zeros is written too. A kVlanId with the value 0xffff has no text of its own here.
void AppendFieldBits(const FieldRow& row, const FieldBits& bits, const PortNames* ports,
                     std::string* out);

// `FIELD`, `FIELD[]`, `FIELD[3]`, `FIELD[0..15]`.
bool ParseSubfield(std::string_view text, Subfield* subfield, Blame* blame);
// A whole field is `FIELD[]`.
void AppendSubfield(const Subfield& subfield, std::string* out);
// FindField() with a blame: "unknown field X, did you mean Y?".
const FieldRow* FindFieldOrBlame(std::string_view name, Blame* blame);

// 0x1f; up to 128 bits.
void AppendHexNumber(absl::uint128 value, std::string* out);
bool ParseWideNumber(std::string_view text, absl::uint128* out);

}  // namespace sluice::pipeline
