// What rules mean, said as plainly as it can be: for tests of what translation yields.
//
// A linear scan over the rules, recursion over the actions, a packet with lists of tags and labels,
// copied wherever something happens to a copy. No masks, no commits, no kernel: each packet is
// carried through on its own. Written from ovs-actions(7) and ovs-fields(7), not from the
// translator, and slow.
//
//   ReferencePipeline pipeline({.rules = rules, .groups = groups, .ports = ports});
//   const ReferenceResult result = pipeline.Run(packet);
//   CHECK(ToString(result) == "2 tcp,nw_dst=10.0.0.1");
//
// A pipeline is immutable; any number of threads may Run() one.
//
// Where the manual leaves a choice, or the agent has made one of its own:
//
// - The TTL that runs out, `exit` and a pause end the copy in which they happen: the rest of a
//   clone() or of a bucket, not what comes behind it.
// - What is written to the set while the set is carried out is never carried out.
// - In a set, output, output:FIELD, controller and enqueue are one kind: the last of them counts.
//   actset_output is the port of the output; UNSET (0xfff7) for output:FIELD. All sets of fields
//   and moves stay, in the order of being written; of the other kinds the last. What cannot be in a
//   set, and still stands in a bucket (clone, exit, push, pop, pop_queue, sample, note), says
//   nothing.
// - max_len holds for every copy that the output makes, whatever the port. To the controller, 0 is
//   0xffff.
// - IN_PORT outputs only if the bridge has the port.
// - push without the prerequisites pushes nothing. pop without them takes the value off the stack,
//   and drops it.
// - The ports of a later fragment can be set, and rules see what was set; the packet that is sent
//   has none.
// - A packet that is not Ethernet takes no tags.
// - `normal` sends in the order of port numbers. A tag without an id (802.1p) that came in by an
//   access port gets the port's id on its way out of a trunk, and goes away otherwise.
// - A mirror takes one copy of a packet, and one place gets one copy. What a mirror sends no other
//   takes. A packet whose VLAN the port does not carry is of no VLAN, and is sent as it is.
// - What comes behind a meter, in the same copy, came through it. A meter that the kernel does not
//   have drops the whole packet, as an exceeded limit does.
// - Behind check_pkt_larger in a copy, which mirrors take something says nothing of what comes
// behind
//   the copy.
// - A limit that is exceeded leaves nothing: no deliveries and nothing learned.
// - resubmit without a table looks up in the table of the rule; in a bucket that is the rule with
//   the group, in the action set it is table 0.
// - ct() tracks packets of IP; what it says is what TrackAtRandom() says, and nothing is
// translated.
//   A copy goes on in the table, with registers, stack and action set; the packet itself goes on as
//   one that was not tracked. Limits are of each half for itself, and what a half had begun is gone
//   with it.
// - Tunnels: of ports that share a device, a packet comes by the one that says most of it (key
//   before remote before local address). tun_* fields of a delivery are what it is wrapped in, and
//   zero where that is nothing. A packet without destination for its wrapping is not sent.
// - resubmit with a reserved port looks it up by the low 16 bits of its number, as rules have it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/pipeline/fields.h"
#include "agent/pipeline/group.h"
#include "agent/pipeline/meter_ids.h"
#include "agent/pipeline/port_table.h"
#include "agent/pipeline/rule.h"

namespace sluice::testing {

using pipeline::Fields;

// A packet that left.
struct Delivery {
  enum class Kind { kPort, kUserspace };
  Kind kind = Kind::kPort;
  uint32_t port = 0;        // kPort: the datapath's number, also of a tunnel's device
  uint32_t max_length = 0;  // kPort: 0 for all of it; kUserspace: as the action says
  pipeline::PacketInReason reason = pipeline::PacketInReason::kAction;  // from here: kUserspace
  uint16_t controller = 0;
  std::vector<uint8_t> userdata{};
  Fields packet{};                 // with registers and metadata, as they were
  std::vector<uint32_t> meters{};  // of the kernel, that it came through

  friend bool operator==(const Delivery&, const Delivery&) = default;
};

struct ReferenceResult {
  struct Learned {
    base::Mac mac;
    uint16_t vlan = 0;
    uint32_t port = 0;
    friend bool operator==(const Learned&, const Learned&) = default;
  };

  std::vector<Delivery> deliveries;
  std::optional<Learned> learned;  // by the last `normal`
  // Something depends on what nobody can know, such as headers behind a label that was popped. The
  // deliveries are those before; there may be others.
  bool gave_up = false;
  // Too deep, or too many lookups: the packet is dropped.
  bool over_limit = false;
  bool half_dropped = false;  // the same, of a half behind a recirculation
  std::string why;            // of both
  size_t rules_matched = 0;   // lookups that found a rule
};

class ReferencePipeline {
 public:
  using MacTable = std::map<std::pair<uint16_t, base::Mac>, uint32_t>;  // (vlan, mac) → port
  // Which bucket of a group of type select: one of `live`, never empty, which are indices of
  // group.buckets.
  using SelectBucket = std::function<size_t(const pipeline::Group& group, const Fields& packet,
                                            const std::vector<size_t>& live)>;
  using BehindLabel = std::function<void(uint32_t label, Fields* packet)>;
  struct Parts {
    std::vector<pipeline::Rule> rules{};  // of all tables; no two of one priority that overlap
    std::vector<pipeline::Group> groups{};
    pipeline::PortTable ports{};
    MacTable macs{};
    pipeline::MeterIds meters{};
    // Whether the datapath has the symmetric hash; by it, and by its other one, `select` finds the
    // packet's dp_hash.
    bool symmetric_hashes = false;
    SelectBucket select{};  // none: a choice between several buckets is given up
    // Fills in what a popped label hid, layer 3 and above; none: whoever looks there gives up.
    BehindLabel behind_label{};
    // Labels as ovs-actions(7) has them: the first is 2 over IPv6, has the low bits of the DSCP and
    // a TTL of 64 where IP has none; a pop changes the Ethernet type only with the last. Otherwise
    // as the agent has decided: label and class 0, TTL 0; a pop always changes the type.
    bool labels_as_manual = false;
  };

  static constexpr size_t kMaxDepth = 64;        // of resubmits, groups and clones in one another
  static constexpr size_t kMaxSteps = 4096;      // lookups, and buckets that are carried out
  static constexpr int kMaxRecirculations = 16;  // of one packet, behind each other
  static constexpr size_t kMaxTags = 8;          // of a packet; more is given up

  explicit ReferencePipeline(Parts parts);

  // `packet` is canonical: what it does not have is zero. Registers, metadata and conj_id begin as
  // zero and actset_output as UNSET, whatever `packet` has there.
  // `length` is what check_pkt_larger compares: without the outermost tag.
  ReferenceResult Run(const Fields& packet, int length = 0) const;

 private:
  Parts parts_;  // rules: the highest priority first
};

// "1 MATCH": to port 1, a packet that this match tells of; "1[64] MATCH": 64 bytes of it;
// "user(reason=1,id=0,max=65535) MATCH".
std::string ToString(const Delivery& delivery);
// One a line; "over limit: WHY" and "gave up: WHY" at the end.
std::string ToString(const ReferenceResult& result);

}  // namespace sluice::testing
