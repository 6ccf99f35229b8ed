#include "agent/pipeline/classifier/prefix_trie.h"

#include <algorithm>

namespace sluice::pipeline {

namespace {

template <size_t kWords>
TrieKey<kWords> Cut(TrieKey<kWords> key, unsigned length) {
  for (size_t i = 0; i < kWords; ++i) {
    const unsigned begin = static_cast<unsigned>(i) * 64;
    if (length <= begin) {
      key[i] = 0;
    } else if (length < begin + 64) {
      key[i] &= ~(~uint64_t{0} >> (length - begin));
    }
  }
  return key;
}

}  // namespace

template <size_t kWords>
typename PrefixTrie<kWords>::Node* PrefixTrie<kWords>::NewNode(const Key& key, unsigned depth) {
  ++nodes_;
  auto* node = new Node;
  node->prefix = Cut<kWords>(key, depth);
  node->depth = static_cast<uint16_t>(depth);
  return node;
}

template <size_t kWords>
void PrefixTrie<kWords>::Drop(Node* node) {
  --nodes_;
  versions_->Retire(node);
}

template <size_t kWords>
void PrefixTrie<kWords>::Free(Node* node) {
  if (node == nullptr) return;
  Free(Load(node->child[0]));
  Free(Load(node->child[1]));
  delete node;
}

template <size_t kWords>
void PrefixTrie<kWords>::Insert(const Key& key, unsigned length) {
  Node* node = &root_;
  while (true) {
    AddLength(length, node);
    if (node->depth == length) {
      node->rules.store(node->rules.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return;
    }
    std::atomic<Node*>& place = node->child[BitAt(key, node->depth)];
    Node* child = Load(place);
    const unsigned shared = child == nullptr ? 0 : std::min(Shared(key, child->prefix), length);
    if (child != nullptr && shared >= child->depth) {
      node = child;
      continue;
    }
    // A new node, whole before it is seen: at the end of the way, or between node and child.
    Node* fresh = NewNode(key, child == nullptr ? length : shared);
    if (child != nullptr) {
      SetLengths(LengthsOf(*child), fresh);
      fresh->child[BitAt(child->prefix, fresh->depth)].store(child, std::memory_order_relaxed);
    }
    AddLength(length, fresh);
    if (fresh->depth == length) {
      fresh->rules.store(1, std::memory_order_relaxed);
    } else {
      Node* leaf = NewNode(key, length);
      AddLength(length, leaf);
      leaf->rules.store(1, std::memory_order_relaxed);
      fresh->child[BitAt(key, fresh->depth)].store(leaf, std::memory_order_relaxed);
    }
    place.store(fresh, std::memory_order_release);
    return;
  }
}

template <size_t kWords>
void PrefixTrie<kWords>::Recount(Node* node) {
  Lengths lengths;
  if (node->rules.load(std::memory_order_relaxed) != 0) lengths.Add(node->depth);
  for (const auto& place : node->child) {
    const Node* child = Load(place);
    if (child == nullptr) continue;
    for (size_t i = 0; i < kWords; ++i) lengths.words[i] |= LengthsOf(*child).words[i];
  }
  SetLengths(lengths, node);
}

template <size_t kWords>
void PrefixTrie<kWords>::Remove(const Key& key, unsigned length) {
  std::array<Node*, kWords * 64 + 1> way;
  size_t steps = 0;
  Node* node = &root_;
  while (node->depth != length) {
    way[steps++] = node;
    node = Load(node->child[BitAt(key, node->depth)]);
  }
  const uint32_t rules = node->rules.load(std::memory_order_relaxed) - 1;
  node->rules.store(rules, std::memory_order_relaxed);
  if (rules != 0) return;
  Recount(node);
  while (steps > 0) {
    Node* parent = way[--steps];
    Node* left = Load(node->child[0]);
    Node* right = Load(node->child[1]);
    if (node->rules.load(std::memory_order_relaxed) == 0 && (left == nullptr || right == nullptr)) {
      // Children know their whole prefix, so they fit in the place of their parent as they are.
      parent->child[BitAt(node->prefix, parent->depth)].store(left != nullptr ? left : right,
                                                              std::memory_order_release);
      Drop(node);
    }
    Recount(parent);
    node = parent;
  }
}

template class PrefixTrie<1>;
template class PrefixTrie<2>;

}  // namespace sluice::pipeline
