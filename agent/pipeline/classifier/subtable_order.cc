#include "agent/pipeline/classifier/subtable_order.h"

namespace sluice::pipeline {

SubtableOrder::SubtableOrder(std::span<Subtable* const> subtables)
    : subtables_(subtables.begin(), subtables.end()) {
  std::array<std::array<bool, 129>, kDimensions> asked{};
  max_priorities_.reserve(size());
  for (const Subtable* subtable : subtables_) {
    max_priorities_.push_back(subtable->max_priority());
    for (size_t d = 0; d < kDimensions; ++d) asked[d][subtable->length(d)] = true;
  }
  size_t next = kFirstStage + 1;
  for (size_t d = 0; d < kDimensions; ++d) {
    columns_[d].fill(kNoColumn);
    for (unsigned length = 1; length <= kDimensionTable[d].width; ++length) {
      if (!asked[d][length]) continue;
      if (lengths_[d].empty()) columns_[d][0] = static_cast<Column>(next++);
      columns_[d][length] = static_cast<Column>(next++);
      lengths_[d].push_back(static_cast<uint8_t>(length));
    }
    if (!lengths_[d].empty()) used_ = static_cast<DimensionSet>(used_ | 1 << d);
  }
  width_ = next;
  bits_.resize(blocks() * width_);
  for (size_t i = 0; i < size(); ++i) {
    const uint64_t bit = uint64_t{1} << i % kBlock;
    uint64_t* block = &bits_[i / kBlock * width_];
    if (subtables_[i]->has_first_stage()) block[kFirstStage] |= bit;
    for (size_t d = 0; d < kDimensions; ++d) {
      const unsigned length = subtables_[i]->length(d);
      if (length == 0) continue;
      block[columns_[d][0]] |= bit;
      block[columns_[d][length]] |= bit;
    }
  }
}

}  // namespace sluice::pipeline
