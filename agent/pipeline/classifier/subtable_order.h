// The subtables of a table in the order in which a lookup visits them: by the highest priority of
// their rules, downwards; with, for each dimension and prefix length, the set of subtables that ask
// for it, as bits.
//
// Immutable: a change makes a new one. So that a change does not cost more the more subtables there
// are, a table has two, SubtableView: a base, and a small front of subtables that are new or have a
// higher priority than the base knows. These may be in both; what the base says of them is not
// wrong, only not all.
//
// Subtables are not owned.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/pipeline/classifier/dimension.h"
#include "agent/pipeline/classifier/subtable.h"

namespace sluice::pipeline {

class SubtableOrder {
 public:
  static constexpr size_t kBlock = 64;  // subtables, one a bit
  // A set of subtables, a word of it in each block.
  using Column = uint16_t;
  static constexpr Column kNoColumn = 0xffff;

  // `subtables` in order.
  explicit SubtableOrder(std::span<Subtable* const> subtables);

  size_t size() const { return subtables_.size(); }
  size_t blocks() const { return (size() + kBlock - 1) / kBlock; }
  const Subtable& operator[](size_t i) const { return *subtables_[i]; }
  int32_t max_priority(size_t i) const { return max_priorities_[i]; }
  // How many subtables may have rules above `priority`; they come first.
  size_t CountAbove(int32_t priority) const {
    return static_cast<size_t>(std::lower_bound(max_priorities_.begin(), max_priorities_.end(),
                                                priority, std::greater<>()) -
                               max_priorities_.begin());
  }
  std::span<Subtable* const> subtables() const { return subtables_; }

  // Dimensions in which any subtable asks for something.
  DimensionSet used() const { return used_; }
  // The lengths that are asked for, upwards.
  std::span<const uint8_t> lengths(size_t dimension) const { return lengths_[dimension]; }
  // Subtables that ask for that length; kNoColumn when there are none.
  Column ColumnOf(size_t dimension, unsigned length) const { return columns_[dimension][length]; }
  // Subtables that ask for anything in it. Only of a dimension that is used.
  Column UsersOf(size_t dimension) const { return columns_[dimension][0]; }
  // Subtables that have part of their mask in stage 0, and part behind it.
  static constexpr Column kFirstStage = 0;

  uint64_t Bits(size_t block, Column column) const { return bits_[block * width_ + column]; }
  // The subtables of the block.
  uint64_t All(size_t block) const {
    const size_t left = size() - block * kBlock;
    return left >= kBlock ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
  }

 private:
  std::vector<Subtable*> subtables_;
  std::vector<int32_t> max_priorities_;
  DimensionSet used_ = 0;
  size_t width_ = 1;  // columns
  std::array<std::vector<uint8_t>, kDimensions> lengths_;
  std::array<std::array<Column, 129>, kDimensions> columns_;
  std::vector<uint64_t> bits_;
};

struct SubtableView {
  const SubtableOrder* base;  // not owned
  SubtableOrder front;
  std::vector<Subtable*> fresh;  // those of the front that are not in the base

  // Calls fn(subtable) for each, once, until it returns false.
  template <typename Fn>
  void ForEach(Fn fn) const {
    for (Subtable* subtable : base->subtables()) {
      if (!fn(*subtable)) return;
    }
    for (Subtable* subtable : fresh) {
      if (!fn(*subtable)) return;
    }
  }
};

}  // namespace sluice::pipeline
