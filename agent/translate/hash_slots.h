// Which bucket of a group of type select takes a packet, by the hash that the datapath worked out.
//
// The hash's lowest bits are the number of a slot; each bucket has as many slots as its weight asks
// for, to one in 256. So there is one megaflow for each slot that sees packets, and no more.
//
//   const uint32_t slot = hash & (SlotsOf(group) - 1);
//   const std::optional<size_t> bucket = BucketOfSlot(group, slot, lives);
#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "agent/pipeline/group.h"

namespace sluice::translate {

// A power of two: as few as do justice to the weights, from 16 to 256.
uint32_t SlotsOf(const pipeline::Group& group);

// An index of group.buckets; nothing when none with a weight lives. A bucket that comes or goes
// moves no slot between the others.
std::optional<size_t> BucketOfSlot(const pipeline::Group& group, uint32_t slot,
                                   absl::FunctionRef<bool(const pipeline::Bucket&)> lives);

// Of the buckets that live, the one that wins a race whose handicaps are the weights and whose luck
// is the hash: a bucket that comes or goes moves nothing between the others.
std::optional<size_t> RaceOfBuckets(const pipeline::Group& group, uint64_t hash,
                                    absl::FunctionRef<bool(const pipeline::Bucket&)> lives);

// Evenly spread, and the same on every machine and in every run.
uint64_t Mix(uint64_t h);

}  // namespace sluice::translate
