// A translation in words: each table, rule and action, which bits of the packet each search asked
// for, and the datapath flow that results; and the same of each time that the datapath has to look
// at the packet again, with what had to be assumed then.
//
//   TraceReport report = Trace(key, view, &ports, {.ct_states = {kEstablished}});
//   std::cout << ToString(report);
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/pipeline/ports.h"
#include "agent/translate/translate.h"

namespace sluice::translate {

// What nobody can know who only looks.
struct TraceAssumptions {
  // What connection tracking says of the packet, OVS_CS_F_*: one for each ct() that sends it on, in
  // the order of rounds. Of more, that the connection is new.
  std::vector<uint32_t> ct_states;
  // The hash that the datapath works out, likewise. Of more: 1.
  std::vector<uint32_t> hashes;
  // What a popped label hid, from layer 3 on. Not needed where the bytes are given.
  std::optional<Fields> inner;
  // The packet's bytes; empty: no more is known than the key.
  base::ByteVector packet;
};

// A packet that the datapath looks at: the one that came, or one that comes back.
struct TraceRound {
  // Of a packet that comes back.
  struct Cause {
    size_t round = 0;  // of which it is an outcome, as an index of TraceReport::rounds
    RecirculationStep::Why why = {};
    Origin origin;
    std::string where;  // "rule table=0,priority=..."
    uint16_t zone = 0;  // of kConntrack
  };
  std::optional<Cause> cause;
  uint32_t recirc_id = 0;
  std::vector<std::string> assumed;
  std::string packet;  // as rules match it
  std::string steps;
  std::string read, flow, actions;  // actions of the datapath
  Verdict verdict = {};
  bool installed = false;
  std::vector<Learned> learned;
  // What the agent does with this packet, where it is one for the slow path.
  std::optional<Verdict> slow_verdict;
  std::string slow_actions;
  // Where it should have been recirculated once more, and was not: it had been too often.
  std::string refused;
};

struct TraceReport {
  static constexpr size_t kMaxRounds = 64;

  std::vector<TraceRound> rounds;  // never empty
  size_t left_out = 0;             // recirculations beyond kMaxRounds
  // Where a packet was sent round that had been too often: from the first time on, with how often
  // behind each other. Empty: there was none.
  struct Place {
    std::string where;
    int times = 1;
  };
  std::vector<Place> loop;
  // Assumptions that no recirculation asked for.
  size_t unused_ct_states = 0, unused_hashes = 0;
};

// `names` may be null. Nothing is learned and nothing counted, and no state of recirculation is
// left behind. Where lengths are compared, a packet whose bytes are given goes one way, and any
// other both.
TraceReport Trace(const ovs::FlowKey& key, const View& view, const pipeline::PortNames* names,
                  const TraceAssumptions& assumptions = {});
std::string ToString(const TraceReport& report);
std::string ToString(const Learned& learned);
// "+est+trk".
std::string CtStateText(uint32_t state);
// What is not zero, in the form in which a trace takes it.
std::string PacketText(const Fields& packet, const pipeline::PortNames* names);
std::string_view ToString(RecirculationStep::Why why);

// Of TraceAssumptions: `trk,est`, `trk|est` or `+trk+est`; whatever is said of a connection, it is
// tracked.
absl::StatusOr<uint32_t> ParseCtState(std::string_view text);

// What Trace() writes each step with, to `out`.
std::unique_ptr<Observer> MakeTraceWriter(const pipeline::PortNames* names, std::string* out);

}  // namespace sluice::translate
