// What the kernel's cache would hold after a trace: flows and masks, as a classifier makes them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "agent/pipeline/classifier/mask_budget.h"
#include "agent/pipeline/fields.h"

namespace sluice::testing {

struct FieldsHash {
  size_t operator()(const pipeline::Fields& fields) const {
    uint64_t hash = 0;
    for (size_t i = 0; i < pipeline::kFieldWords; ++i) {
      hash = (std::rotl(hash, 7) ^ pipeline::Word(fields, i)) * 0x9e3779b97f4a7c15u;
    }
    return hash ^ hash >> 32;
  }
};

inline pipeline::Fields EveryBit() {
  pipeline::Fields all;
  for (size_t i = 0; i < pipeline::kFieldWords; ++i) pipeline::SetWord(&all, i, ~uint64_t{0});
  return all;
}

class FlowSimulator {
 public:
  // A packet: a hit, or a miss that `translate` answers with a mask. `budget` may be null.
  template <typename Translate>
  void Packet(const pipeline::Fields& packet, pipeline::MaskBudget* budget, Translate translate) {
    for (const auto& [mask, flows] : flows_) {
      if (flows.values.contains(pipeline::Masked(packet, mask))) return;
    }
    pipeline::Fields mask;
    translate(packet, &mask);
    pipeline::MaskUse use;
    if (budget != nullptr) {
      use = budget->Fit(mask, [] { return EveryBit(); });
      pipeline::AddMask(*use, &mask);
    }
    Subtable& flows = flows_[mask];
    flows.values.insert(pipeline::Masked(packet, mask));
    flows.use = std::move(use);
    ++size_;
  }
  size_t flows() const { return size_; }
  size_t masks() const { return flows_.size(); }

 private:
  struct Subtable {
    absl::flat_hash_set<pipeline::Fields, FieldsHash> values;
    pipeline::MaskUse use;
  };
  absl::flat_hash_map<pipeline::Fields, Subtable, FieldsHash> flows_;
  size_t size_ = 0;
};

}  // namespace sluice::testing
