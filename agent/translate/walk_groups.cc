// Groups: which buckets a packet goes through, each on a copy.
#include <algorithm>

#include "agent/translate/hash_slots.h"
#include "agent/translate/walk.h"

namespace sluice::translate {

using pipeline::Bucket;
using pipeline::Group;
using pipeline::GroupType;
using pipeline::Needs;
using pipeline::PipelineGroup;
using pipeline::SelectionMethod;

namespace {

uint64_t HashBytes(base::ByteView bytes, uint64_t hash) {
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3ULL;
  return Mix(hash);
}

}  // namespace

void Walk::RunGroup(const PipelineGroup& group) {
  std::optional<size_t> selected;
  if (group.group.type == GroupType::kSelect) selected = Select(group.group);
  if (now_.state.is_blind()) return BreakOffForHeaders(true);
  if (!going()) return;
  out_->credits.push_back(group.stats);
  const std::vector<Bucket>& buckets = group.group.buckets;
  switch (group.group.type) {
    case GroupType::kAll:
    case GroupType::kIndirect:
      for (size_t i = 0; i < buckets.size() && going(); ++i) RunBucket(group, i);
      return;
    case GroupType::kFastFailover:
      for (size_t i = 0; i < buckets.size(); ++i) {
        if (Lives(buckets[i], GroupType::kFastFailover)) return RunBucket(group, i);
      }
      return Note("no bucket of the group lives");
    case GroupType::kSelect:
      if (selected) return RunBucket(group, *selected);
      return Note("no bucket of the group lives");
  }
}

void Walk::RunBucket(const PipelineGroup& group, size_t bucket) {
  if (!Step() || !Enter()) return;
  OnCopy([&] {
    now_.set.Clear();
    now_.set.Write(group.group.buckets[bucket].actions.span());
    out_->credits.push_back(group.bucket_stats[bucket]);
    DoSet();
  });
  Leave();
}

// One that watches nothing lives, but not in a group that fails over. `asked`: groups that were
// asked already; to ask again would tell nothing new, and take for ever where they watch each
// other.
bool Walk::Lives(const Bucket& bucket, GroupType type, Asked* asked) {
  const bool watches_port = bucket.watch_port != pipeline::kPortNone;
  const bool watches_group = bucket.watch_group != pipeline::kNoGroup;
  if (!watches_port && !watches_group) return type != GroupType::kFastFailover;
  if (watches_port && view_->ports.IsUp(bucket.watch_port)) return true;
  const PipelineGroup* watched =
      watches_group ? view_->pipeline.FindGroup(bucket.watch_group, view_->version) : nullptr;
  if (watched == nullptr || std::find(asked->begin(), asked->end(), watched) != asked->end())
    return false;
  asked->push_back(watched);
  for (const Bucket& other : watched->group.buckets)
    if (Lives(other, watched->group.type, asked)) return true;
  return false;
}

bool Walk::Lives(const Bucket& bucket, GroupType type) {
  Asked asked;
  return Lives(bucket, type, &asked);
}

// By the hash of the datapath the walk is broken off where that is not known yet.
std::optional<size_t> Walk::Select(const Group& group) {
  const auto lives = [this](const Bucket& bucket) { return MayTake(bucket); };
  const auto first = std::find_if(group.buckets.begin(), group.buckets.end(), lives);
  if (first == group.buckets.end()) return std::nullopt;
  if (std::find_if(first + 1, group.buckets.end(), lives) == group.buckets.end())
    return static_cast<size_t>(first - group.buckets.begin());
  const std::optional<DatapathHash> hash = HashByDatapath(group);
  if (!hash) return RaceOfBuckets(group, HashFor(group), lives);
  if (now_.hash != hash) {
    Note("the datapath has to work out the packet's hash");
    hash_ = hash;
    BreakOff(true);
    return std::nullopt;
  }
  Fields bits;
  bits.dp_hash = base::Be32::FromHost(SlotsOf(group) - 1);
  now_.state.Read(bits);
  return BucketOfSlot(group, now_.state.now().dp_hash.host() & (SlotsOf(group) - 1), lives);
}

// Nothing when the agent has to hash.
std::optional<DatapathHash> Walk::HashByDatapath(const Group& group) const {
  const auto basis = static_cast<uint32_t>(group.hash_basis ^ group.hash_basis >> 32);
  if (group.method == SelectionMethod::kDpHash)
    return DatapathHash{.algorithm = OVS_HASH_ALG_L4, .basis = basis};
  if (group.method == SelectionMethod::kSymmetricL4 && view_->kernel.symmetric_hashes)
    return DatapathHash{.algorithm = uapi::OVS_HASH_ALG_SYM_L4, .basis = basis};
  return std::nullopt;
}

// Reads what it hashes: a megaflow for each value. Where the datapath has no symmetric hash, that
// is both ends of a connection.
uint64_t Walk::HashFor(const Group& group) {
  uint64_t hash = Mix(group.hash_basis + 0x9e3779b97f4a7c15ULL);
  if (group.method == SelectionMethod::kHash) {
    for (const pipeline::FieldIndex field : group.fields) {
      const pipeline::FieldRow& row = pipeline::FieldAt(field);
      if (!HoldsNow(row.needs)) continue;
      const absl::uint128 value = ReadBits(pipeline::Whole(row));
      hash = Mix(hash ^ absl::Uint128Low64(value)) ^ Mix(absl::Uint128High64(value) + field);
    }
    return hash;
  }
  PacketState& state = now_.state;
  const auto both = [&](auto member_a, auto member_b) {
    const uint64_t a = HashBytes(base::AsBytes(state.ReadMember(member_a)), hash);
    const uint64_t b = HashBytes(base::AsBytes(state.ReadMember(member_b)), hash);
    hash = Mix(hash ^ (a + b));
  };
  both(&Fields::eth_src, &Fields::eth_dst);
  if (HoldsNow(Needs::kIpv4)) both(&Fields::nw_src, &Fields::nw_dst);
  if (HoldsNow(Needs::kIpv6)) both(&Fields::ipv6_src, &Fields::ipv6_dst);
  if (HoldsNow(Needs::kPorts)) {
    hash = Mix(hash ^ state.now().nw_proto);
    both(&Fields::tp_src, &Fields::tp_dst);
  }
  return hash;
}

}  // namespace sluice::translate
