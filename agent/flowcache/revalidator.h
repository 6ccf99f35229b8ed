// Keeps the kernel's flows true: dumps them, credits statistics, re-translates what a change may
// have touched, expires what is idle.
//
// A round: a terse dump by UFID; each flow's MAC address is kept alive by its last use; a flow
// whose bridge has changed since is translated again and kept, changed in place, or deleted; an
// idle one is deleted. Unknown flows (of an agent that ran before, or of someone else) are adopted
// when they do what we would do, else deleted; either is counted.
//
// How long a round takes bounds for how long a packet may follow what was before: rounds that take
// too long lower the limit of flows (FlowLimit). While there are more than that, the idlest are
// deleted, and never one that is busy.
//
// Run by one thread; Kick(), Revalidate(), Purge() and AwaitRound() may be called by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
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
  // Something changed: has the next round begin now.
  void Kick();
  // Has a round begin now, and waits until it has ended: then no flow rests on what was changed
  // before the call, and no packet is on its way by it. kDeadlineExceeded.
  absl::Status AwaitRound(absl::Duration patience);
  // A round in which every flow of the datapath is translated again, whatever changed.
  // kNotFound when there is no such datapath any more, kDeadlineExceeded, or why it failed.
  absl::StatusOr<RoundReport> Revalidate(int dp_ifindex, absl::Duration patience);
  // Deletes all flows of the datapath, in the kernel too; what they counted is credited before.
  absl::StatusOr<RoundReport> Purge(int dp_ifindex, absl::Duration patience);

  // One round over all datapaths, by the calling thread; for tests, and used by the thread.
  void RunRound();
  uint64_t rounds() const { return rounds_.load(std::memory_order_relaxed); }

 private:
  Revalidator(const RevalidatorOptions& options, Datapaths* datapaths, const base::Clock* clock,
              socket::Client client, install::Installer installer);
  enum class Job { kRevalidate, kPurge };
  struct Request {
    Job job;
    int dp_ifindex;
    bool served = false;
    absl::StatusOr<RoundReport> answer;
  };
  struct Round;
  using Requests = std::vector<std::shared_ptr<Request>>;

  void Loop();
  absl::StatusOr<RoundReport> Ask(Job job, int dp_ifindex, absl::Duration patience);
  void RunRound(Round* round, const Requests& requests);
  bool DumpInto(Round* round);
  void TakeIn(Round* round);
  void ExpireIdle(Round* round);
  void EvictIdlest(Round* round);
  // Those that something may have changed for, or `all`.
  void FindStale(Round* round, const bridge::Sight& sight, bool all);
  void JudgeStale(Round* round, bool all);
  void JudgeOne(Round* round, const bridge::Sight& sight, const ovs::Ufid& ufid);
  absl::Status Purge(Round* round);
  void FlushChanges(Round* round);
  void Finish(Round* round);

  void FindStates(DatapathFlows* datapath, const std::vector<ovs::Flow>& flows);
  void LearnFrom(DatapathFlows* datapath, const std::vector<ovs::Flow>& flows);
  bool IsRight(const ovs::Flow& flow, const bridge::Sight& sight, ovs::FlowKey* key,
               ovs::FlowKey* mask);
  void AdoptOrDelete(Round* round, const ovs::Flow& flow);

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
  base::MonotonicMs kicked_at_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t begun_ ABSL_GUARDED_BY(mutex_) = 0, ended_ ABSL_GUARDED_BY(mutex_) = 0;
  Requests requests_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace sluice::flowcache
