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

class FlowSimulator {
 public:
  // A packet: a hit, or a miss that `translate` answers with a mask. `budget` may be null.
  template <typename Translate>
  void Packet(const pipeline::Fields& packet, pipeline::MaskBudget* budget, Translate translate) {
    for (const auto& [mask, values] : flows_) {
      if (values.contains(pipeline::Masked(packet, mask))) return;
    }
    pipeline::Fields mask;
    translate(packet, &mask);
    if (budget != nullptr) budget->Fit(&mask);
    flows_[mask].insert(pipeline::Masked(packet, mask));
    ++size_;
  }
  size_t flows() const { return size_; }
  size_t masks() const { return flows_.size(); }

 private:
  using Values = absl::flat_hash_set<pipeline::Fields, FieldsHash>;
  absl::flat_hash_map<pipeline::Fields, Values, FieldsHash> flows_;
  size_t size_ = 0;
};

}  // namespace sluice::testing
