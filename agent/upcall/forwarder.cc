#include "agent/upcall/forwarder.h"

#include "agent/translate/mask_fit.h"
#include "agent/translate/slow_path.h"
#include "agent/translate/user_data.h"
#include "netlink/base/counters.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::upcall {
namespace {

// One of so many flows of a port under pressure is installed.
constexpr unsigned kInstalledOfPressed = 8;

using flowcache::AddResult;
using flowcache::DatapathFlows;
using translate::RewriteFault;
using translate::UserDataKind;
using translate::Verdict;

struct ForwarderCounters {
  base::Counter& unknown_datapath = base::Counters::Get(
      "upcall_unknown_datapath", "Upcalls of datapaths that the agent does not serve: dropped.");
  base::Counter& foreign_action = base::Counters::Get(
      "upcall_foreign_actions", "Upcalls of userspace() actions that are not ours: ignored.");
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
  base::Counter& not_installed = base::Counters::Get(
      "upcall_not_installed",
      "Flows not installed, packets executed only: their ports asked for more than they may.");
  base::Counter& there = base::Counters::Get(
      "flowcache_duplicates", "Upcalls of flows that were being installed: only executed.");
  base::Counter& put_exists = base::Counters::Get(
      "flowcache_put_exists", "Flows that the kernel had already: left to the revalidator.");
  base::Counter& put_failed =
      base::Counters::Get("flowcache_put_failed", "Flows that the kernel refused.");
};

// Of packets that the agent changes itself.
struct SlowPathCounters {
  base::Counter& packets = base::Counters::Get(
      "slow_path_packets", "Packets that the agent changed itself, as the kernel cannot.");
  base::Counter& executes = base::Counters::Get(
      "slow_path_executes", "Times that such a packet was given back to the datapath.");
  base::Counter& dropped = base::Counters::Get(
      "slow_path_dropped",
      "Packets of the slow path whose translation ended in a limit or an impossible change.");
  base::Counter& too_short = base::Counters::Get(
      "slow_path_too_short",
      "Packets of the slow path that end before a header that was to change: dropped.");
  base::Counter& unsupported = base::Counters::Get(
      "slow_path_unsupported",
      "Packets of the slow path with an action in front of a change that only the kernel takes: "
      "dropped.");
  base::Counter& too_many =
      base::Counters::Get("slow_path_too_many",
                          "Packets of the slow path with more changes than are allowed: cut off.");
};

SlowPathCounters& CountSlow() {
  static SlowPathCounters counters;
  return counters;
}

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
  if (views_.empty()) {
    pass_.Enter(&datapaths_->gate());
    now_ = clock_->Now();
  }
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

void Forwarder::Process(const ovs::Upcall& upcall, const Ticket& ticket) {
  ticket_ = ticket;
  if (upcall.kind != ovs::Upcall::Kind::kMiss) return ProcessAction(upcall);
  View* view = nullptr;
  ovs::FlowKey key;
  if (!Open(upcall, &view, &key)) return;
  Decide(key, /*slow_path=*/false, view);
  CounterOf(translation_.verdict).Add();
  if (translation_.verdict == Verdict::kDropRecircLoop) view->datapath->bridge->loops().Note(key);
  if (translation_.verdict == Verdict::kHeartbeat) return AnswerHeartbeat(upcall, *view);
  const bool slow_path = translation_.verdict == Verdict::kSlowPath;
  if (!slow_path) {
    Credit(upcall);
    if (!translation_.actions.empty()) Execute(upcall, upcall.packet, translation_.actions.bytes());
  }
  if (translation_.install && MayInstall()) Install(upcall, key, *view);
  if (slow_path) TakeSlowPath(upcall, key, view);
}

void Forwarder::AnswerHeartbeat(const ovs::Upcall& upcall, const View& view) {
  bridge::Bridge& bridge = *view.datapath->bridge;
  const auto answer = bridge.peers().OnFrame(translation_.came_by, upcall.packet, now_);
  const auto ports = bridge.ports();
  const pipeline::BridgePort* port = answer ? ports->Find(answer->port_no) : nullptr;
  if (port == nullptr) return;
  answer_.Clear();
  translator_.Wrap(*port, &answer_);
  if (!answer_.empty()) Execute(upcall, answer->bytes, answer_.bytes());
}

// The packet of a userspace() action goes on in the datapath: it is not ours to forward, but in a
// flow that consists of nothing else.
void Forwarder::ProcessAction(const ovs::Upcall& upcall) {
  const auto data = translate::ReadUserData(upcall.userdata);
  if (!data) return Count().foreign_action.Add();
  if (data->kind != UserDataKind::kSlowPath) return PublishPacketIn(upcall, *data);
  View* view = nullptr;
  ovs::FlowKey key;
  if (Open(upcall, &view, &key)) TakeSlowPath(upcall, key, view);
}

void Forwarder::PublishPacketIn(const ovs::Upcall& upcall, const translate::UserData& data) {
  View* view = Find(upcall.dp_ifindex);
  if (view == nullptr) return Count().unknown_datapath.Add();
  const base::ByteView user_data = upcall.userdata.subspan(sizeof(data));
  view->datapath->bridge->packet_ins().Publish(
      {.data = data,
       .user_data = {user_data.begin(), user_data.end()},
       .key = {upcall.key.begin(), upcall.key.end()},
       .packet = {upcall.packet.begin(), upcall.packet.end()},
       .length = upcall.length != 0 ? upcall.length : static_cast<uint32_t>(upcall.packet.size())});
}

bool Forwarder::Open(const ovs::Upcall& upcall, View** view, ovs::FlowKey* key) {
  *view = Find(upcall.dp_ifindex);
  if (*view == nullptr) {
    Count().unknown_datapath.Add();
    return false;
  }
  unknowns_.clear();
  if (ovs::DecodeFlowKey(upcall.key, key, &unknowns_)) {
    Count().bad_key.Add();
    ticket_.account->Lost(Loss::kBadKey);
    return false;
  }
  if (!unknowns_.empty()) Count().unknown_attributes.Add(unknowns_.size());
  return true;
}

void Forwarder::Credit(const ovs::Upcall& upcall) {
  for (const std::shared_ptr<pipeline::UseStats>& credit : translation_.credits)
    credit->Credit(1, upcall.packet.size(), now_);
}

void Forwarder::Execute(const ovs::Upcall& upcall, base::ByteView packet, base::ByteView actions) {
  if (installer_.Execute(upcall, packet, actions, executed_.size())) {
    executed_.push_back(ticket_.account);
  } else {
    ticket_.account->Lost(Loss::kExecute);
  }
}

// A port that floods has most of its flows made in vain: of its flows one in so many is installed,
// so that one that goes on for long is before long.
bool Forwarder::MayInstall() {
  if (!ticket_.pressed || ++pressed_ % kInstalledOfPressed == 0) return true;
  Count().not_installed.Add();
  ticket_.account->NotInstalled();
  return false;
}

// Also when the rules would not send it here any more: then as they say now.
void Forwarder::TakeSlowPath(const ovs::Upcall& upcall, const ovs::FlowKey& key, View* view) {
  CountSlow().packets.Add();
  if (upcall.length != 0) return CountSlow().too_short.Add();  // the kernel has cut it
  Decide(key, /*slow_path=*/true, view);
  Credit(upcall);
  if (translation_.verdict >= Verdict::kDropTooDeep) {
    CounterOf(translation_.verdict).Add();
    return CountSlow().dropped.Add();
  }
  const RewriteFault fault =
      translate::Replay(upcall.packet, key, upcall.mru.value_or(0), translation_.actions.bytes(),
                        [&](base::ByteView packet, base::ByteView actions) {
                          CountSlow().executes.Add();
                          Execute(upcall, packet, actions);
                        });
  switch (fault) {
    case RewriteFault::kNone:
      return;
    case RewriteFault::kTooShort:
      return CountSlow().too_short.Add();
    case RewriteFault::kUnsupported:
      return CountSlow().unsupported.Add();
    case RewriteFault::kTooMany:
      return CountSlow().too_many.Add();
  }
}

// Translates and learns. Learning may change what holds for this very packet: then once more.
void Forwarder::Decide(const ovs::FlowKey& key, bool slow_path, View* view) {
  bridge::Bridge& bridge = *view->datapath->bridge;
  for (int attempt = 0; attempt < 2; ++attempt) {
    translate::View looked_at = view->sight->view();
    looked_at.slow_path = slow_path;
    translator_.Translate(key, looked_at, &translation_);
    for (const translate::Learned& learned : translation_.learned) bridge.Learn(learned, now_);
    if (bridge.generation() == view->sight->generation()) return;
    Refresh(view);
  }
  if (translation_.install) Count().changed_meanwhile.Add();
  translation_.install = false;
}

void Forwarder::Install(const ovs::Upcall& upcall, const ovs::FlowKey& key, const View& view) {
  const pipeline::MaskUse mask_use =
      translate::FitMask(key, view.datapath->bridge->masks(), &translation_,
                         view.sight->view().ports.options().tunnel_options);
  const ovs::Ufid ufid = flowcache::UfidOf(key, translation_.mask, &masked_key_, &mask_);

  const flowcache::Decision decision = {.key = key,
                                        .mask = mask_,
                                        .mask_use = mask_use,
                                        .translation = translation_,
                                        .sight = *view.sight,
                                        .now = now_};
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
  const auto on_error = [this](uint64_t tag, int error) {
    const Pending& put = pending_[tag];
    if (error == EEXIST || error == 0) {
      Count().put_exists.Add();
      put.datapath->cache.With(put.ufid,
                               [](flowcache::CachedFlow* flow) { flow->uncertain = true; });
    } else {
      Count().put_failed.Add();
      put.datapath->cache.Remove(put.ufid);
    }
  };
  const auto on_lost = [this](uint64_t tag) { executed_[tag]->Lost(Loss::kExecute); };
  installer_.Flush(on_error, on_lost);
  executed_.clear();
  pending_.clear();
  views_.clear();
  pass_.Leave();
}

}  // namespace sluice::upcall
