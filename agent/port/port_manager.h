// Keeps one datapath and its ports as the configuration wants them.
//
// Events are hints: they only mark the manager dirty. Reconcile() looks at what the kernel has,
// compares, and acts, so that a lost or a late event does no harm. Each wanted port has a state:
//
//   kAbsent   its device is not there; added when it comes
//   kAdding   the kernel refused it for now; tried again soon, at most kQuickTries times
//   kUp       it is a port of the datapath
//   kFailed   the kernel refuses it (`reason`); tried again when the device changes, and seldom
//
// What is in the datapath but not wanted:
//   - what a reload took out of the configuration is removed;
//   - devices found in a datapath when it is adopted are released (the device itself stays);
//   - anything else, which someone else added or whose removal would destroy a device, is left
//     alone: it is listed as kUnmanaged, no packet is forwarded to it, and a warning says so.
//
// Ports of tunnels are the agent's alone. Each device that carries some of them is an entry like
// any other port's, made when it is not there and removed with its last port; they are up when it
// is, under numbers from pipeline::kFirstTunnelPort upwards, which stay as long as the port is
// wanted.
//
// Used by the daemon's main loop alone. Never waits but for answers of the kernel.
//
//   PortManager manager("br0", specs, &kernel, &links, &sink, &clock);
//   manager.Reconcile();
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/pipeline/port_table.h"
#include "agent/port/link_table.h"
#include "agent/port/port_kernel.h"
#include "agent/port/port_spec.h"
#include "agent/port/rate_limit.h"
#include "netlink/base/clock.h"

namespace sluice::port {

enum class PortState { kAbsent, kAdding, kUp, kFailed, kUnmanaged };
std::string_view ToString(PortState state);

struct PortStatus {
  PortSpec spec;
  PortState state = PortState::kAbsent;
  std::string reason{};    // why it is not kUp
  uint32_t port_no = 0;    // of kUp and kUnmanaged
  std::string type{};      // "netdev", "internal", "vxlan", ...
  bool has_link = true;    // of kUp: its device is up and has a carrier
  bool is_silent = false;  // it has a link but for a peer that does not answer: has_link is false
  // Of tunnels: the device that carries it, and that one's number in the datapath.
  std::string device{};
  uint32_t device_no = 0;
  uint32_t inner_mtu = 0;  // the largest packet that fits into the route's MTU; 0: not known
  friend bool operator==(const PortStatus&, const PortStatus&) = default;
};

// Is told what comes of it. Must not call back.
class PortSink {
 public:
  virtual ~PortSink() = default;
  // The ports to forward among, the local one included: after every change.
  virtual void OnPorts(std::vector<pipeline::BridgePort> ports) = 0;
  // The datapath is another one now; 0: there is none. Called after OnPorts(), and before upcalls
  // are sent to our handlers.
  virtual void OnDatapath(int dp_ifindex) = 0;
};

// The port of a bridge that a wanted one is, once it has a number.
pipeline::BridgePort ToBridgePort(const PortSpec& spec, uint32_t port_no);

class PortManager {
 public:
  static constexpr int kQuickTries = 6;                          // at 50, 100, 200 ... ms
  static constexpr base::MonotonicMs kSlowRetryMs = 30'000;      // of what failed
  static constexpr base::MonotonicMs kDatapathRetryMs = 1'000;   // of a datapath that cannot be had
  static constexpr base::MonotonicMs kReassertIntervalMs = 100;  // between two, when they pile up

  // The pointers outlive it.
  PortManager(std::string bridge, std::vector<PortSpec> wanted, PortKernel* kernel,
              const LinkTable* links, PortSink* sink, const base::Clock* clock);

  // Peers that do not answer, and why they are down: their ports have no link. Takes effect with
  // the next Reconcile().
  void SetSilentPeers(std::map<std::string, std::string> silent) { silent_ = std::move(silent); }
  const std::map<std::string, std::string>& silent_peers() const { return silent_; }

  // Routes or devices of the underlay may have changed: looked at with the next Reconcile().
  void NoteRoutes() { routes_changed_ = true; }
  // Whether it is the next hop to a tunnel's remote end, and what is known of it changed.
  bool OnNeighbour(const route::Neighbour& neighbour);
  bool has_tunnels() const { return !tunnels_.empty(); }

  // A reload: takes effect with the next Reconcile().
  void SetWanted(std::vector<PortSpec> wanted);

  // Someone else has set the datapath's features or pids, so they are set again with the next
  // Reconcile(). Not certain: events were lost, and one of them may have told of that.
  void NoteForeignSet(bool certain);
  // Cheap, to be called every second or so: has the datapath changed without an event?
  void Check();

  // Makes the kernel's state the wanted one, as far as it can be had.
  void Reconcile();
  // When Reconcile() wants to be called again without an event; nullopt: it does not.
  std::optional<base::MonotonicMs> deadline() const { return deadline_; }

  // Takes the datapath away, with its ports and flows: when a reload dropped the bridge.
  absl::Status Remove();

  // Whether a port of that name is wanted.
  bool Wants(std::string_view name) const;
  // After SetWanted() of several managers: releases what the reload dropped, so that another may
  // have it at once.
  void ReleaseDropped();

  const std::string& bridge() const { return bridge_; }
  int dp_ifindex() const { return dp_ifindex_; }
  const std::string& datapath_problem() const { return datapath_problem_; }  // empty: none
  std::vector<PortStatus> Status() const;

 private:
  struct Entry {
    PortStatus status;
    std::optional<route::TunnelSpec> carrier{};  // a device of tunnels
    bool fits = false;  // of a carrier that is up: it has been looked at, and is as it should be
    bool conflict = false;  // the datapath has a port of that name and another type
    int tries = 0;          // that failed, with the device as it is
    std::optional<base::MonotonicMs> retry_at;
    std::optional<route::Link> device;  // as it was when the kernel refused it
  };

  // A port of a tunnel.
  struct Tunnel {
    PortSpec spec;
    uint32_t port_no = 0;
    std::string device;
    std::string no_route{};  // why there is no way to the remote end
    route::Neighbour next_hop{};
    uint32_t inner_mtu = 0;
    bool told_mtu = false;  // that other ports send more
  };

  // port_manager_tunnels.cc
  // Takes ports of tunnels out of `wanted`, and puts the devices in that carry them.
  void TakeTunnels(std::vector<PortSpec>* wanted, std::vector<route::TunnelSpec>* devices);
  const Entry* CarrierOf(const Tunnel& tunnel) const;
  PortStatus StatusOf(const Tunnel& tunnel) const;
  void AppendTunnels(std::vector<pipeline::BridgePort>* ports) const;
  // Looks where the remote ends are.
  void LookAtRoutes();
  void LookAtRoute(Tunnel* tunnel);
  std::string NeighbourText(const Tunnel& tunnel) const;
  // The device is there when it returns true; else refused, and to be tried again.
  bool MakeCarrier(Entry* entry);
  void RemoveCarrier(const std::string& device);
  // Takes devices of tunnels out of the datapath that are not as they should be.
  void CheckCarriers();

  bool EnsureDatapath();
  void CannotAsk(const absl::Status& status);
  void LoseDatapath(std::string problem);
  void Reassert();
  // Compares with the kernel's list; false when that cannot be had.
  bool Observe(std::vector<ovs::Vport>* vports);
  void DropUnwanted(const std::vector<ovs::Vport>& vports);
  bool MayRelease(const ovs::Vport& vport) const;
  void FixPids(const std::vector<ovs::Vport>& vports);
  void AddMissing();
  bool IsDue(const Entry& entry) const;
  void Add(Entry* entry);
  void Refused(Entry* entry, const absl::Status& status);
  std::string WhyRefused(const Entry& entry, const absl::Status& status) const;
  void SetState(Entry* entry, PortState state, std::string reason);
  void WakeAt(base::MonotonicMs when);
  bool HasLink(std::string_view name) const;
  void Publish();

  const std::string bridge_;
  PortKernel* const kernel_;
  const LinkTable* const links_;
  PortSink* const sink_;
  const base::Clock* const clock_;

  std::vector<Entry> entries_;
  std::vector<Tunnel> tunnels_;
  bool routes_changed_ = true;                 // since they were looked at
  std::map<std::string, std::string> silent_;  // by name, and why
  std::set<std::string> dropped_;              // by a reload: to be removed
  std::set<std::string> warned_;               // of which unmanaged ports
  std::vector<PortStatus> unmanaged_;
  std::optional<std::vector<pipeline::BridgePort>> published_;
  int dp_ifindex_ = 0;
  bool adopting_ = false;  // the first look at a datapath that was there
  // Setting features and pids, again and again if need be.
  bool reassert_ = false;
  bool blame_others_ = false;  // it is known that someone else changed them
  int last_dispatch_ifindex_ = 0;
  base::MonotonicMs last_reassert_ = 0;
  RateLimit warning_{10'000};
  std::string datapath_problem_;
  std::optional<base::MonotonicMs> deadline_;
};

}  // namespace sluice::port
