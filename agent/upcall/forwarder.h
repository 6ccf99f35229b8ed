// What a handler does with an upcall: translate, learn, execute the packet, install the flow.
//
// Packets of a flow that the kernel cannot carry out alone come up one by one: each is translated
// by itself, changed in its bytes (agent/translate/slow_path.h) and executed.
//
// One for each handler; used by its thread only. Ports are looked at once a batch.
#pragma once

#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "agent/flowcache/datapath_flows.h"
#include "agent/install/installer.h"
#include "agent/translate/translate.h"
#include "agent/translate/user_data.h"
#include "agent/upcall/handler_pool.h"
#include "netlink/base/clock.h"

namespace sluice::upcall {

class Forwarder final : public Processor {
 public:
  Forwarder(flowcache::Datapaths* datapaths, install::Installer installer,
            const base::Clock* clock);

  void Process(const ovs::Upcall& upcall, const Ticket& ticket) override;
  void FinishBatch() override;

 private:
  struct View {  // a datapath as this batch sees it
    std::shared_ptr<flowcache::DatapathFlows> datapath;
    std::unique_ptr<const bridge::Sight> sight;
  };
  struct Pending {  // a put of this batch
    std::shared_ptr<flowcache::DatapathFlows> datapath;
    ovs::Ufid ufid;
  };
  View* Find(int dp_ifindex);
  static void Refresh(View* view);
  void ProcessAction(const ovs::Upcall& upcall);
  void PublishPacketIn(const ovs::Upcall& upcall, const translate::UserData& data);
  // The datapath and the key of the upcall; false, and counted, when there is none.
  bool Open(const ovs::Upcall& upcall, View** view, ovs::FlowKey* key);
  void Decide(const ovs::FlowKey& key, bool slow_path, View* view);
  void Credit(const ovs::Upcall& upcall);
  void AnswerHeartbeat(const ovs::Upcall& upcall, const View& view);
  void TakeSlowPath(const ovs::Upcall& upcall, const ovs::FlowKey& key, View* view);
  void Execute(const ovs::Upcall& upcall, base::ByteView packet, base::ByteView actions);
  bool MayInstall();
  void Install(const ovs::Upcall& upcall, const ovs::FlowKey& key, const View& view);

  flowcache::Datapaths* const datapaths_;
  install::Installer installer_;
  const base::Clock* const clock_;
  flowcache::InstallGate::Pass pass_;  // held for the batch
  absl::InlinedVector<View, 4> views_;
  std::vector<Pending> pending_;
  std::vector<PortAccount*> executed_;  // whose packets this batch executes
  unsigned pressed_ = 0;                // flows that ports under pressure wanted
  // Of the upcall in hand; kept so that their memory is used again.
  Ticket ticket_;
  base::MonotonicMs now_ = 0;
  translate::Translator translator_;
  translate::Translation translation_;
  attr::Unknowns unknowns_;
  base::ByteVector mask_, masked_key_;
  ovs::ActionList answer_;
};

}  // namespace sluice::upcall
