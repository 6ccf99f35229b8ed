// Random pipelines, and packets that find their rules: for tests that hold for all pipelines.
//
// Everything follows from the seed, on every machine. Rules and groups are made as text and read by
// the parsers that users meet. Packets and rules draw their values from one small universe
// (random_packet.h), so that a packet meets rules in most tables.
//
//   const RandomPipeline made(seed, {.exclude = Kinds({ActionKind::kPopMpls})});
//   const ReferencePipeline reference(made.parts);
//   Random random(seed);
//   const Fields packet = made.Packet(&random);
//   const Fields other = made.Sibling(packet, mask, &random);
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "agent/pipeline/action.h"
#include "tests/support/random_packet.h"
#include "tests/support/reference_pipeline.h"
#include "tests/support/rule_sets.h"

namespace sluice::testing {

// A bit for each kind of action.
constexpr uint64_t Kinds(std::initializer_list<pipeline::ActionKind> kinds) {
  uint64_t bits = 0;
  for (const pipeline::ActionKind kind : kinds) bits |= uint64_t{1} << static_cast<unsigned>(kind);
  return bits;
}

struct RandomPipelineOptions {
  unsigned tables = 5;  // and one more, whose rules lead nowhere
  unsigned rules_per_table = 14;
  unsigned groups = 6;
  uint64_t exclude = 0;  // Kinds() of actions that there shall be none of
  // Groups whose bucket the kernel's hash chooses (dp_hash, symmetric_l4), or the agent's (hash).
  bool kernel_hashes = false;
  bool field_hashes = true;
  // Resubmits to the same or an earlier table, and groups that lead back: some exceed the limits.
  bool loops = true;
  // output:FIELD, controller and enqueue in action sets and buckets.
  bool all_outputs_in_sets = true;
  // Changes to headers that the kernel cannot change: ARP, ND, ICMP.
  bool unsettable = true;
  bool normal = true;
  // Ports with settings of every kind, instead of the plain ones below.
  bool switch_settings = false;
  // Ports kFirstTunnelPort and above, on devices 6 (GRE), 7 (VXLAN) and 8 (ERSPAN).
  bool tunnel_ports = false;
  // max_len for IN_PORT, ALL, FLOOD and NORMAL.
  bool cut_to_reserved = true;
  RandomPacketOptions packets{};
};

struct RandomPipeline {
  explicit RandomPipeline(uint64_t seed, const RandomPipelineOptions& wanted = {});

  RandomPipelineOptions options;
  std::vector<std::string> rules, groups;  // the texts
  std::vector<std::string> errors;         // of texts that did not parse: none
  // What the texts mean; ports 0 to 4, of which 3 is an access port and 4 carries two VLANs; some
  // addresses. Without `select`.
  ReferencePipeline::Parts parts;

  Fields Packet(Random* random) const;
  Fields Sibling(const Fields& packet, const Fields& mask, Random* random) const {
    return testing::Sibling(packet, mask, options.packets, random);
  }
  // All texts, for a failing test to show.
  std::string Text() const;
};

}  // namespace sluice::testing
