#include "agent/translate/frozen_state.h"

namespace sluice::translate {
namespace {

using pipeline::Fields;

// Of a state: what the kernel's key does not bring back.
constexpr size_t kWords = pipeline::FieldWord(offsetof(Fields, eth_src));

template <typename T>
void Put(const T& value, base::ByteVector* out) {
  const base::ByteView bytes = base::AsBytes(value);
  out->insert(out->end(), bytes.begin(), bytes.end());
}

// Words that are not zero, each behind its place; and one past the last place.
void PutFields(const Fields& fields, base::ByteVector* out) {
  for (size_t i = 0; i < kWords; ++i) {
    const uint64_t word = pipeline::Word(fields, i);
    if (word == 0) continue;
    out->push_back(static_cast<uint8_t>(i));
    Put(word, out);
  }
  out->push_back(kWords);
}

void PutActions(const pipeline::ActionList& list, base::ByteVector* out) {
  Put(static_cast<uint32_t>(list.words()), out);
  if (list.empty()) return;
  const pipeline::ActionSpan actions = list.span();
  const auto* first = reinterpret_cast<const uint8_t*>((*actions.begin()).record());
  out->insert(out->end(), first, first + actions.words() * sizeof(uint64_t));
}

// Nothing is one byte.
template <typename T>
void PutOptional(const std::optional<T>& value, base::ByteVector* out) {
  out->push_back(value ? 1 : 0);
  if (value) Put(*value, out);
}

}  // namespace

base::ByteVector BytesOf(const FrozenState& state) {
  base::ByteVector out;
  out.reserve(64);
  Put(state.depth, &out);
  PutOptional(state.table, &out);
  PutOptional(state.search_port, &out);
  out.push_back(state.carries_out_set ? 1 : 0);
  PutOptional(state.hash, &out);
  out.push_back(state.shows_conntrack ? 1 : 0);
  out.push_back(state.has_priority ? 1 : 0);
  Put(state.priority, &out);
  Put(state.mirrored, &out);
  PutFields(state.values, &out);
  PutFields(state.bits, &out);
  Put(static_cast<uint32_t>(state.stack.size()), &out);
  for (const absl::uint128& item : state.stack) {
    Put(absl::Uint128High64(item), &out);
    Put(absl::Uint128Low64(item), &out);
  }
  PutActions(state.set, &out);
  Put(static_cast<uint32_t>(state.rest.size()), &out);
  for (const Rest& rest : state.rest) {
    Put(rest.origin.table, &out);
    Put(rest.origin.cookie, &out);
    PutActions(rest.actions, &out);
  }
  return out;
}

uint32_t HashOf(base::ByteView bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdu;
  hash ^= hash >> 33;
  const auto id = static_cast<uint32_t>(hash & 0x7fffffff);
  return id == 0 ? 1 : id;
}

}  // namespace sluice::translate
