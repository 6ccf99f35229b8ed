// Inside of random_pipeline: values of fields, and matches, as text.
#pragma once

#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "agent/pipeline/field_table.h"
#include "tests/support/random_packet.h"

namespace sluice::testing {

// A packet as rules may meet it: registers and the like have values too.
Fields RandomTemplate(const RandomPacketOptions& options, Random* random);

// A row for which `fits`; registers, of which there are many, are as likely as a third of the rest.
// nullptr when there is none.
template <typename Fits>
const pipeline::FieldRow* RandomRow(Random* random, Fits fits) {
  std::vector<const pipeline::FieldRow*> registers, others;
  for (const pipeline::FieldRow& row : pipeline::FieldTable())
    if (fits(row)) (row.offset < sizeof(Fields::regs) ? registers : others).push_back(&row);
  const auto& from =
      others.empty() || (!registers.empty() && random->Percent(25)) ? registers : others;
  return from.empty() ? nullptr : from[random->Below(from.size())];
}

// One of the row's names.
std::string RandomName(const pipeline::FieldRow& row, Random* random);
// Some bits of a field, never none.
absl::uint128 RandomMask(const pipeline::FieldRow& row, Random* random);
// A match of `packet`, and of others: some of its fields with what they need.
std::string RandomMatch(const Fields& packet, Random* random);

}  // namespace sluice::testing
