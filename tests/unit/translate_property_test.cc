// Random pipelines, random packets, and packets that a megaflow cannot tell from them: what the
// datapath does with the translated actions is what the rules say, and it is the same for all
// packets under the mask.
#include <algorithm>
#include <map>

#include "agent/translate/translate.h"
#include "agent/translate/user_data.h"
#include "netlink/attr/text.h"
#include "tests/support/datapath_model.h"
#include "tests/support/random_pipeline.h"
#include "tests/support/test.h"

namespace sluice::translate {
namespace {

using pipeline::ActionKind;
using testing::DatapathModel;
using testing::Delivery;
using testing::Emission;
using testing::Kinds;
using testing::Random;
using testing::RandomPipeline;
using testing::RandomPipelineOptions;
using testing::ReferencePipeline;
using testing::ReferenceResult;

class Macs final : public MacLookup {
 public:
  explicit Macs(const ReferencePipeline::MacTable& table) : table_(table) {}
  std::optional<uint32_t> FindPort(uint16_t vlan, const base::Mac& mac) const override {
    const auto found = table_.find({vlan, mac});
    return found == table_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  const ReferencePipeline::MacTable& table_;
};

// A random pipeline, ready to translate.
class Lab {
 public:
  Lab(uint64_t seed, const RandomPipelineOptions& options)
      : made(seed, options), macs_(made.parts.macs) {
    // A group that some rules ask for in vain: a pipeline refuses such rules.
    std::vector<pipeline::Group> groups = made.parts.groups;
    groups.push_back({.id = 99});
    REQUIRE_OK(pipeline_.Replace(made.parts.rules, groups, 0));
  }
  Translation Translate(const Fields& packet) {
    Translation translation;
    pipeline::Versions::Reader reader(&pipeline_.versions());
    const pipeline::Versions::Snapshot snapshot(&reader);
    translator_.Translate(
        packet, {pipeline_, snapshot.version(), made.parts.ports, macs_, abilities}, &translation);
    return translation;
  }

  RandomPipeline made;
  Abilities abilities;

 private:
  pipeline::Pipeline pipeline_;
  Macs macs_;
  Translator translator_;
};

// Registers and their like stay in the pipeline; later fragments have no ports.
Fields OnTheWire(Fields fields) {
  fields.regs = {};
  fields.metadata = {};
  fields.actset_output = fields.conj_id = fields.in_port = {};
  if ((fields.nw_frag & pipeline::kFragLater) != 0) fields.tp_src = fields.tp_dst = {};
  return fields;
}

// What left, of either kind, in a form that can be compared and shown.
std::string TextOf(const Delivery& delivery) {
  Delivery wire = delivery;
  wire.packet = OnTheWire(delivery.packet);
  if (wire.kind == Delivery::Kind::kUserspace && wire.max_length == 0) wire.max_length = 0xffff;
  std::string text = ToString(wire);
  if (!wire.userdata.empty()) text += " userdata " + base::ToHex(wire.userdata);
  return text;
}

std::string TextOf(const Emission& emission) {
  Delivery delivery;
  delivery.packet = emission.packet;
  delivery.port = emission.to;
  delivery.max_length = emission.max_length;
  if (emission.kind == Emission::Kind::kUserspace) {
    const auto data = ReadUserData(emission.userdata);
    REQUIRE(data);
    delivery.kind = Delivery::Kind::kUserspace;
    delivery.port = 0;
    delivery.reason = data->reason;
    delivery.controller = data->id;
    delivery.userdata.assign(emission.userdata.begin() + sizeof(UserData), emission.userdata.end());
  }
  return TextOf(delivery);
}

// `normal` may send in another order than that of the ports.
template <typename T>
std::string Text(const std::vector<T>& sent) {
  std::vector<std::string> lines;
  lines.reserve(sent.size());
  for (const T& one : sent) lines.push_back(TextOf(one));
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text.append(line).append("\n");
  return text;
}

bool IsCounted(Verdict verdict) { return verdict >= Verdict::kDropTooDeep; }

std::string Played(const Translation& translation, const Fields& packet) {
  DatapathModel model;
  model.Run(translation.actions.bytes(), packet);
  CHECK(model.unknown.empty());
  return Text(model.emissions);
}

std::string ActionsText(const Translation& translation) {
  std::string text;
  attr::AppendList(ovs::kActionTable, translation.actions.bytes(), {}, &text);
  return text;
}

void CheckSame(const Translation& a, const Translation& b) {
  CHECK(ToString(a.verdict) == ToString(b.verdict));
  CHECK(ActionsText(a) == ActionsText(b));
  CHECK(a.install == b.install);
  CHECK(a.learned == b.learned);
  CHECK(a.tables == b.tables);
}

TEST_CASE("translation: what leaves is what the rules say, for all packets of a megaflow") {
  std::map<std::string_view, int> verdicts;
  int compared = 0, given_up = 0, siblings = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    Lab lab(seed, {.exclude = Kinds({ActionKind::kPopMpls}), .field_hashes = false});
    lab.abilities.dec_ttl = seed % 4 != 0;
    const ReferencePipeline reference(lab.made.parts);
    Random random(seed);
    for (int i = 0; i < 60; ++i) {
      Fields packet = lab.made.Packet(&random);
      if (lab.made.parts.ports.Find(packet.in_port.host()) == nullptr) continue;
      CAPTURE(seed, i);
      const ReferenceResult want = reference.Run(packet);
      const Translation translation = lab.Translate(packet);
      ++verdicts[ToString(translation.verdict)];
      if (want.over_limit) {
        // Or what ended it before the limit was reached.
        CHECK(IsCounted(translation.verdict));
        CHECK(translation.actions.empty());
      }
      if (want.gave_up) ++given_up;
      if (want.over_limit || want.gave_up || IsCounted(translation.verdict)) continue;
      ++compared;
      CHECK(Text(want.deliveries) == Played(translation, packet));
      for (int s = 0; s < 4; ++s) {
        const Fields other = lab.made.Sibling(packet, translation.read, &random);
        if (!pipeline::MatchesUnder(packet, other, translation.read)) continue;
        ++siblings;
        CheckSame(lab.Translate(other), translation);
        const ReferenceResult wanted = reference.Run(other);
        CHECK(Text(wanted.deliveries) == Played(translation, other));
      }
    }
  }
  for (const Verdict verdict : {Verdict::kForward, Verdict::kFlood, Verdict::kDropNoRule,
                                Verdict::kDropRules, Verdict::kDropTooDeep})
    CHECK(verdicts[ToString(verdict)] > 0);
  CHECK(given_up * 20 < compared);
  CHECK(compared > 5000);
  CHECK(siblings > 3 * compared);
}

TEST_CASE("translation: groups that hash fields, and popped labels, are sound") {
  int siblings = 0;
  for (uint64_t seed = 1000; seed <= 1100; ++seed) {
    Lab lab(seed, {.kernel_hashes = true});
    Random random(seed);
    for (int i = 0; i < 50; ++i) {
      const Fields packet = lab.made.Packet(&random);
      CAPTURE(seed, i);
      const Translation translation = lab.Translate(packet);
      for (int s = 0; s < 4; ++s) {
        const Fields other = lab.made.Sibling(packet, translation.read, &random);
        if (!pipeline::MatchesUnder(packet, other, translation.read)) continue;
        ++siblings;
        CheckSame(lab.Translate(other), translation);
      }
    }
  }
  CHECK(siblings > 10000);
}

}  // namespace
}  // namespace sluice::translate
