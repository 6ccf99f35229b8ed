// What a handler does with an upcall: translate, learn, execute the packet, install the flow.
//
// One for each handler; used by its thread only.
#pragma once

#include <memory>
#include <vector>

#include "agent/flowcache/datapath_flows.h"
#include "agent/install/installer.h"
#include "agent/translate/translate.h"
#include "agent/upcall/handler_pool.h"
#include "netlink/base/clock.h"

namespace sluice::upcall {

class Forwarder final : public Processor {
 public:
  Forwarder(flowcache::Datapaths* datapaths, install::Installer installer,
            const base::Clock* clock);

  void Process(const ovs::Upcall& upcall) override;
  void FinishBatch() override;

 private:
  struct Pending {  // a put of this batch
    std::shared_ptr<flowcache::DatapathFlows> datapath;
    ovs::Ufid ufid;
  };
  flowcache::DatapathFlows* Find(int dp_ifindex);
  void Install(const std::shared_ptr<flowcache::DatapathFlows>& datapath, const ovs::FlowKey& key,
               uint64_t generation);

  flowcache::Datapaths* const datapaths_;
  install::Installer installer_;
  const base::Clock* const clock_;
  std::shared_ptr<const flowcache::DatapathSet> snapshot_;  // of this batch
  base::MonotonicMs now_ = 0;
  translate::Translation translation_;
  attr::Unknowns unknowns_;
  flowcache::CachedFlow flow_;
  std::vector<Pending> pending_;
};

}  // namespace sluice::upcall
