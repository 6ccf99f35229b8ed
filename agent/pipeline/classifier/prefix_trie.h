// Which prefixes of one field the rules of a table have: a path-compressed binary trie.
//
// A walk along a packet's value says which lengths have a prefix that the value falls under, and
// for every other length how few leading bits of the value prove that it falls under none. Each
// node knows which lengths are at or below it: a length is disproved where it vanishes from the
// way.
//
// One writer (the holder of the pipeline's Update), any number of readers under a Snapshot, without
// locks. A reader may see prefixes of rules that are not visible in its version: it then proves
// more than it must, never less.
//
//   PrefixTrie<1> trie(&versions, 32);
//   trie.Insert({{0x0a000000ull << 32}}, 8);                 // values are left-aligned
//   PrefixTrie<1>::Walk walk;
//   trie.Lookup({{0x0a010203ull << 32}}, &walk);
//   walk.matched.Has(8);                                      // true
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "agent/pipeline/versions.h"

namespace sluice::pipeline {

// A value of at most 64 * kWords bits, its first bit the most significant of word 0.
template <size_t kWords>
using TrieKey = std::array<uint64_t, kWords>;

// A set of prefix lengths from 1 to 64 * kWords.
template <size_t kWords>
struct LengthSet {
  std::array<uint64_t, kWords> words{};

  bool Has(unsigned length) const { return (words[Index(length)] >> Bit(length) & 1) != 0; }
  void Add(unsigned length) { words[Index(length)] |= uint64_t{1} << Bit(length); }
  bool empty() const {
    uint64_t any = 0;
    for (uint64_t word : words) any |= word;
    return any == 0;
  }
  // Calls fn(length) for each, upwards.
  template <typename Fn>
  void ForEach(Fn fn) const {
    for (size_t i = 0; i < kWords; ++i) {
      for (uint64_t word = words[i]; word != 0; word &= word - 1) {
        fn(static_cast<unsigned>(i * 64 + static_cast<unsigned>(std::countr_zero(word)) + 1));
      }
    }
  }
  static size_t Index(unsigned length) { return kWords == 1 ? 0 : (length - 1) / 64; }
  static unsigned Bit(unsigned length) { return (length - 1) % 64; }
};

template <size_t kWords>
class PrefixTrie {
 public:
  using Key = TrieKey<kWords>;
  using Lengths = LengthSet<kWords>;

  // `lengths` have no prefix that the value falls under; its first `depth` bits prove it.
  struct Step {
    unsigned depth;
    std::array<uint64_t, kWords> lengths;  // a Lengths without its initialiser: it is not free
  };
  struct Walk {
    Lengths matched;
    size_t size;                              // of steps
    std::array<Step, kWords * 64 + 1> steps;  // by depth, upwards; not initialised
  };

  // Values have `width` bits.
  PrefixTrie(Versions* versions, unsigned width) : versions_(versions), width_(width) {}
  ~PrefixTrie() { Free(root_.child[0].load()), Free(root_.child[1].load()); }
  PrefixTrie(const PrefixTrie&) = delete;
  PrefixTrie& operator=(const PrefixTrie&) = delete;

  void Lookup(const Key& key, Walk* walk) const;
  // One more rule with the first `length` (1 to width) bits of `key`. Bits behind these are zero.
  void Insert(const Key& key, unsigned length);
  // One rule less. It must have been inserted.
  void Remove(const Key& key, unsigned length);

  bool empty() const { return Load(root_.child[0]) == nullptr && Load(root_.child[1]) == nullptr; }
  size_t bytes() const { return nodes_ * sizeof(Node); }

 private:
  struct Node {
    Key prefix{};
    std::array<std::atomic<uint64_t>, kWords> lengths{};  // at and below this node
    std::array<std::atomic<Node*>, 2> child{};
    uint16_t depth = 0;              // bits of `prefix`
    std::atomic<uint32_t> rules{0};  // whose prefix is this one
  };

  static Node* Load(const std::atomic<Node*>& node) { return node.load(std::memory_order_acquire); }
  static Lengths LengthsOf(const Node& node) {
    Lengths lengths;
    for (size_t i = 0; i < kWords; ++i) {
      lengths.words[i] = node.lengths[i].load(std::memory_order_relaxed);
    }
    return lengths;
  }
  static void SetLengths(const Lengths& lengths, Node* node) {
    for (size_t i = 0; i < kWords; ++i) {
      node->lengths[i].store(lengths.words[i], std::memory_order_relaxed);
    }
  }
  static void AddLength(unsigned length, Node* node) {
    const size_t i = Lengths::Index(length);
    node->lengths[i].store(
        node->lengths[i].load(std::memory_order_relaxed) | uint64_t{1} << Lengths::Bit(length),
        std::memory_order_relaxed);
  }
  static unsigned BitAt(const Key& key, unsigned i) { return key[i / 64] >> (63 - i % 64) & 1; }
  // How many leading bits `a` and `b` share.
  static unsigned Shared(const Key& a, const Key& b) {
    unsigned shared = 0;
    for (size_t i = 0; i < kWords; ++i) {
      const auto zeros = static_cast<unsigned>(std::countl_zero(a[i] ^ b[i]));
      shared += zeros;
      if (zeros != 64) break;
    }
    return shared;
  }
  static void AddStep(unsigned depth, const Lengths& lengths, Walk* walk);
  static void Recount(Node* node);
  Node* NewNode(const Key& key, unsigned depth);
  void Drop(Node* node);
  static void Free(Node* node);

  Versions* versions_;
  unsigned width_;
  size_t nodes_ = 0;
  Node root_;
};

template <size_t kWords>
inline void PrefixTrie<kWords>::AddStep(unsigned depth, const Lengths& lengths, Walk* walk) {
  Lengths fresh = lengths;
  for (size_t i = 0; i < kWords; ++i) fresh.words[i] &= ~walk->matched.words[i];
  if (!fresh.empty()) walk->steps[walk->size++] = {depth, fresh.words};
}

template <size_t kWords>
inline void PrefixTrie<kWords>::Lookup(const Key& key, Walk* walk) const {
  walk->matched = {};
  walk->size = 0;
  const Node* node = &root_;
  Lengths left = LengthsOf(root_);
  while (!left.empty()) {
    const Node* child =
        node->depth >= width_ ? nullptr : Load(node->child[BitAt(key, node->depth)]);
    if (child == nullptr) {
      // At the full width nothing is left to look at; a length that is still there is stale.
      const unsigned depth = node->depth + 1u;
      AddStep(depth < width_ ? depth : width_, left, walk);
      return;
    }
    const Lengths below = LengthsOf(*child);
    Lengths gone;
    for (size_t i = 0; i < kWords; ++i) {
      gone.words[i] = left.words[i] & ~below.words[i];
      left.words[i] &= below.words[i];
    }
    AddStep(node->depth + 1u, gone, walk);
    const unsigned shared = Shared(key, child->prefix);
    if (shared < child->depth) {
      AddStep(shared + 1, left, walk);
      return;
    }
    if (child->rules.load(std::memory_order_relaxed) != 0) walk->matched.Add(child->depth);
    node = child;
  }
}

extern template class PrefixTrie<1>;
extern template class PrefixTrie<2>;

}  // namespace sluice::pipeline
