// Keeps the kernel's flows true: dumps them, credits statistics, re-translates what a change may
// have touched, expires what is idle.
//
// A round: a terse dump by UFID; each flow's MAC address is kept alive by its last use; a flow
// whose bridge has changed since is translated again and kept, changed in place, or deleted; an
// idle one is deleted. Unknown flows (of an agent that ran before, or of someone else) are adopted
// when they do what we would do, else deleted; either is counted.
//
// Run by one thread; Kick() may be called by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "agent/flowcache/datapath_flows.h"
#include "agent/install/installer.h"
#include "netlink/base/clock.h"
#include "netlink/ovs/flow.h"
#include "netlink/socket/client.h"

namespace sluice::flowcache {

struct RevalidatorOptions {
  uint64_t interval_ms = 500;
  uint64_t idle_timeout_ms = 10'000;
};

class Revalidator {
 public:
  static absl::StatusOr<std::unique_ptr<Revalidator>> Create(const RevalidatorOptions& options,
                                                             Datapaths* datapaths,
                                                             const base::Clock* clock);
  ~Revalidator();

  // Takes over the flows that a datapath has, before upcalls are answered: addresses are learned
  // from all of them first, then each is judged.
  absl::Status Adopt(DatapathFlows* datapath);

  void Start();
  void Stop();
  // Has the next round begin now.
  void Kick();

  // One round over all datapaths, by the calling thread; for tests, and used by the thread.
  void RunRound();
  uint64_t rounds() const { return rounds_.load(std::memory_order_relaxed); }

 private:
  Revalidator(const RevalidatorOptions& options, Datapaths* datapaths, const base::Clock* clock,
              socket::Client client, install::Installer installer);
  struct Round;
  void Loop();
  void RunRound(DatapathFlows* datapath);
  bool DumpInto(Round* round);
  void TakeIn(Round* round);
  void ExpireIdle(const Round& round);
  void JudgeStale(DatapathFlows* datapath);
  void LearnFrom(DatapathFlows* datapath, const std::vector<ovs::Flow>& flows);
  bool IsRight(const ovs::Flow& flow, const bridge::Sight& sight);
  void AdoptOrDelete(DatapathFlows* datapath, const ovs::Flow& flow);
  void FlushChanges(DatapathFlows* datapath);

  const RevalidatorOptions options_;
  Datapaths* const datapaths_;
  const base::Clock* const clock_;
  socket::Client client_;
  install::Installer installer_;
  translate::Translator translator_;
  translate::Translation translation_;
  base::ByteVector key_;  // of the flow in hand
  std::vector<ovs::Ufid> stale_;
  std::vector<ovs::Ufid> modified_;  // of the modifications that are queued, by their tags
  std::atomic<uint64_t> rounds_{0};
  absl::Mutex mutex_;
  bool kicked_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::flowcache
