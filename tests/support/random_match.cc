#include "tests/support/random_match.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/pipeline/field_text.h"

namespace sluice::testing {
namespace {

using pipeline::Be32;
using pipeline::Be64;
using pipeline::FieldBits;
using pipeline::FieldFormat;
using pipeline::FieldRow;
using pipeline::Masking;
using pipeline::Needs;

bool IsTagged(const Fields& packet) {
  return (packet.vlans[0].tci.host() & pipeline::kVlanPresent) != 0;
}

// What a match must say before its fields have a meaning.
struct Prerequisites {
  bool eth_type = false, proto = false, icmp_type = false, tag = false, tracked = false;

  void Add(Needs needs) {
    tag = tag || needs == Needs::kVlan;
    tracked = tracked || needs == Needs::kTracked;
    icmp_type =
        icmp_type || needs == Needs::kNd || needs == Needs::kNdSolicit || needs == Needs::kNdAdvert;
    static constexpr std::array kWithProto = {Needs::kTcp,   Needs::kUdp,   Needs::kSctp,
                                              Needs::kPorts, Needs::kIcmp4, Needs::kIcmp6,
                                              Needs::kIcmp};
    proto = proto || icmp_type ||
            std::find(kWithProto.begin(), kWithProto.end(), needs) != kWithProto.end();
    static constexpr std::array kAlone = {Needs::kNothing, Needs::kEthernet, Needs::kVlan,
                                          Needs::kTracked};
    eth_type = eth_type || std::find(kAlone.begin(), kAlone.end(), needs) == kAlone.end();
  }

  void AppendWords(const Fields& packet, std::vector<std::string>* words) const {
    if (eth_type) AppendType(packet, words);
    if (icmp_type) words->push_back(absl::StrCat("icmp_type=", packet.tp_src.host()));
    if (tag) words->push_back("vlan_tci=0x1000/0x1000");
    if (tracked) {
      // new, established or related.
      const uint32_t state = packet.ct_state.host();
      words->push_back((state & 1) != 0   ? "ct_state=+new"
                       : (state & 2) != 0 ? "ct_state=+est"
                       : (state & 4) != 0 ? "ct_state=+rel"
                                          : "ct_state=+trk-inv");
    }
  }

 private:
  void AppendType(const Fields& packet, std::vector<std::string>* words) const {
    for (const pipeline::Shorthand& row : pipeline::Shorthands()) {
      if (row.eth_type != packet.eth_type.host()) continue;
      if (row.proto != (proto ? packet.nw_proto : 0)) continue;
      words->push_back(std::string(row.name));
      return;
    }
    words->push_back(absl::StrCat("dl_type=0x", absl::Hex(packet.eth_type.host())));
    if (proto) words->push_back(absl::StrCat("nw_proto=", packet.nw_proto));
  }
};

std::string FieldText(const FieldRow& row, absl::uint128 value, absl::uint128 mask) {
  std::string text;
  const FieldBits bits = {.value = value & mask, .mask = mask};
  pipeline::AppendFieldBits(row, bits, nullptr, &text);
  return text;
}

// The words about tags have values of their own. Empty: there is none for this packet.
std::string TagText(const FieldRow& row, const Fields& packet, Random* random) {
  const uint16_t tci = packet.vlans[0].tci.host();
  const bool tagged = IsTagged(packet);
  switch (row.format) {
    case FieldFormat::kVlanId:
      return tagged ? absl::StrCat(tci & 0xfff) : "0xffff";
    case FieldFormat::kVlanVid: {
      if (!tagged) return "0";
      const uint64_t masks[] = {0x1fff, 0x1fff, 0x1000, 0x1000 | random->Below(0x1000)};
      const uint64_t mask = masks[random->Below(4)];
      return absl::StrCat("0x", absl::Hex(tci & mask), "/0x", absl::Hex(mask));
    }
    default:
      return tagged ? absl::StrCat(tci >> 13) : "";
  }
}

std::string WordOf(const FieldRow& row, const Fields& packet, Random* random) {
  const bool tag_word = row.format == FieldFormat::kVlanId || row.format == FieldFormat::kVlanVid ||
                        row.name == "dl_vlan_pcp";
  if (tag_word) return TagText(row, packet, random);
  absl::uint128 value = pipeline::GetField(packet, row);
  if (row.format == FieldFormat::kTos) value &= ~absl::uint128(3);
  return FieldText(row, value,
                   row.masking == Masking::kExact ? FullMask(row) : RandomMask(row, random));
}

}  // namespace

Fields RandomTemplate(const RandomPacketOptions& options, Random* random) {
  Fields packet = RandomPacket(options, random);
  const auto pick = [random](std::initializer_list<uint32_t> values) {
    return values.begin()[random->Below(values.size())];
  };
  for (Be32& reg : packet.regs) reg = Be32::FromHost(pick({0, 0, 1, 2, 3, 0x50, 0xffff0001}));
  packet.metadata = Be64::FromHost(pick({0, 0, 1, 0x12}));
  packet.actset_output = Be32::FromHost(pick({1, 2, 4, 0xffff}));
  return packet;
}

std::string RandomName(const FieldRow& row, Random* random) {
  const std::string_view alias = row.aliases[random->Below(row.aliases.size())];
  return std::string(alias.empty() || random->Percent(80) ? row.name : alias);
}

absl::uint128 RandomMask(const FieldRow& row, Random* random) {
  const absl::uint128 full = pipeline::FullMask(row);
  const uint64_t kind = random->Below(100);
  if (kind < 45) return full;
  if (kind < 70) {  // a prefix
    const auto length = 1 + random->Below(row.bits);
    return full & ~pipeline::LowBits(row.bits - static_cast<unsigned>(length));
  }
  absl::uint128 mask = absl::MakeUint128(random->Next(), random->Next()) & full;
  if (kind < 80) mask = absl::uint128(1) << static_cast<int>(random->Below(row.bits));
  return mask == 0 ? full : mask;
}

std::string RandomMatch(const Fields& packet, Random* random) {
  std::vector<std::string> words, structure;
  Prerequisites needs;
  const bool ip = pipeline::Holds(Needs::kIp, packet);
  if (random->Percent(40)) needs.Add(ip && random->Percent(60) ? Needs::kPorts : Needs::kIpv4);
  if (IsTagged(packet) && random->Percent(25)) needs.Add(Needs::kVlan);
  const unsigned counts[] = {0, 0, 1, 1, 1, 2, 2, 3};
  for (unsigned left = counts[random->Below(8)]; left > 0; --left) {
    const FieldRow* row = RandomRow(
        random, [&packet](const FieldRow& r) { return pipeline::Holds(r.needs, packet); });
    const std::string text = WordOf(*row, packet, random);
    if (text.empty()) continue;
    needs.Add(row->needs);
    words.push_back(absl::StrCat(RandomName(*row, random), "=", text));
  }
  needs.AppendWords(packet, &structure);
  structure.insert(structure.end(), words.begin(), words.end());
  return absl::StrJoin(structure, ",");
}

}  // namespace sluice::testing
