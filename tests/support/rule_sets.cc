#include "tests/support/rule_sets.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "absl/container/flat_hash_set.h"

namespace sluice::testing {

using base::Be16;
using base::Be32;
using base::Be64;
using pipeline::Fields;

uint64_t Random::Next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

std::string_view FamilyName(Family family) {
  switch (family) {
    case Family::kAcl:
      return "acl";
    case Family::kFirewall:
      return "fw";
    case Family::kChain:
      return "ipc";
    case Family::kExact:
      return "exact";
  }
  return "";
}

namespace {

constexpr uint16_t kIpv4Type = 0x0800;

struct Prefix {
  uint32_t value = 0;
  unsigned length = 0;
};

uint32_t PrefixMask(unsigned length) { return length == 0 ? 0 : ~uint32_t{0} << (32 - length); }

void PutAddress(uint32_t value, base::Ipv4* address) {
  const Be32 wire = Be32::FromHost(value);
  std::memcpy(address->bytes.data(), &wire, sizeof(wire));
}
uint32_t AddressOf(const base::Ipv4& address) {
  Be32 wire;
  std::memcpy(&wire, address.bytes.data(), sizeof(wire));
  return wire.host();
}

// How often a choice is made, in percent; what is left is the last one's.
struct Seed {
  unsigned source_any, destination_any;  // no address asked for
  unsigned source_host, destination_host;
  unsigned tcp, udp, icmp;  // else any protocol
  // Of rules with ports: the source's and the destination's any, one port, or else a range.
  unsigned source_port_any, source_port_one, destination_port_any, destination_port_one;
  unsigned fresh_network;  // else one that was used before, or part of one
};

constexpr Seed SeedOf(Family family) {
  switch (family) {
    case Family::kFirewall:
      return {35, 30, 25, 30, 60, 22, 6, 60, 18, 30, 48, 35};
    case Family::kChain:
      return {15, 15, 40, 40, 55, 25, 4, 75, 15, 40, 45, 45};
    default:
      return {12, 2, 35, 45, 72, 14, 3, 96, 3, 18, 66, 40};
  }
}

constexpr std::array<uint16_t, 24> kServices = {80,   443,  53,   25,   22,   21,   110,  143,
                                                123,  161,  389,  445,  135,  139,  1521, 1433,
                                                3306, 3389, 5060, 5432, 6667, 8080, 8443, 7777};
// The ranges that people write.
constexpr std::array<std::pair<uint16_t, uint16_t>, 6> kRanges = {
    {{1024, 65535}, {0, 1023}, {6000, 6063}, {137, 139}, {5000, 5010}, {33434, 33523}}};

class Maker {
 public:
  Maker(Family family, uint64_t seed) : seed_(SeedOf(family)), random_(seed) {
    // Sites: a few blocks that all networks lie in, some in others.
    for (size_t i = 0; i < 24; ++i) {
      const auto length = static_cast<unsigned>(8 + random_.Below(9));
      sites_.push_back({static_cast<uint32_t>(random_.Next()) & PrefixMask(length), length});
    }
  }

  // Adds one rule, or as many as its ranges take.
  void AddTo(size_t size, RuleSet* rules) {
    Fields value, mask;
    value.eth_type = Be16::FromHost(kIpv4Type);
    mask.eth_type = Be16::FromHost(0xffff);
    SetAddress(Address(seed_.source_any, seed_.source_host, &sources_), &value.nw_src,
               &mask.nw_src);
    SetAddress(Address(seed_.destination_any, seed_.destination_host, &destinations_),
               &value.nw_dst, &mask.nw_dst);
    const auto kind = static_cast<unsigned>(random_.Below(100));
    const bool tcp = kind < seed_.tcp, udp = !tcp && kind < seed_.tcp + seed_.udp;
    const bool icmp = !tcp && !udp && kind < seed_.tcp + seed_.udp + seed_.icmp;
    if (tcp || udp || icmp) {
      value.nw_proto = tcp ? 6 : udp ? 17 : 1;
      mask.nw_proto = 0xff;
    }
    std::vector<Prefix> from = {{}}, to = {{}};
    if (tcp || udp) {
      from = Ports(seed_.source_port_any, seed_.source_port_one);
      to = Ports(seed_.destination_port_any, seed_.destination_port_one);
    }
    for (const Prefix& source : from) {
      for (const Prefix& destination : to) {
        if (rules->size() >= size) return;
        SetPort(source, &value.tp_src, &mask.tp_src);
        SetPort(destination, &value.tp_dst, &mask.tp_dst);
        rules->push_back({value, mask, 0});
      }
    }
  }

 private:
  Prefix Address(unsigned any, unsigned host, std::vector<Prefix>* known) {
    if (random_.Percent(any)) return {};
    Prefix base;
    if (known->empty() || random_.Percent(seed_.fresh_network)) {
      base = sites_[random_.Below(sites_.size())];
    } else {
      base = (*known)[random_.Below(known->size())];
      if (random_.Percent(50)) return base;
    }
    static constexpr std::array<uint8_t, 16> kLengths = {16, 16, 20, 22, 23, 24, 24, 24,
                                                         24, 24, 25, 26, 27, 28, 28, 30};
    const unsigned wanted = random_.Percent(host) ? 32 : kLengths[random_.Below(kLengths.size())];
    const unsigned length = std::max(wanted, base.length);
    const auto below = static_cast<uint32_t>(random_.Next()) & ~PrefixMask(base.length);
    const Prefix made = {(base.value | below) & PrefixMask(length), length};
    known->push_back(made);
    return made;
  }

  std::vector<Prefix> Ports(unsigned any, unsigned one) {
    const auto kind = static_cast<unsigned>(random_.Below(100));
    if (kind < any) return {{}};
    if (kind < any + one) {
      const bool known = random_.Percent(80);
      return {{known ? kServices[random_.Below(kServices.size())]
                     : static_cast<uint32_t>(1024 + random_.Below(64512)),
               16}};
    }
    auto [first, last] = kRanges[random_.Below(kRanges.size())];
    if (random_.Percent(4)) {
      first = static_cast<uint16_t>(1024 + random_.Below(60000));
      last = static_cast<uint16_t>(first + random_.Below(2048));
    }
    return Cut(first, last);
  }

  // The fewest prefixes that make up a range.
  static std::vector<Prefix> Cut(uint32_t first, uint32_t last) {
    std::vector<Prefix> prefixes;
    while (first <= last) {
      unsigned bits = first == 0 ? 16 : static_cast<unsigned>(std::countr_zero(first));
      while (first + (1u << bits) - 1 > last) --bits;
      prefixes.push_back({first, 16 - bits});
      first += 1u << bits;
    }
    return prefixes;
  }

  static void SetAddress(Prefix prefix, base::Ipv4* value, base::Ipv4* mask) {
    PutAddress(prefix.value, value);
    PutAddress(PrefixMask(prefix.length), mask);
  }
  static void SetPort(Prefix prefix, Be16* value, Be16* mask) {
    *value = Be16::FromHost(static_cast<uint16_t>(prefix.value));
    *mask = Be16::FromHost(static_cast<uint16_t>(0xffff0000u >> prefix.length));
  }

  Seed seed_;
  Random random_;
  std::vector<Prefix> sites_, sources_, destinations_;
};

RuleSet MakeExact(size_t size, uint64_t seed) {
  Random random(seed);
  RuleSet rules(size);
  for (GeneratedRule& rule : rules) {
    const uint64_t bits = random.Next();
    const auto pick = [&](unsigned field, auto a, auto b) { return (bits >> field & 1) ? a : b; };
    Fields& v = rule.value;
    Fields& m = rule.mask;
    v.tun_id = Be64::FromHost(pick(0, uint64_t{0}, uint64_t{0xfedcba9876543210}));
    v.metadata = Be64::FromHost(pick(1, uint64_t{0}, uint64_t{0xfedcba9876543210}));
    v.in_port = Be32::FromHost(pick(2, 1u, 0xfffeu));
    v.vlans[0].tci = Be16::FromHost(pick(3, uint16_t{0x1065}, uint16_t{0}));
    v.eth_type = Be16::FromHost(pick(4, kIpv4Type, uint16_t{0x0806}));
    v.eth_src.bytes = pick(5, std::array<uint8_t, 6>{0, 2, 0xe3, 0x0f, 0x80, 0xa4},
                           std::array<uint8_t, 6>{0x5e, 0x33, 0x7f, 0x5f, 0x1e, 0x99});
    v.eth_dst.bytes = pick(6, std::array<uint8_t, 6>{0x4a, 0x27, 0x71, 0xae, 0x64, 0xc1},
                           std::array<uint8_t, 6>{0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
    PutAddress(pick(7, 0xc0a80001u, 0xc0a04455u), &v.nw_src);
    PutAddress(pick(8, 0xc0a80002u, 0xc0a04455u), &v.nw_dst);
    v.nw_proto = pick(9, uint8_t{6}, uint8_t{1});
    v.nw_tos = pick(10, uint8_t{48}, uint8_t{0});
    v.tp_src = Be16::FromHost(pick(11, uint16_t{49362}, uint16_t{80}));
    v.tp_dst = Be16::FromHost(pick(12, uint16_t{6667}, uint16_t{22}));
    m.tun_id = m.metadata = Be64::FromHost(~uint64_t{0});
    m.in_port = Be32::FromHost(~uint32_t{0});
    m.vlans[0].tci = m.eth_type = m.tp_src = m.tp_dst = Be16::FromHost(0xffff);
    m.eth_src.bytes.fill(0xff);
    m.eth_dst.bytes.fill(0xff);
    m.nw_src.bytes.fill(0xff);
    m.nw_dst.bytes.fill(0xff);
    m.nw_proto = 0xff;
    m.nw_tos = 0xfc;
  }
  return rules;
}

// Bits that the mask leaves open: all zero, all one, or random.
uint32_t FillOpen(uint32_t value, uint32_t mask, Random* random) {
  const uint64_t kind = random->Below(4);
  const auto fill = kind == 0   ? 0u
                    : kind == 1 ? ~uint32_t{0}
                                : static_cast<uint32_t>(random->Next());
  return (value & mask) | (fill & ~mask);
}

Fields PacketOf(const GeneratedRule& rule, Random* random) {
  Fields packet = rule.value;
  PutAddress(FillOpen(AddressOf(packet.nw_src), AddressOf(rule.mask.nw_src), random),
             &packet.nw_src);
  PutAddress(FillOpen(AddressOf(packet.nw_dst), AddressOf(rule.mask.nw_dst), random),
             &packet.nw_dst);
  if (rule.mask.nw_proto == 0) {
    packet.nw_proto = random->Percent(70) ? 6 : random->Percent(70) ? 17 : 1;
  }
  if (packet.nw_proto == 6 || packet.nw_proto == 17) {
    packet.tp_src = Be16::FromHost(
        static_cast<uint16_t>(FillOpen(packet.tp_src.host(), rule.mask.tp_src.host(), random)));
    packet.tp_dst = Be16::FromHost(
        static_cast<uint16_t>(FillOpen(packet.tp_dst.host(), rule.mask.tp_dst.host(), random)));
  }
  return packet;
}

struct FieldsHash {
  size_t operator()(const Fields& fields) const {
    uint64_t hash = 0;
    for (size_t i = 0; i < pipeline::kFieldWords; ++i) {
      hash = (std::rotl(hash, 7) ^ pipeline::Word(fields, i)) * 0x9e3779b97f4a7c15u;
    }
    return hash ^ hash >> 32;
  }
};

}  // namespace

RuleSet MakeRuleSet(Family family, size_t size, uint64_t seed) {
  if (family == Family::kExact) return MakeExact(size, seed);
  Maker maker(family, seed);
  RuleSet rules;
  absl::flat_hash_set<Fields, FieldsHash> seen;  // value and mask in one
  while (rules.size() + 1 < size) {
    const size_t before = rules.size();
    maker.AddTo(size - 1, &rules);
    const auto known = [&](const GeneratedRule& rule) {
      Fields both;
      for (size_t i = 0; i < pipeline::kFieldWords; ++i) {
        pipeline::SetWord(
            &both, i,
            pipeline::Word(rule.value, i) ^ pipeline::Word(rule.mask, i) * 0x9e3779b97f4a7c15u);
      }
      return !seen.insert(both).second;
    };
    rules.erase(
        std::remove_if(rules.begin() + static_cast<std::ptrdiff_t>(before), rules.end(), known),
        rules.end());
  }
  GeneratedRule rest;
  rest.value.eth_type = Be16::FromHost(kIpv4Type);
  rest.mask.eth_type = Be16::FromHost(0xffff);
  rules.push_back(rest);
  for (size_t i = 0; i < rules.size(); ++i) rules[i].priority = static_cast<int32_t>(size - i);
  return rules;
}

std::vector<Fields> MakeTrace(const RuleSet& set, size_t size, uint64_t seed) {
  Random random(seed);
  absl::flat_hash_set<Fields, FieldsHash> seen;
  std::vector<Fields> trace;
  // A set that has fewer packets than asked for ends the search.
  for (size_t tries = 0; trace.size() < size && tries < size * 20; ++tries) {
    const Fields packet = PacketOf(set[random.Below(set.size())], &random);
    if (seen.insert(packet).second) trace.push_back(packet);
  }
  return trace;
}

std::vector<Fields> MakeExplosion(const RuleSet& set, size_t size, uint64_t seed) {
  Random random(seed);
  std::vector<Fields> trace;
  while (trace.size() < size) {
    const Fields base = PacketOf(set[random.Below(set.size())], &random);
    // The bits behind the flipped one are random: only those before it agree with the rule.
    const auto flip = [&](uint32_t value, unsigned width, uint64_t place) {
      if (place >= width) return value;
      const uint32_t bit = 1u << (width - 1 - static_cast<unsigned>(place));
      return (value ^ bit) ^ (static_cast<uint32_t>(random.Next()) & (bit - 1));
    };
    for (uint64_t i = 0; i < 256 && trace.size() < size; ++i) {
      Fields packet = base;
      const uint64_t places = random.Next();
      PutAddress(flip(AddressOf(base.nw_src), 32, places % 33), &packet.nw_src);
      PutAddress(flip(AddressOf(base.nw_dst), 32, (places >> 16) % 33), &packet.nw_dst);
      packet.tp_src =
          Be16::FromHost(static_cast<uint16_t>(flip(base.tp_src.host(), 16, (places >> 32) % 17)));
      packet.tp_dst =
          Be16::FromHost(static_cast<uint16_t>(flip(base.tp_dst.host(), 16, (places >> 48) % 17)));
      trace.push_back(packet);
    }
  }
  return trace;
}

RuleSet MakeAllowOne() {
  GeneratedRule allow, rest;
  rest.value.eth_type = Be16::FromHost(kIpv4Type);
  rest.mask.eth_type = Be16::FromHost(0xffff);
  rest.priority = 1;
  allow = rest;
  allow.priority = 2;
  allow.value.nw_proto = 6;
  allow.mask.nw_proto = 0xff;
  PutAddress(0x0a000001, &allow.value.nw_src);
  PutAddress(0x0a000002, &allow.value.nw_dst);
  allow.value.tp_src = Be16::FromHost(12345);
  allow.value.tp_dst = Be16::FromHost(80);
  allow.mask.nw_src.bytes.fill(0xff);
  allow.mask.nw_dst.bytes.fill(0xff);
  allow.mask.tp_src = allow.mask.tp_dst = Be16::FromHost(0xffff);
  return {allow, rest};
}

}  // namespace sluice::testing
