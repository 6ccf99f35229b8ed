// Inside of random_pipeline: values of fields, and matches, as text.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "agent/pipeline/field_table.h"
#include "tests/support/random_packet.h"

namespace sluice::testing {

// A packet as rules may meet it: registers and the like have values too.
Fields RandomTemplate(const RandomPacketOptions& options, Random* random);

// A row for which `fits`; nullptr when there is none. Registers, and what else is known without the
// packet, have many rows, and come no more often for it.
template <typename Fits>
const pipeline::FieldRow* RandomRow(Random* random, Fits fits) {
  std::vector<const pipeline::FieldRow*> registers, beside, headers;
  for (const pipeline::FieldRow& row : pipeline::FieldTable()) {
    if (!fits(row)) continue;
    auto& rows = row.offset < sizeof(Fields::regs)        ? registers
                 : row.offset < offsetof(Fields, eth_src) ? beside
                                                          : headers;
    rows.push_back(&row);
  }
  const uint64_t kind = random->Below(100);
  auto* from = kind < 20 ? &registers : kind < 45 ? &beside : &headers;
  for (auto* other : {&headers, &registers, &beside})
    if (from->empty()) from = other;
  return from->empty() ? nullptr : (*from)[random->Below(from->size())];
}

// One of the row's names.
std::string RandomName(const pipeline::FieldRow& row, Random* random);
// Some bits of a field, never none.
absl::uint128 RandomMask(const pipeline::FieldRow& row, Random* random);
// A match of `packet`, and of others: some of its fields with what they need.
std::string RandomMatch(const Fields& packet, Random* random);

}  // namespace sluice::testing
