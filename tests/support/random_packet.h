// Random packets of a small universe, so that many of them have a value in common.
//
// A packet is canonical: what it does not have is zero, as if it had been read from a key of the
// kernel. All follows from the generator, on every machine.
//
//   Random random(seed);
//   const Fields packet = RandomPacket({}, &random);
//   const Fields other = Sibling(packet, mask, {}, &random);
#pragma once

#include "agent/pipeline/fields.h"
#include "agent/pipeline/tunnel_options.h"
#include "tests/support/rule_sets.h"

namespace sluice::testing {

using pipeline::Fields;

struct RandomPacketOptions {
  bool bare = false;             // some begin with their network header
  bool tunnels = true;           // some come out of a tunnel
  bool tunnel_metadata = false;  // with Geneve options: kTunnelOptions
  bool tracked = true;           // some have been seen by connection tracking
};

// A field of an option, and two of the parts of another.
// That rules compare, all longer than headers alone; and the length of a packet, near one of them.
inline constexpr int kLengths[] = {200, 204, 300};
inline int RandomLength(Random* random) {
  return kLengths[random->Below(std::size(kLengths))] + static_cast<int>(random->Below(19)) - 9;
}

inline constexpr pipeline::TunnelOptions kTunnelOptions = {
    {{{.option_class = 0x102, .type = 0x80, .length = 4, .bytes = 4}},
     {{.option_class = 0x102, .type = 0x81, .length = 16, .bytes = 8}},
     {{.option_class = 0x102, .type = 0x81, .length = 16, .offset = 9, .bytes = 6}}}};

// ARP, IPv4 and IPv6 with all that they carry and in fragments, MPLS, other types; without tags,
// with one, with two. Ports are 0 to 4, seldom 9, or none.
Fields RandomPacket(const RandomPacketOptions& options, Random* random);

// Another packet that agrees with `packet` in all bits of `mask`, and is as random as that allows
// elsewhere: another one of the universe, or `packet` with other bits, or with one other byte.
// Registers, metadata and their like, which no packet comes with, stay as they are.
Fields Sibling(const Fields& packet, const Fields& mask, const RandomPacketOptions& options,
               Random* random);

// What a label hid that is popped to `fields->eth_type`: anything of that type, worked out of
// nothing but the label's entry, so that whoever asks gets the same.
void FillBehindLabel(uint32_t label, Fields* fields);

// `fields` without what such a packet cannot have. Registers and their like stay as they are.
Fields Canonical(Fields fields);

}  // namespace sluice::testing
