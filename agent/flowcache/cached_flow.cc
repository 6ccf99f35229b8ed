#include "agent/flowcache/cached_flow.h"

#include <algorithm>
#include <array>
#include <bit>

#include "absl/hash/hash.h"

namespace sluice::flowcache {
namespace {

using translate::Learned;

constexpr size_t kWord = sizeof(uint64_t);

constexpr size_t WordsFor(size_t bytes) { return (bytes + kWord - 1) / kWord; }

}  // namespace

size_t MaskBytes::HashOf(const View& view) {
  return absl::HashOf(
      std::string_view(reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size()));
}

size_t Basis::HashOf(const View& view) {
  size_t hash = absl::HashOf(view.groups, std::hash<pipeline::TableSet>()(*view.tables));
  for (const auto& credit : view.credits) hash = absl::HashOf(hash, credit.get());
  for (const auto& state : view.recirculations) hash = absl::HashOf(hash, state.get());
  return hash;
}

bool Basis::IsSame(const View& a, const View& b) {
  return a.groups == b.groups && *a.tables == *b.tables &&
         std::equal(a.credits.begin(), a.credits.end(), b.credits.begin(), b.credits.end()) &&
         std::equal(a.recirculations.begin(), a.recirculations.end(), b.recirculations.begin(),
                    b.recirculations.end());
}

std::string_view ToString(Origin origin) { return origin == Origin::kMiss ? "miss" : "adopted"; }

CachedFlow::CachedFlow(const ovs::Ufid& ufid, const Decision& decision, FlowPools* pools)
    : installed(decision.now),
      ufid_(ufid),
      mask_(pools->masks.Intern({decision.mask, &decision.mask_use})),
      created_(decision.now),
      origin_(decision.origin) {
  const auto words = std::bit_cast<std::array<uint64_t, kKeyWords>>(decision.key);
  std::array<uint64_t, kMapWords + kKeyWords> packed{};
  size_t at = kMapWords;
  for (size_t i = 0; i < kKeyWords; ++i) {
    if (words[i] == 0) continue;
    packed[i / 64] |= uint64_t{1} << (i % 64);
    packed[at++] = words[i];
  }
  Pack({packed.data(), at}, decision.translation.learned, {});
  RestOn(decision.translation, decision.sight, pools);
}

ovs::FlowKey CachedFlow::Key() const {
  std::array<uint64_t, kKeyWords> words{};
  const std::span<const uint64_t> packed = KeyWords();
  size_t at = kMapWords;
  for (size_t map = 0; map < kMapWords; ++map)
    for (uint64_t bits = packed[map]; bits != 0; bits &= bits - 1)
      words[map * 64 + static_cast<size_t>(std::countr_zero(bits))] = packed[at++];
  return std::bit_cast<ovs::FlowKey>(words);
}

std::span<const Learned> CachedFlow::learned() const {
  return {reinterpret_cast<const Learned*>(block_.get() + key_words_), learned_};
}

base::ByteView CachedFlow::actions() const {
  return {reinterpret_cast<const uint8_t*>(block_.get() + key_words_) + learned().size_bytes(),
          actions_size_};
}

size_t CachedFlow::BlockWords() const {
  return key_words_ + WordsFor(learned().size_bytes() + actions_size_);
}

size_t CachedFlow::memory() const { return sizeof(*this) + BlockWords() * kWord - actions_size_; }

void CachedFlow::Pack(std::span<const uint64_t> key, std::span<const Learned> learned,
                      base::ByteView actions) {
  static_assert(std::is_trivially_copyable_v<Learned> && alignof(Learned) <= kWord);
  auto fresh =
      std::make_unique<uint64_t[]>(key.size() + WordsFor(learned.size_bytes() + actions.size()));
  std::copy(key.begin(), key.end(), fresh.get());
  auto* rest = reinterpret_cast<uint8_t*>(fresh.get() + key.size());
  const auto* from = reinterpret_cast<const uint8_t*>(learned.data());
  rest = std::copy(from, from + learned.size_bytes(), rest);
  std::copy(actions.begin(), actions.end(), rest);
  key_words_ = static_cast<uint8_t>(key.size());
  learned_ = static_cast<uint16_t>(learned.size());
  actions_size_ = static_cast<uint32_t>(actions.size());
  block_ = std::move(fresh);
}

void CachedFlow::RestOn(const translate::Translation& translation, const bridge::Sight& sight,
                        FlowPools* pools) {
  const Basis::View basis = {translation.credits, &translation.tables, translation.groups,
                             translation.recirculations};
  if (!basis_ || !Basis::IsSame(basis, basis_->view())) basis_ = pools->bases.Intern(basis);
  generation_ = sight.generation();
  version_ = sight.version();
  verdict_ = translation.verdict;
  const bool same = std::equal(translation.learned.begin(), translation.learned.end(),
                               learned().begin(), learned().end());
  if (same && base::Equal(actions(), translation.actions.bytes())) return;
  Pack(KeyWords(), translation.learned, translation.actions.bytes());
}

bool CachedFlow::StillRests(const bridge::Bridge& bridge) const {
  if (generation_ < bridge.switch_generation()) return false;
  const pipeline::Pipeline& pipeline = bridge.pipeline();
  if (basis_->groups && pipeline.groups_changed() > version_) return false;
  for (size_t i = 0; i < pipeline::kTables; ++i)
    if (basis_->tables[i] && pipeline.changed(static_cast<uint8_t>(i)) > version_) return false;
  return true;
}

void CachedFlow::Refresh(const bridge::Sight& sight) {
  generation_ = sight.generation();
  version_ = sight.version();
}

void CachedFlow::Count(const ovs::FlowStats& now) {
  if (now.packets > packets_) {
    for (const std::shared_ptr<pipeline::UseStats>& credit : basis_->credits)
      credit->Credit(now.packets - packets_, now.bytes - bytes_, now.used);
  }
  CountFrom(now);
}

void CachedFlow::CountFrom(const ovs::FlowStats& now) {
  packets_ = now.packets;
  bytes_ = now.bytes;
  used_ = now.used;
  tcp_flags_ = now.tcp_flags;
}

}  // namespace sluice::flowcache
