#include "agent/flowcache/revalidator.h"

#include <algorithm>

#include "absl/time/time.h"
#include "agent/translate/key_fields.h"
#include "agent/translate/mask_fit.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::flowcache {
namespace {

using ovs::FlowKey;
using ovs::FlowView;
using ovs::Ufid;

// Rounds that are kicked follow each other at least this much apart.
constexpr uint64_t kMinIntervalMs = 10;
// Of a change whose refusal is only counted.
constexpr uint64_t kNoTag = UINT64_MAX;
// Idle timeout while the cache is full.
constexpr uint64_t kPressedIdleMs = 100;

struct RevalidatorCounters {
  base::Counter& rounds = base::Counters::Get("revalidator_rounds", "Rounds over all flows.");
  base::Counter& dump_errors = base::Counters::Get(
      "revalidator_dump_errors", "Rounds given up because the flows could not be dumped.");
  base::Counter& unaffected = base::Counters::Get(
      "revalidator_unaffected",
      "Flows not translated again, as only tables changed that they do not use.");
  base::Counter& kept =
      base::Counters::Get("revalidator_kept", "Flows translated again and found right.");
  base::Counter& modified =
      base::Counters::Get("revalidator_modified", "Flows whose actions were changed in place.");
  base::Counter& deleted =
      base::Counters::Get("revalidator_deleted", "Flows deleted because they were right no more.");
  base::Counter& idle = base::Counters::Get("revalidator_idle", "Flows deleted as idle.");
  base::Counter& vanished = base::Counters::Get(
      "revalidator_vanished", "Flows that someone else deleted from the datapath.");
  base::Counter& adopted = base::Counters::Get(
      "revalidator_adopted", "Flows found in the datapath that do what we would do: kept.");
  base::Counter& foreign_deleted = base::Counters::Get(
      "revalidator_foreign_deleted", "Flows found in the datapath that do not: deleted.");
  base::Counter& change_errors = base::Counters::Get(
      "revalidator_change_errors", "Changes and deletions that the datapath refused.");
};

RevalidatorCounters& Count() {
  static RevalidatorCounters counters;
  return counters;
}

enum class Judgement { kKeep, kModify, kDelete };

// Whether a flow of that key and mask has the mask that it would get now.
bool HasMaskOfNow(const FlowKey& key, base::ByteView mask, pipeline::MaskBudget* budget,
                  translate::Translation* translation) {
  if (budget->IsCrowded()) return false;
  const pipeline::MaskUse use = translate::FitMask(key, budget, translation);
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
  if (other_masks && !HasMaskOfNow(key, flow->mask(), datapath->bridge->masks(), translation))
    return Judgement::kDelete;
  const bool same = base::Equal(flow->actions(), translation->actions.bytes());
  flow->RestOn(*translation, sight, datapath->cache.pools());
  return same && !flow->uncertain ? Judgement::kKeep : Judgement::kModify;
}

}  // namespace

// What one round over one datapath knows.
struct Revalidator::Round {
  DatapathFlows* datapath;
  uint32_t number;
  base::MonotonicMs started;
  bool complete = false;           // the dump was not interrupted
  std::vector<ovs::Flow> unknown;  // in the dump, not in the cache; keys only without a UFID
};

Revalidator::Revalidator(const RevalidatorOptions& options, Datapaths* datapaths,
                         const base::Clock* clock, socket::Client client,
                         install::Installer installer)
    : options_(options),
      datapaths_(datapaths),
      clock_(clock),
      client_(std::move(client)),
      installer_(std::move(installer)) {}

absl::StatusOr<std::unique_ptr<Revalidator>> Revalidator::Create(const RevalidatorOptions& options,
                                                                 Datapaths* datapaths,
                                                                 const base::Clock* clock) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_GENERIC));
  SLUICE_ASSIGN_OR_RETURN(install::Installer installer, install::Installer::Open());
  return std::unique_ptr<Revalidator>(
      new Revalidator(options, datapaths, clock, std::move(client), std::move(installer)));
}

Revalidator::~Revalidator() { Stop(); }

// Adoption.

absl::Status Revalidator::Adopt(DatapathFlows* datapath) {
  std::vector<ovs::Flow> flows;
  ovs::Flows api(&client_);
  SLUICE_RETURN_IF_ERROR(api.Dump(
                                datapath->dp_ifindex, {},
                                [&](const FlowView& view) {
                                  flows.emplace_back(view);
                                  return absl::OkStatus();
                                },
                                [&] { flows.clear(); })
                             .status());
  LearnFrom(datapath, flows);
  for (const ovs::Flow& flow : flows) AdoptOrDelete(datapath, flow);
  FlushChanges(datapath);
  return absl::OkStatus();
}

// The addresses that the flows' packets came from, as the agent before us had learned them. Only a
// flow that matches all of an address tells of it; flows that saw packets go before those that did
// not.
void Revalidator::LearnFrom(DatapathFlows* datapath, const std::vector<ovs::Flow>& flows) {
  for (const bool used : {true, false}) {
    for (const ovs::Flow& flow : flows) {
      FlowKey key, mask;
      attr::Unknowns unknowns;
      if ((flow.stats.used != 0) != used || !flow.mask ||
          ovs::DecodeFlowKey(flow.key, &key, &unknowns) ||
          ovs::DecodeFlowKey(*flow.mask, &mask, &unknowns))
        continue;
      const bridge::Sight sight(datapath->bridge.get());
      translator_.Translate(key, sight.view(), &translation_);
      if (!ovs::IsWithin(translation_.mask, mask)) continue;
      for (const translate::Learned& learned : translation_.learned)
        if (used || !datapath->bridge->FindPort(learned.vlan, learned.mac))
          datapath->bridge->Learn(learned, used ? flow.stats.used : clock_->Now());
    }
  }
}

// Whether a flow that was found does what we would do; then translation_ is of its key.
bool Revalidator::IsRight(const ovs::Flow& flow, const bridge::Sight& sight) {
  FlowKey key, mask;
  attr::Unknowns unknowns;
  if (!flow.ufid || !flow.mask || !flow.actions || ovs::DecodeFlowKey(flow.key, &key, &unknowns) ||
      ovs::DecodeFlowKey(*flow.mask, &mask, &unknowns))
    return false;
  translator_.Translate(key, sight.view(), &translation_);
  return translation_.install && ovs::IsWithin(translation_.mask, mask) &&
         base::Equal(*flow.actions, translation_.actions.bytes());
}

void Revalidator::AdoptOrDelete(DatapathFlows* datapath, const ovs::Flow& flow) {
  const bridge::Sight sight(datapath->bridge.get());
  if (IsRight(flow, sight)) {
    FlowKey key, mask;
    attr::Unknowns unknowns;
    (void)ovs::DecodeFlowKey(flow.key, &key, &unknowns);  // IsRight() did
    (void)ovs::DecodeFlowKey(*flow.mask, &mask, &unknowns);
    // The kernel tells the key as the mask leaves it, but takes no Ethernet type of 0 back with a
    // change: any other does, as the mask does not look at it.
    if (key.Has(OVS_KEY_ATTR_ETHERTYPE) && key.eth_type().wire() == 0)
      key.layers[key.vlans()].eth_type = base::Be16::FromHost(0xffff);
    const Decision decision = {
        .key = key,
        .mask = *flow.mask,
        .mask_use = datapath->bridge->masks()->Count(translate::BitsOfMask(mask, key)),
        .translation = translation_,
        .sight = sight,
        .now = clock_->Now(),
        .origin = Origin::kAdopted};
    if (datapath->cache.Add(*flow.ufid, decision) != AddResult::kFull) {
      datapath->cache.With(*flow.ufid,
                           [&](CachedFlow* adopted) { adopted->CountFrom(flow.stats); });
      return Count().adopted.Add();
    }
  }
  Count().foreign_deleted.Add();
  // By its identifier alone if it has one: that masked key might be refused.
  const ovs::FlowId id = flow.ufid ? ovs::FlowId{.ufid = flow.ufid} : ovs::FlowId{.key = flow.key};
  installer_.Delete(datapath->dp_ifindex, id, kNoTag);
}

// Rounds.

void Revalidator::RunRound() {
  const auto datapaths = datapaths_->Get();
  for (const std::shared_ptr<DatapathFlows>& datapath : *datapaths) RunRound(datapath.get());
  rounds_.fetch_add(1, std::memory_order_relaxed);
  Count().rounds.Add();
}

void Revalidator::RunRound(DatapathFlows* datapath) {
  datapath->bridge->ExpireMacs();
  datapath->bridge->ExpireRules();
  Round round{datapath, static_cast<uint32_t>(rounds() + 1), clock_->Now(), false, {}};
  if (!DumpInto(&round)) return Count().dump_errors.Add();
  TakeIn(&round);
  ExpireIdle(round);
  JudgeStale(datapath);
  FlushChanges(datapath);
}

// Statistics of known flows go to the cache, unknown flows to the round.
bool Revalidator::DumpInto(Round* round) {
  ovs::Flows api(&client_);
  bridge::Bridge& bridge = *round->datapath->bridge;
  const auto report = api.Dump(
      round->datapath->dp_ifindex, {.terse = true, .accept_interrupted = true},
      [&](const FlowView& view) {
        const std::optional<Ufid> ufid = view.ufid_value();
        const bool known = ufid && round->datapath->cache.With(*ufid, [&](CachedFlow* flow) {
          flow->round = round->number;
          if (view.stats.used > flow->stats().used) {
            for (const translate::Learned& learned : flow->learned())
              bridge.Learn(learned, view.stats.used);
          }
          flow->Count(view.stats);
        });
        if (!known) round->unknown.emplace_back(view);
        return absl::OkStatus();
      },
      [&] { round->unknown.clear(); });
  round->complete = report.ok() && !report->interrupted;
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
  for (const ovs::Flow& flow : flows) AdoptOrDelete(round->datapath, flow);
}

void Revalidator::ExpireIdle(const Round& round) {
  FlowCache& cache = round.datapath->cache;
  const uint64_t idle_ms =
      cache.size() >= cache.limit() ? kPressedIdleMs : options_.idle_timeout_ms;
  cache.RemoveIf([&](CachedFlow* flow) {
    if (flow->round != round.number) {
      // Put since the dump began, or missing because the dump was interrupted: nothing is known.
      if (!round.complete || flow->installed >= round.started) return false;
      Count().vanished.Add();
      return true;
    }
    if (flow->last() + idle_ms >= round.started) return false;
    Count().idle.Add();
    installer_.Delete(round.datapath->dp_ifindex, {.ufid = flow->ufid()}, kNoTag);
    return true;
  });
}

// Flows that were translated before the last change. Each is judged under its shard's lock for
// itself, so that handlers wait for one translation at most.
void Revalidator::JudgeStale(DatapathFlows* datapath) {
  const bridge::Sight sight(datapath->bridge.get());
  stale_.clear();
  datapath->cache.RemoveIf([&](CachedFlow* flow) {
    if (flow->generation() >= sight.generation() && !flow->uncertain) return false;
    if (flow->uncertain || !flow->StillRests(*datapath->bridge)) {
      stale_.push_back(flow->ufid());
      return false;
    }
    flow->Refresh(sight);
    Count().unaffected.Add();
    return false;
  });
  for (const Ufid& ufid : stale_) {
    Judgement judgement = Judgement::kKeep;
    datapath->cache.With(ufid, [&](CachedFlow* flow) {
      // Put meanwhile, by newer knowledge than ours?
      if (flow->generation() > sight.generation()) return;
      judgement = Judge(sight, datapath, flow, &translator_, &translation_);
      flow->uncertain = false;
      if (judgement != Judgement::kModify) return;
      key_.clear();
      attr::Writer writer(&key_);
      ovs::EncodeFlowKey(flow->Key(), nullptr, &writer);
      installer_.Modify(
          datapath->dp_ifindex,
          {.key = key_, .mask = flow->mask(), .actions = flow->actions(), .ufid = ufid},
          modified_.size());
      modified_.push_back(ufid);
    });
    if (judgement == Judgement::kKeep) Count().kept.Add();
    if (judgement == Judgement::kModify) Count().modified.Add();
    if (judgement == Judgement::kDelete) {
      Count().deleted.Add();
      datapath->cache.Remove(ufid);
      installer_.Delete(datapath->dp_ifindex, {.ufid = ufid}, kNoTag);
    }
  }
}

void Revalidator::FlushChanges(DatapathFlows* datapath) {
  installer_.Flush([&](uint64_t tag, int error) {
    // Deleted by someone else meanwhile: what was wanted, or found out by the next dump. A flow to
    // be modified may also be on its way to the kernel still: then it is modified in the next
    // round.
    if (error != ENOENT) Count().change_errors.Add();
    if (tag != kNoTag)
      datapath->cache.With(modified_[tag], [](CachedFlow* flow) { flow->uncertain = true; });
  });
  modified_.clear();
}

// The thread.

void Revalidator::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Revalidator::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Revalidator::Kick() {
  absl::MutexLock lock(&mutex_);
  kicked_ = true;
}

void Revalidator::Loop() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      auto stop = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_; };
      auto wake = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || kicked_; };
      mutex_.AwaitWithTimeout(absl::Condition(&stop), absl::Milliseconds(kMinIntervalMs));
      mutex_.AwaitWithTimeout(absl::Condition(&wake), absl::Milliseconds(options_.interval_ms));
      if (stop_) return;
      kicked_ = false;
    }
    RunRound();
  }
}

}  // namespace sluice::flowcache
