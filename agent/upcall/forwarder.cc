#include "agent/upcall/forwarder.h"

#include "agent/translate/user_data.h"
#include "netlink/base/counters.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::upcall {
namespace {

using flowcache::AddResult;
using flowcache::DatapathFlows;
using translate::Verdict;

struct ForwarderCounters {
  base::Counter& unknown_datapath = base::Counters::Get(
      "upcall_unknown_datapath", "Upcalls of datapaths that the agent does not serve: dropped.");
  base::Counter& foreign_action = base::Counters::Get(
      "upcall_foreign_actions", "Upcalls of userspace() actions that are not ours: ignored.");
  base::Counter& packet_ins = base::Counters::Get(
      "packet_ins", "Packets that rules sent to the controller, or whose TTL ran out.");
  base::Counter& bad_key = base::Counters::Get(
      "upcall_bad_keys", "Upcalls whose flow key could not be decoded: dropped.");
  base::Counter& unknown_attributes =
      base::Counters::Get("upcall_unknown_attributes",
                          "Key attributes that this version does not know: kept as bytes.");
  base::Counter& changed_meanwhile = base::Counters::Get(
      "upcall_changed_meanwhile",
      "Flows not installed because ports or addresses changed during translation.");
  base::Counter& cache_full = base::Counters::Get(
      "flowcache_full", "Flows not installed because the flow limit was reached.");
  base::Counter& there = base::Counters::Get(
      "flowcache_duplicates", "Upcalls of flows that were being installed: only executed.");
  base::Counter& put_exists = base::Counters::Get(
      "flowcache_put_exists", "Flows that the kernel had already: left to the revalidator.");
  base::Counter& put_failed =
      base::Counters::Get("flowcache_put_failed", "Flows that the kernel refused.");
};

ForwarderCounters& Count() {
  static ForwarderCounters counters;
  return counters;
}

base::Counter& CounterOf(Verdict verdict) {
  static const std::vector<base::Counter*>* counters = [] {
    auto* all = new std::vector<base::Counter*>;
    for (int i = 0; i < translate::kVerdicts; ++i) {
      const auto v = static_cast<Verdict>(i);
      all->push_back(
          &base::Counters::Get("upcall_verdict_" + std::string(translate::ToString(v)),
                               "Upcalls decided so: " + std::string(translate::Explain(v)) + "."));
    }
    return all;
  }();
  return *(*counters)[static_cast<size_t>(verdict)];
}

}  // namespace

Forwarder::Forwarder(flowcache::Datapaths* datapaths, install::Installer installer,
                     const base::Clock* clock)
    : datapaths_(datapaths), installer_(std::move(installer)), clock_(clock) {}

// The datapath of the upcall, with the ports as they are in this batch.
Forwarder::View* Forwarder::Find(int dp_ifindex) {
  for (View& view : views_)
    if (view.datapath->dp_ifindex == dp_ifindex) return &view;
  const auto datapaths = datapaths_->Get();
  for (const std::shared_ptr<DatapathFlows>& datapath : *datapaths) {
    if (datapath->dp_ifindex != dp_ifindex) continue;
    views_.push_back({datapath, nullptr});
    Refresh(&views_.back());
    return &views_.back();
  }
  return nullptr;
}

void Forwarder::Refresh(View* view) {
  view->sight = std::make_unique<const bridge::Sight>(view->datapath->bridge.get());
}

void Forwarder::Process(const ovs::Upcall& upcall) {
  // A userspace() action's packet goes on in the datapath: it is not ours to forward.
  if (upcall.kind != ovs::Upcall::Kind::kMiss) {
    const bool ours = translate::ReadUserData(upcall.userdata).has_value();
    return (ours ? Count().packet_ins : Count().foreign_action).Add();
  }
  if (views_.empty()) now_ = clock_->Now();
  View* view = Find(upcall.dp_ifindex);
  if (view == nullptr) return Count().unknown_datapath.Add();
  ovs::FlowKey key;
  unknowns_.clear();
  if (ovs::DecodeFlowKey(upcall.key, &key, &unknowns_)) return Count().bad_key.Add();
  if (!unknowns_.empty()) Count().unknown_attributes.Add(unknowns_.size());
  Decide(key, view);
  CounterOf(translation_.verdict).Add();
  for (const std::shared_ptr<pipeline::UseStats>& credit : translation_.credits)
    credit->Credit(1, upcall.packet.size(), now_);
  if (!translation_.actions.empty()) installer_.Execute(upcall, translation_.actions.bytes());
  if (translation_.install) Install(upcall, key, *view);
}

// Translates and learns. Learning may change what holds for this very packet: then once more.
void Forwarder::Decide(const ovs::FlowKey& key, View* view) {
  bridge::Bridge& bridge = *view->datapath->bridge;
  for (int attempt = 0; attempt < 2; ++attempt) {
    translator_.Translate(key, view->sight->view(), &translation_);
    for (const translate::Learned& learned : translation_.learned) bridge.Learn(learned, now_);
    if (bridge.generation() == view->sight->generation()) return;
    Refresh(view);
  }
  if (translation_.install) Count().changed_meanwhile.Add();
  translation_.install = false;
}

void Forwarder::Install(const ovs::Upcall& upcall, const ovs::FlowKey& key, const View& view) {
  mask_.clear();
  attr::Writer mask_writer(&mask_);
  ovs::EncodeFlowMask(key, translation_.mask, &mask_writer);
  masked_key_.clear();
  attr::Writer key_writer(&masked_key_);
  ovs::EncodeFlowMask(key, ovs::Masked(key, translation_.mask), &key_writer);
  const ovs::Ufid ufid = flowcache::UfidOf(masked_key_, mask_);

  const flowcache::Decision decision = {
      .key = key, .mask = mask_, .translation = translation_, .sight = *view.sight, .now = now_};
  switch (view.datapath->cache.Add(ufid, decision)) {
    case AddResult::kThere:
      return Count().there.Add();
    case AddResult::kFull:
      return Count().cache_full.Add();
    case AddResult::kPut:
      break;
  }
  installer_.Put(
      view.datapath->dp_ifindex,
      {.key = upcall.key, .mask = mask_, .actions = translation_.actions.bytes(), .ufid = ufid},
      pending_.size());
  pending_.push_back({view.datapath, ufid});
}

void Forwarder::FinishBatch() {
  installer_.Flush([this](uint64_t tag, int error) {
    const Pending& put = pending_[tag];
    if (error == EEXIST || error == 0) {
      Count().put_exists.Add();
      put.datapath->cache.With(put.ufid,
                               [](flowcache::CachedFlow* flow) { flow->uncertain = true; });
    } else {
      Count().put_failed.Add();
      put.datapath->cache.Remove(put.ufid);
    }
  });
  pending_.clear();
  views_.clear();
}

}  // namespace sluice::upcall
