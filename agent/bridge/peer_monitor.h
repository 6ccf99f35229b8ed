// Whether the peers of an overlay answer, and how large packets to them may be.
//
// A state machine without sockets: Tick() says which frames to send now, OnFrame() takes what came
// from a peer and says what to answer. A frame has addresses of zeros, which no host has, and a
// type of its own; it goes through the tunnel as packets do.
//
// About once an interval (an eighth more or less, so that hosts do not beat in step) a small probe
// goes to each peer. One that has answered before and misses kMisses of them is silent, until it
// answers again; one that never has may not know of heartbeats, and is left alone unless it must
// answer. To one that answers goes a second probe, of the size that is in question. At first that
// is the largest frame that the bridge's devices send; when small ones are answered and it is not,
// the path takes less, and how much is found by halving. What was found is confirmed every
// kConfirmAfter intervals, and more is tried every kRetryAfter.
//
// Thread-safe: handlers call OnFrame(), the main loop the rest.
//
//   for (const PeerMonitor::Frame& frame : monitor.Tick(clock.Now())) Send(frame.port_no, ...);
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "netlink/base/bytes.h"
#include "netlink/base/clock.h"

namespace sluice::bridge {

struct HeartbeatOptions {
  base::MonotonicMs interval = 1000;  // 0: nothing is sent, and nobody is silent
  bool must_answer = false;           // one that has never answered is silent too
  friend bool operator==(const HeartbeatOptions&, const HeartbeatOptions&) = default;
};

// What leads to a peer.
struct PeerPort {
  uint32_t port_no = 0;
  uint32_t mtu = 0;  // the largest packet that may go there
};

// What is known of one peer.
struct PeerHealth {
  bool silent = false;                            // it does not answer, and should
  std::optional<base::MonotonicMs> answered{};    // when it last did; none: never
  std::optional<base::MonotonicMs> round_trip{};  // of the last answer
  uint64_t sent = 0, answers = 0;                 // probes, of all sizes
  // The largest packet whose frame was answered lately; 0: not known yet.
  uint32_t path_mtu = 0;
  bool path_mtu_is_final = false;  // more was tried, or is not wanted
  friend bool operator==(const PeerHealth&, const PeerHealth&) = default;
};

class PeerMonitor {
 public:
  static constexpr unsigned kMisses = 3;
  static constexpr uint32_t kHeader = 14, kSmallest = 60;
  static constexpr uint32_t kLeastMtu = 576;  // less is not looked for
  static constexpr uint32_t kMostMtu = 9216;  // nor is more
  // A size that was not answered so often does not fit.
  static constexpr unsigned kTriesOfSize = 2;
  static constexpr unsigned kConfirmAfter = 10, kRetryAfter = 60;  // intervals
  static constexpr size_t kMostProbes = 16;                        // remembered, of each peer

  // `seed`: for when probes go, and their first number, which nobody should guess.
  explicit PeerMonitor(uint32_t seed = 1) : random_(seed), sequence_(seed) {}

  struct Frame {
    uint32_t port_no = 0;
    base::ByteVector bytes;
  };

  // The peers, by name; those that stay keep what is known of them.
  void Configure(const std::map<std::string, PeerPort>& peers, const HeartbeatOptions& options);
  // What is due.
  std::vector<Frame> Tick(base::MonotonicMs now);
  // A frame from a peer's port. Gives the answer to a probe; nullopt for an answer, and for what is
  // none of ours, which is counted.
  std::optional<Frame> OnFrame(uint32_t port_no, base::ByteView frame, base::MonotonicMs now);

  std::map<std::string, PeerHealth> Health() const;
  // Whether a peer fell silent, or one is it no more, since the last call.
  bool TakeChanged();

 private:
  struct Probe {
    uint32_t sequence = 0;
    uint32_t size = 0;
    base::MonotonicMs sent = 0;
  };
  struct Peer {
    uint32_t port_no = 0;
    uint32_t largest = 0;  // frame
    PeerHealth health;
    std::optional<base::MonotonicMs> next{};
    unsigned misses = 0;        // intervals since the last answer
    std::vector<Probe> probes;  // on their way, the newest last
    // The search: frames of `low` bytes arrive (0: no size is known to), those of `high` do not;
    // `tried`: the size in question, `tries` times in vain; 0: none. `quiet`: intervals since there
    // was one.
    uint32_t low = 0, high = 0, tried = 0;
    unsigned tries = 0, quiet = 0;
  };

  base::MonotonicMs NextAfter(base::MonotonicMs now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(Peer* peer, uint32_t size, base::MonotonicMs now, std::vector<Frame>* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Search(Peer* peer, base::MonotonicMs now, std::vector<Frame>* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Take(Peer* peer, uint32_t sequence, uint32_t size, base::MonotonicMs now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetSilent(Peer* peer, bool silent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void BeginSearch(Peer* peer);
  static void NotArrived(Peer* peer);
  static uint32_t NextSize(Peer* peer);
  static void Arrived(Peer* peer, uint32_t size);

  mutable absl::Mutex mutex_;
  std::minstd_rand random_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Peer> peers_ ABSL_GUARDED_BY(mutex_);
  HeartbeatOptions options_ ABSL_GUARDED_BY(mutex_);
  uint32_t sequence_ ABSL_GUARDED_BY(mutex_);
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::bridge
