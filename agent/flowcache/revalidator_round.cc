// One round of the revalidator over one datapath, step by step.
#include "agent/flowcache/revalidator_round.h"

#include <algorithm>

#include "agent/translate/mask_fit.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::flowcache {
namespace {

using ovs::FlowKey;
using ovs::FlowView;
using ovs::Ufid;

// Flows used since then are busy: however many flows there are, they stay.
constexpr uint64_t kBusyMs = 100;
// How long flows are translated again in one round; from then on only those that were used within
// kUnusedMs, and the others are deleted.
constexpr uint64_t kJudgeMs = 1000, kUnusedMs = 1000;
// Changes that are sent together: what changed takes effect flow by flow, not at the round's end.
constexpr size_t kBatch = 256;

// A number of the report, and the counter of all of them.
struct Count {
  uint64_t RoundReport::*number;
  base::Counter& counter;
};

const std::vector<Count>& Counts() {
  static const auto* counts = new std::vector<Count>{
      {&RoundReport::unaffected,
       base::Counters::Get("revalidator_unaffected",
                           "Flows not translated again, as only tables changed that they do not "
                           "use.")},
      {&RoundReport::kept,
       base::Counters::Get("revalidator_kept", "Flows translated again and found right.")},
      {&RoundReport::modified,
       base::Counters::Get("revalidator_modified", "Flows whose actions were changed in place.")},
      {&RoundReport::deleted,
       base::Counters::Get("revalidator_deleted",
                           "Flows deleted because they were right no more.")},
      {&RoundReport::hurried,
       base::Counters::Get("revalidator_hurried",
                           "Flows deleted rather than translated again, as they were unused and "
                           "the round took too long.")},
      {&RoundReport::idle, base::Counters::Get("revalidator_idle", "Flows deleted as idle.")},
      {&RoundReport::evicted,
       base::Counters::Get("revalidator_evicted",
                           "Flows deleted as the idlest, when there were more than the limit.")},
      {&RoundReport::vanished,
       base::Counters::Get("revalidator_vanished",
                           "Flows that someone else deleted from the datapath.")},
      {&RoundReport::adopted,
       base::Counters::Get("revalidator_adopted",
                           "Flows found in the datapath that do what we would do: kept.")},
      {&RoundReport::foreign,
       base::Counters::Get("revalidator_foreign_deleted",
                           "Flows found in the datapath that do not: deleted.")},
      {&RoundReport::refused,
       base::Counters::Get("revalidator_change_errors",
                           "Changes and deletions that the datapath refused.")},
      {&RoundReport::purged,
       base::Counters::Get("revalidator_purged", "Flows deleted because it was asked for.")},
  };
  return *counts;
}

enum class Judgement { kKeep, kModify, kDelete };

// Whether a flow of that key and mask has the mask that it would get now.
bool HasMaskOfNow(const FlowKey& key, base::ByteView mask, const bridge::Sight& sight,
                  pipeline::MaskBudget* budget, translate::Translation* translation) {
  if (budget->IsCrowded()) return false;
  const pipeline::MaskUse use =
      translate::FitMask(key, budget, translation, sight.view().ports.options().tunnel_options);
  base::ByteVector now;
  attr::Writer writer(&now);
  ovs::EncodeFlowMask(key, translation->mask, &writer);
  return base::Equal(mask, now);
}

// Translates a flow again and compares.
Judgement Judge(const bridge::Sight& sight, DatapathFlows* datapath, CachedFlow* flow,
                translate::Translator* translator, translate::Translation* translation) {
  FlowKey mask;
  attr::Unknowns unknowns;
  if (ovs::DecodeFlowKey(flow->mask(), &mask, &unknowns)) return Judgement::kDelete;
  const FlowKey key = flow->Key();
  translator->Translate(key, sight.view(), translation);
  if (!translation->install || !ovs::IsWithin(translation->mask, mask)) return Judgement::kDelete;
  // How masks are made has changed since: a mask that is too narrow is not wrong, but unwanted.
  const bool other_masks = flow->generation() < datapath->bridge->masks_generation();
  if (other_masks &&
      !HasMaskOfNow(key, flow->mask(), sight, datapath->bridge->masks(), translation))
    return Judgement::kDelete;
  const bool same = base::Equal(flow->actions(), translation->actions.bytes());
  flow->RestOn(*translation, sight, datapath->cache.pools());
  return same && !flow->uncertain ? Judgement::kKeep : Judgement::kModify;
}

}  // namespace

void Revalidator::RunRound(Round* round, const Requests& requests) {
  const auto asked = [&](Job job) {
    return std::any_of(requests.begin(), requests.end(), [&](const auto& request) {
      return request->job == job && request->dp_ifindex == round->datapath->dp_ifindex;
    });
  };
  round->datapath->bridge->ExpireMacs();
  round->datapath->bridge->ExpireRules();
  round->datapath->bridge->ExpireRecirculations();
  round->idle_timeout_ms = options_.idle_timeout_ms;
  // Flows that were put before the round began are in the kernel after this.
  datapaths_->gate().AwaitThoseInside();
  if (!DumpInto(round)) return;
  if (asked(Job::kPurge)) {
    const absl::Status status = Purge(round);
    if (!status.ok()) round->report.failure = base::FromAbsl(status.message());
    return;
  }
  TakeIn(round);
  ExpireIdle(round);
  EvictIdlest(round);
  JudgeStale(round, asked(Job::kRevalidate));
  FlushChanges(round);
}

// Statistics of known flows go to the cache, unknown flows to the round.
bool Revalidator::DumpInto(Round* round) {
  ovs::Flows api(&client_);
  bridge::Bridge& bridge = *round->datapath->bridge;
  const auto report = api.Dump(
      round->datapath->dp_ifindex, {.terse = true, .accept_interrupted = true},
      [&](const FlowView& view) {
        ++round->report.flows;
        const std::optional<Ufid> ufid = view.ufid_value();
        const bool known = ufid && round->datapath->cache.With(*ufid, [&](CachedFlow* flow) {
          flow->round = round->mark();
          if (view.stats.used > flow->stats().used) {
            for (const translate::Learned& learned : flow->learned())
              bridge.Learn(learned, view.stats.used);
          }
          flow->Count(view.stats);
        });
        if (!known) round->unknown.emplace_back(view);
        return absl::OkStatus();
      },
      [&] {
        round->unknown.clear();
        round->report.flows = 0;
      });
  round->complete = report.ok() && !report->interrupted;
  if (!report.ok()) round->report.failure = base::FromAbsl(report.status().message());
  return report.ok();
}

// Flows that are there and that we did not put.
void Revalidator::TakeIn(Round* round) {
  if (round->unknown.empty()) return;
  ovs::Flows api(&client_);
  std::vector<ovs::Flow> flows;
  for (ovs::Flow& unknown : round->unknown) {
    if (!unknown.ufid) {
      flows.push_back(std::move(unknown));
      continue;
    }
    absl::StatusOr<ovs::Flow> whole = api.Get(round->datapath->dp_ifindex, {.ufid = unknown.ufid});
    // One that has gone meanwhile needs nothing; one that was put meanwhile is known now.
    if (whole.ok() && !round->datapath->cache.With(*unknown.ufid, [](CachedFlow*) {}))
      flows.push_back(*std::move(whole));
  }
  for (const ovs::Flow& flow : flows) AdoptOrDelete(round, flow);
}

void Revalidator::ExpireIdle(Round* round) {
  RoundReport& report = round->report;
  round->datapath->cache.RemoveIf([&](CachedFlow* flow) {
    if (flow->round != round->mark()) {
      // Put since the dump began, or missing because the dump was interrupted: nothing is known.
      if (!round->complete || flow->installed >= report.began) return false;
      ++report.vanished;
      return true;
    }
    if (flow->last() + options_.idle_timeout_ms >= report.began) return false;
    ++report.idle;
    installer_.Delete(round->datapath->dp_ifindex, {.ufid = flow->ufid()}, kNoTag);
    return true;
  });
}

// More flows than the limit: the idlest go, until there are somewhat less.
void Revalidator::EvictIdlest(Round* round) {
  FlowCache& cache = round->datapath->cache;
  const FlowLimit& limit = round->datapath->limit;
  round->emergency = cache.size() >= limit.current();
  if (!round->emergency) return;
  struct Idle {
    base::MonotonicMs last;
    Ufid ufid;
  };
  std::vector<Idle> idle;
  cache.RemoveIf([&](CachedFlow* flow) {
    if (flow->last() + kBusyMs < round->report.began) idle.push_back({flow->last(), flow->ufid()});
    return false;
  });
  const size_t excess = cache.size() - std::min(cache.size(), limit.target());
  const size_t going = std::min(excess, idle.size());
  if (going == 0) return;
  const auto end = idle.begin() + static_cast<ptrdiff_t>(going);
  std::nth_element(idle.begin(), end - 1, idle.end(),
                   [](const Idle& a, const Idle& b) { return a.last < b.last; });
  round->idle_timeout_ms = round->report.began - (end - 1)->last;
  for (auto it = idle.begin(); it != end; ++it) {
    cache.Remove(it->ufid);
    installer_.Delete(round->datapath->dp_ifindex, {.ufid = it->ufid}, kNoTag);
    ++round->report.evicted;
  }
}

void Revalidator::FindStale(Round* round, const bridge::Sight& sight, bool all) {
  stale_.clear();
  round->datapath->cache.RemoveIf([&](CachedFlow* flow) {
    if (all || flow->uncertain) {
      stale_.push_back(flow->ufid());
    } else if (flow->generation() < sight.generation()) {
      if (flow->StillRests(*round->datapath->bridge)) {
        flow->Refresh(sight);
        ++round->report.unaffected;
      } else {
        stale_.push_back(flow->ufid());
      }
    }
    return false;
  });
}

// Flows that were translated before the last change. Each is judged under its shard's lock for
// itself, so that handlers wait for one translation at most.
void Revalidator::JudgeStale(Round* round, bool all) {
  const bridge::Sight sight(round->datapath->bridge.get());
  // What handlers decide by what was before this Sight is here, and in the kernel, after this.
  datapaths_->gate().AwaitThoseInside();
  FindStale(round, sight, all);
  for (const Ufid& ufid : stale_) {
    JudgeOne(round, sight, ufid);
    if (installer_.queued() >= kBatch) FlushChanges(round);
  }
}

void Revalidator::JudgeOne(Round* round, const bridge::Sight& sight, const Ufid& ufid) {
  RoundReport& report = round->report;
  DatapathFlows* datapath = round->datapath;
  const base::MonotonicMs now = clock_->Now();
  const bool late = report.began + kJudgeMs < now;
  Judgement judgement = Judgement::kKeep;
  const bool there = datapath->cache.With(ufid, [&](CachedFlow* flow) {
    // Put meanwhile, by newer knowledge than ours?
    if (flow->generation() > sight.generation()) return;
    if (late && flow->last() + kUnusedMs < now) {
      ++report.hurried;
      judgement = Judgement::kDelete;
      return;
    }
    judgement = Judge(sight, datapath, flow, &translator_, &translation_);
    flow->uncertain = false;
    if (judgement != Judgement::kModify) return;
    key_.clear();
    attr::Writer writer(&key_);
    ovs::EncodeFlowKey(flow->Key(), nullptr, &writer);
    installer_.Modify(datapath->dp_ifindex,
                      {.key = key_, .mask = flow->mask(), .actions = flow->actions(), .ufid = ufid},
                      modified_.size());
    modified_.push_back(ufid);
  });
  if (!there) return;
  if (judgement == Judgement::kKeep) ++report.kept;
  if (judgement == Judgement::kModify) ++report.modified;
  if (judgement == Judgement::kDelete) {
    ++report.deleted;
    datapath->cache.Remove(ufid);
    installer_.Delete(datapath->dp_ifindex, {.ufid = ufid}, kNoTag);
  }
}

// The dump has credited what the flows did. Handlers stay outside, so that none of theirs is
// deleted in the kernel and remembered here, or the other way round.
absl::Status Revalidator::Purge(Round* round) {
  absl::Status status;
  datapaths_->gate().Alone([&] {
    status = ovs::Flows(&client_).Flush(round->datapath->dp_ifindex);
    if (!status.ok()) return;
    round->datapath->cache.RemoveIf([](CachedFlow*) { return true; });
    round->report.purged = round->report.flows;
  });
  return status;
}

void Revalidator::FlushChanges(Round* round) {
  std::vector<Ufid> stuck;
  installer_.Flush([&](uint64_t tag, int error) {
    // Deleted by someone else meanwhile: what was wanted, or found out by the next dump.
    if (error != ENOENT) ++round->report.refused;
    if (tag == kNoTag) return;
    if (error == 0 || error == ENOENT) {
      round->datapath->cache.With(modified_[tag], [](CachedFlow* flow) { flow->uncertain = true; });
    } else {
      stuck.push_back(modified_[tag]);
    }
  });
  modified_.clear();
  // What cannot be changed may not go on as it is.
  for (const Ufid& ufid : stuck) {
    ++round->report.deleted;
    round->datapath->cache.Remove(ufid);
    installer_.Delete(round->datapath->dp_ifindex, {.ufid = ufid}, kNoTag);
  }
  installer_.Flush([&](uint64_t, int error) {
    if (error != ENOENT) ++round->report.refused;
  });
}

// Counts, and tells what the round did.
void Revalidator::Finish(Round* round) {
  static base::Counter& dump_errors = base::Counters::Get(
      "revalidator_dump_errors", "Rounds given up because the flows could not be dumped.");
  static base::Counter& emergencies = base::Counters::Get(
      "revalidator_emergency_rounds", "Rounds that found more flows than the limit.");
  for (const Count& count : Counts()) count.counter.Add(round->report.*count.number);
  if (!round->report.failure.empty()) dump_errors.Add();
  if (round->emergency) emergencies.Add();
  DatapathFlows* datapath = round->datapath;
  datapath->limit.OnRound(round->report.flows, round->report.duration_ms);
  datapath->SetBounds({.limit = datapath->limit.current(),
                       .configured = datapath->limit.configured(),
                       .emergency = round->emergency,
                       .idle_timeout_ms = round->idle_timeout_ms,
                       .last_round = round->report});
}

}  // namespace sluice::flowcache
