// What the datapath shall do with a packet, and for which other packets the same holds.
//
// A pure function of what it is shown: no socket, no clock, no state of its own; it allocates
// nothing once the Translation that it fills has been used before. Translation::read has a bit for
// each bit of the packet that was read on the way to the decision: two packets that are equal under
// it get the same decision.
//
//   Translator translator;  // one for each thread, with its Translation used again and again
//   const View view{pipeline, snapshot.version(), *ports, bridge, kernel};
//   translator.Translate(key, view, &translation);
//   if (translation.install) ...
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "agent/pipeline/meter_ids.h"
#include "agent/pipeline/pipeline.h"
#include "agent/pipeline/port_table.h"
#include "agent/pipeline/timeout_policies.h"
#include "agent/translate/recirculations.h"
#include "netlink/base/address.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::translate {

using pipeline::Fields;

// Where a MAC address was last seen. Implementations allow concurrent calls.
class MacLookup {
 public:
  virtual ~MacLookup() = default;
  virtual std::optional<uint32_t> FindPort(uint16_t vlan, const base::Mac& mac) const = 0;
  // Whether the address stays on its port, wherever it is seen.
  virtual bool IsStatic(uint16_t /*vlan*/, const base::Mac& /*mac*/) const { return false; }
};

// What the datapath can do, of what translation would use.
struct Abilities {
  bool dec_ttl = true;  // OVS_ACTION_ATTR_DEC_TTL
  // The socket that userspace() actions go to; in per-CPU mode the kernel does not look at it.
  uint32_t upcall_pid = 0;
  bool ct_zones = true;          // connections are kept apart by zone
  bool symmetric_hashes = true;  // OVS_HASH_ALG_SYM_L4
  bool check_pkt_len = true;     // OVS_ACTION_ATTR_CHECK_PKT_LEN
};

// Why the decision is what it is: for counters and traces.
enum class Verdict : uint8_t {
  kForward,            // to one port, or where the rules said
  kFlood,              // to all ports of the VLAN, for a broadcast or multicast destination
  kFloodUnknown,       // to all ports, as the destination has not been seen
  kSlowPath,           // each packet is changed by the agent, as the kernel cannot
  kHeartbeat,          // a peer's heartbeat, for the agent alone
  kDropSamePort,       // the destination is behind the port that the packet came from
  kDropReserved,       // link-local protocol (01:80:c2:00:00:0X): never forwarded
  kDropVlan,           // the port does not carry the packet's VLAN
  kDropProtected,      // from one protected port to another
  kDropPeer,           // from one peer of an overlay to another
  kDropUnknownPort,    // the bridge has no such port
  kDropMirrorPort,     // the port that it came from is a mirror's
  kDropUnknownTunnel,  // from a tunnel that is no port's
  kDropNoRemote,       // into a tunnel, and nothing says whereto
  kDropNotEthernet,    // the packet has no Ethernet header
  kDropNoRule,         // no rule of table 0 matches
  kDropRules,          // rules matched, and none of them sends the packet anywhere
  kDropTooDeep,        // resubmits or groups within each other, or too many in all
  kDropTooLong,        // more actions than the kernel takes
  kDropUnsettable,     // a header was changed that nobody can change
  kDropBlind,          // a header was asked for that an MPLS label hid
  kDropUnsupported,    // the kernel lacks what a rule asks for
  kDropRecircFull,     // there are as many states of recirculation as there may be
  kDropRecircLoop,     // more recirculations behind each other than there may be
  kDropUnknownRecirc,  // of a recirculation that nobody knows any more
  kDropNoMeter,        // rules name a meter that the kernel does not have
};
inline constexpr int kVerdicts = 26;
std::string_view ToString(Verdict verdict);
// In words, for help.
std::string_view Explain(Verdict verdict);

// A side effect: the source address was seen.
struct Learned {
  base::Mac mac;
  uint16_t vlan = 0;
  uint32_t port_no = 0;
  friend bool operator==(const Learned&, const Learned&) = default;
};

struct Translation {
  Verdict verdict = Verdict::kDropUnknownPort;
  ovs::ActionList actions;
  Fields read;        // of the packet that came
  ovs::FlowKey mask;  // the same for the kernel; of Translate() with a key
  // Whether the decision may be installed as a megaflow. A flood for want of knowledge may not: it
  // would outlive the want.
  bool install = false;
  absl::InlinedVector<Learned, 1> learned;
  uint32_t came_by = 0;  // the bridge's port: of several that share a device, the one that it is
  // On what the decision rests, beside the packet: tables that were searched, groups, ports and
  // addresses that were asked for.
  pipeline::TableSet tables;
  bool groups = false, ports = false, macs = false;
  // Whose packets these are: rules, groups and buckets in the order in which they were met.
  absl::InlinedVector<std::shared_ptr<pipeline::UseStats>, 6> credits;
  // States that the decision began with or sends packets to: as long as a flow does so, it holds
  // them.
  absl::InlinedVector<Recirculations::Ref, 1> recirculations;
};

// A packet that the datapath shall look at again, as an Observer is told of it.
struct RecirculationStep {
  enum class Why : uint8_t { kConntrack, kHeaders, kHash, kLength };
  // What connection tracking is told.
  struct Tracking {
    uint16_t zone = 0;
    bool translates = false;  // addresses and ports
    Fields values, bits;      // of ct_mark and ct_label that are set
  };

  Why why;
  // Among Translation::recirculations. What was told before of this one and later ones has been
  // taken back.
  size_t index;
  const FrozenState* state;  // null: refused, and the packet is dropped
  const Fields& packet;      // as the datapath has it by now, with what the pipeline noted
  bool hides_headers;        // a label that was popped did: from nw_src on
  Origin origin;
  const Tracking* tracking;  // of kConntrack
};

// Told of each step, by a trace. Fields are of the packet as it is at that moment.
class Observer {
 public:
  // Notes that tell where the actions behind them come from.
  static constexpr std::string_view kActionSet = "the action set:";
  static constexpr std::string_view kRest = "what was left of a list of actions:";

  virtual ~Observer() = default;
  // Before each step: the bits of the packet that came that were read so far.
  virtual void OnRead(const Fields& /*so_far*/) {}
  // `rule` is null when none matches. `read` are the bits that the search asked for.
  virtual void OnLookup(uint8_t table, const pipeline::TableRule* rule, const Fields& now,
                        const Fields& read, int depth) = 0;
  virtual void OnAction(const pipeline::Action& action, int depth) = 0;
  virtual void OnNote(std::string_view what, int depth) = 0;
  virtual void OnRecirculation(const RecirculationStep& /*step*/, int /*depth*/) {}
};

// Of one packet behind each other.
inline constexpr int kMaxRecirculations = 16;

// What a translation looks at. All of it stays as it is meanwhile.
struct View {
  const pipeline::Pipeline& pipeline;
  pipeline::Version version;
  const pipeline::PortTable& ports;
  const MacLookup& macs;
  const Abilities& kernel;
  Observer* observer = nullptr;
  // For one packet, which we carry through ourselves (slow_path.h): the actions may set what the
  // kernel cannot, and the decision is none to be installed.
  bool slow_path = false;
  // Whether somebody listens to what rules send to user space: if not, nothing is sent there.
  bool packet_ins = true;
  // Null: no packet is recirculated.
  Recirculations* recirculations = nullptr;
  // The kernel's meters; null: there are none.
  const pipeline::MeterIds* meters = nullptr;
  // Likewise of timeout policies.
  const pipeline::TimeoutPolicies* timeouts = nullptr;
  // Of a packet that is traced, as the kernel counts it (packet_layout.h): for notes alone.
  std::optional<size_t> packet_length{};
};

class Walk;

// Not thread-safe.
class Translator {
 public:
  Translator();
  ~Translator();
  Translator(Translator&&) noexcept;
  Translator& operator=(Translator&&) noexcept;

  // Fills everything but `mask`.
  void Translate(const Fields& packet, const View& view, Translation* out);
  void Translate(const ovs::FlowKey& key, const View& view, Translation* out);
  // Appends the actions that send a packet of our own by a port. Of a tunnel that has a remote
  // address and keys of its own: else nothing.
  void Wrap(const pipeline::BridgePort& port, ovs::ActionList* actions);

 private:
  std::unique_ptr<Walk> walk_;  // its memory is used again
};

}  // namespace sluice::translate
