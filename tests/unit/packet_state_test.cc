// Packets on their way through the pipeline: random changes, committed at random moments, against a
// model of what the kernel then does; and how little of the packet is read for it.

#include "agent/translate/packet_state.h"

#include <random>

#include "agent/translate/commit.h"
#include "tests/support/datapath_model.h"
#include "tests/support/test.h"

namespace sluice::translate {
namespace {

using base::Be16;
using base::Be32;
using testing::DatapathModel;
using testing::Emission;

constexpr uint32_t kPort = 1;
constexpr uint8_t kEnoughTtl = 0x40;  // for all decrements of a run

// One thing that an action may do, to the state and to the packet as the user means it.
struct Change {
  const char* name;
  void (*to_state)(std::mt19937_64*, PacketState*);
};

uint8_t Byte(std::mt19937_64* random) { return static_cast<uint8_t>((*random)()); }

template <typename T>
void WriteSome(T Fields::*member, std::mt19937_64* random, PacketState* state) {
  uint8_t value[sizeof(T)], bits[sizeof(T)];
  const uint64_t kind = (*random)() % 3;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value[i] = Byte(random);
    bits[i] = kind == 0 ? 0xff : kind == 1 ? Byte(random) : static_cast<uint8_t>(i == 0 ? 0xf0 : 0);
  }
  const Fields& now = state->now();
  const auto offset = static_cast<size_t>(reinterpret_cast<const char*>(&(now.*member)) -
                                          reinterpret_cast<const char*>(&now));
  state->Write(offset, value, bits);
}

constexpr Change kChanges[] = {
    {"eth_src", [](auto* r, auto* s) { WriteSome(&Fields::eth_src, r, s); }},
    {"eth_dst", [](auto* r, auto* s) { WriteSome(&Fields::eth_dst, r, s); }},
    {"nw_src", [](auto* r, auto* s) { WriteSome(&Fields::nw_src, r, s); }},
    {"nw_dst", [](auto* r, auto* s) { WriteSome(&Fields::nw_dst, r, s); }},
    {"nw_tos", [](auto* r, auto* s) { WriteSome(&Fields::nw_tos, r, s); }},
    {"nw_ttl",
     [](auto* r, auto* s) {
       s->WriteMember(&Fields::nw_ttl, static_cast<uint8_t>((*r)() | kEnoughTtl));
     }},
    {"tp_dst", [](auto* r, auto* s) { WriteSome(&Fields::tp_dst, r, s); }},
    {"pkt_mark", [](auto* r, auto* s) { WriteSome(&Fields::pkt_mark, r, s); }},
    {"reg", [](auto* r, auto* s) { WriteSome(&Fields::regs, r, s); }},
    {"read dst", [](auto*, auto* s) { s->ReadMember(&Fields::nw_dst); }},
    {"push",
     [](auto* r, auto* s) {
       if (s->tags().now - s->tags().keep < 2)
         (void)s->PushVlan(0x88a8, static_cast<uint16_t>((*r)() & 0xefff));
     }},
    {"pop", [](auto*, auto* s) { s->PopVlan(); }},
    {"vid", [](auto* r, auto* s) { s->SetTci(static_cast<uint16_t>((*r)() & 0xfff), 0xfff); }},
    {"pcp", [](auto* r, auto* s) { s->SetTci(static_cast<uint16_t>((*r)() & 0xe000), 0xe000); }},
    {"ttl", [](auto*, auto* s) { s->DecrementTtl(); }},
};

Fields RandomPacket(std::mt19937_64* random) {
  Fields packet;
  for (size_t i = pipeline::FieldWord(offsetof(Fields, eth_src)); i < pipeline::kFieldWords; ++i)
    pipeline::SetWord(&packet, i, (*random)());
  packet.eth_type = Be16::FromHost(0x0800);
  packet.nw_ttl |= kEnoughTtl;
  packet.nw_proto = (*random)() % 4 == 0 ? 17 : 6;
  packet.nw_frag = static_cast<uint8_t>(std::array{0, 0, 1, 3}[(*random)() % 4]);
  const uint64_t tags = (*random)() % 3;
  for (size_t i = 0; i < 2; ++i) {
    Fields::Vlan& vlan = packet.vlans[i];
    vlan = i < tags ? Fields::Vlan{Be16::FromHost(0x8100),
                                   Be16::FromHost(static_cast<uint16_t>((*random)() | 0x1000))}
                    : Fields::Vlan{};
  }
  packet.mpls = {};
  return packet;
}

// Another packet that the megaflow with this mask would take.
Fields Sibling(const Fields& packet, const Fields& mask, std::mt19937_64* random) {
  Fields other = RandomPacket(random);
  for (size_t i = 0; i < pipeline::kFieldWords; ++i) {
    const uint64_t bits = pipeline::Word(mask, i);
    pipeline::SetWord(&other, i,
                      (pipeline::Word(packet, i) & bits) | (pipeline::Word(other, i) & ~bits));
  }
  return other;
}

// Registers live in the pipeline alone, and later fragments have no ports.
Fields Wire(Fields fields) {
  fields.regs = {};
  if ((fields.nw_frag & pipeline::kFragLater) != 0) fields.tp_src = fields.tp_dst = {};
  return fields;
}

struct Outcome {
  std::vector<Fields> outputs;  // as the pipeline sees them
  ovs::ActionList actions;
  Fields read;
};

Outcome Play(const Fields& packet, uint64_t seed) {
  std::mt19937_64 random(seed);
  Outcome outcome;
  PacketState state;
  state.Reset(packet);
  for (uint64_t left = 1 + random() % 6; left > 0; --left) {
    for (uint64_t changes = random() % 4; changes > 0; --changes) {
      const Change& change = kChanges[random() % std::size(kChanges)];
      const bool ttl = std::string_view(change.name) == "ttl";
      if (ttl) {
        (void)Commit(&state, SetBy::kKernel, &outcome.actions);
        auto nest = outcome.actions.Nest(OVS_ACTION_ATTR_DEC_TTL);
      }
      change.to_state(&random, &state);
    }
    CHECK(Commit(&state, SetBy::kKernel, &outcome.actions) == Committed::kAll);
    outcome.actions.Output(kPort);
    outcome.outputs.push_back(Wire(state.now()));
  }
  outcome.read = state.read();
  return outcome;
}

}  // namespace

TEST_CASE("what is committed makes the kernel's packet what the pipeline's is, for all its kind") {
  std::mt19937_64 random(1);
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    const Fields packet = RandomPacket(&random);
    Outcome outcome = Play(packet, seed);
    for (int sibling = 0; sibling < 4; ++sibling) {
      const Fields other = sibling == 0 ? packet : Sibling(packet, outcome.read, &random);
      const Outcome expected = Play(other, seed);
      CHECK(expected.actions == outcome.actions);
      DatapathModel model;
      model.Run(outcome.actions.bytes(), other);
      CHECK(model.unknown.empty());
      REQUIRE(model.emissions.size() == expected.outputs.size());
      for (size_t i = 0; i < model.emissions.size(); ++i)
        CHECK(Wire(model.emissions[i].packet) == expected.outputs[i]);
    }
  }
}

TEST_CASE("writing asks nothing of the packet but which kind it is") {
  Fields packet;
  packet.eth_type = Be16::FromHost(0x0800);
  packet.nw_proto = 6;
  PacketState state;
  state.Reset(packet);
  ovs::ActionList actions;

  SECTION("an Ethernet address: nothing at all") {
    state.WriteMember(&Fields::eth_dst, base::Mac{{1, 2, 3, 4, 5, 6}});
    CHECK(Commit(&state, SetBy::kKernel, &actions) == Committed::kAll);
    CHECK(state.read() == Fields());
  }
  SECTION("an IP address: the Ethernet type") {
    state.WriteMember(&Fields::nw_dst, base::Ipv4{{10, 0, 0, 1}});
    CHECK(Commit(&state, SetBy::kKernel, &actions) == Committed::kAll);
    Fields expected;
    expected.eth_type = Be16::FromHost(0xffff);
    CHECK(state.read() == expected);
  }
  SECTION("a port: that the ports are there") {
    state.WriteMember(&Fields::tp_dst, Be16::FromHost(80));
    CHECK(Commit(&state, SetBy::kKernel, &actions) == Committed::kAll);
    Fields expected;
    expected.eth_type = Be16::FromHost(0xffff);
    expected.nw_proto = 0xff;
    expected.nw_frag = pipeline::kFragLater;
    CHECK(state.read() == expected);
  }
  SECTION("reading what was written: nothing") {
    state.WriteMember(&Fields::nw_src, base::Ipv4{{10, 0, 0, 1}});
    state.ReadMember(&Fields::nw_src);
    state.ReadMember(&Fields::metadata);
    CHECK(state.read() == Fields());
  }
  SECTION("the same value twice: set once") {
    state.WriteMember(&Fields::pkt_mark, Be32::FromHost(7));
    CHECK(Commit(&state, SetBy::kKernel, &actions) == Committed::kAll);
    const size_t size = actions.bytes().size();
    state.WriteMember(&Fields::pkt_mark, Be32::FromHost(7));
    CHECK(Commit(&state, SetBy::kKernel, &actions) == Committed::kAll);
    CHECK(actions.bytes().size() == size);
  }
}

TEST_CASE("labels: pushed over IP and over labels, popped to what nobody has seen") {
  Fields packet;
  packet.eth_type = Be16::FromHost(0x0800);
  packet.nw_ttl = 9;
  packet.nw_dst = {{10, 0, 0, 1}};
  PacketState state;
  state.Reset(packet);
  CHECK(state.PushMpls(0x8847));
  CHECK(state.now().mpls[0].host() == 0x109);
  CHECK(state.now().nw_dst == base::Ipv4());
  CHECK(state.read().nw_ttl == 0xff);
  CHECK(state.PushMpls(0x8847));
  CHECK(state.now().mpls[0].host() == 0x009);
  CHECK(state.PopMpls(0x8847));
  CHECK_FALSE(state.rebuilds_headers());
  CHECK(state.PopMpls(0x0800));
  CHECK(state.rebuilds_headers());
  CHECK_FALSE(state.PopMpls(0x0800));
  // What the packet had there is not read: it is not known.
  const Fields before = state.read();
  (void)state.ReadMember(&Fields::nw_dst);
  CHECK(state.is_blind());
  CHECK(state.read() == before);
  state.SetBlind(false);
  state.WriteMember(&Fields::nw_tos, uint8_t{4});
  CHECK(state.is_blind());
}

TEST_CASE("what the kernel cannot set is said") {
  Fields packet;
  packet.eth_type = Be16::FromHost(0x0806);
  PacketState state;
  state.Reset(packet);
  ovs::ActionList actions;
  state.WriteMember(&Fields::arp_sha, base::Mac{{1, 2, 3, 4, 5, 6}});
  state.WriteMember(&Fields::eth_src, base::Mac{{1, 2, 3, 4, 5, 6}});
  CHECK(Commit(&state, SetBy::kKernel, &actions) == Committed::kNeedsUs);
  CHECK(Commit(&state, SetBy::kUs, &actions) == Committed::kAll);
  CHECK_FALSE(actions.empty());
}

}  // namespace sluice::translate
