#include "agent/flowcache/verify.h"

#include <array>
#include <bit>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "netlink/attr/text.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"

namespace sluice::flowcache {
namespace {

using ovs::FlowKey;
using ovs::Ufid;

// How often and how long after each other a flow that looks wrong is looked at. What is between the
// agent and the kernel has arrived by then, and what waits for the next round, as flows to an
// address that was evicted do, has had one.
constexpr int kLooks = 4;
constexpr absl::Duration kPause = absl::Milliseconds(400);

uint64_t NextRandom(uint64_t* state) {
  // A linear congruence, of which the better half is used twice.
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (*state >> 32) * 0x9e3779b97f4a7c15u ^ *state >> 17;
}

// All bits of the attributes that a key has.
FlowKey WholeMask(const FlowKey& key) {
  base::ByteVector bytes;
  attr::Writer writer(&bytes);
  FlowKey ones;
  std::memset(static_cast<void*>(&ones), 0xff, sizeof(ones));
  ones.present = key.present;
  ones.nsh.present = key.nsh.present;
  ones.tunnel.present = key.tunnel.present;
  ones.tunnel.vxlan.present = key.tunnel.vxlan.present;
  ovs::EncodeFlowMask(key, ones, &writer);
  FlowKey whole;
  attr::Unknowns unknowns;
  (void)ovs::DecodeFlowKey(bytes, &whole, &unknowns);  // ours
  return whole;
}

// What says which headers there are.
FlowKey StructureMask() {
  FlowKey mask;
  mask.present.fill(~uint64_t{0});
  mask.in_port = mask.recirc_id = ~0u;
  mask.layers.fill({base::Be16::FromHost(0xffff), base::Be16::FromHost(0x1000)});
  mask.ipv4.proto = mask.ipv4.frag = mask.ipv6.proto = mask.ipv6.frag = 0xff;
  mask.icmp = mask.icmpv6 = {0xff, 0xff};
  mask.ipv6_exthdrs = mask.mpls_size = 0xffff;
  // Labels: which is the last.
  mask.mpls.fill(base::Be32::FromHost(0x100));
  mask.nsh.present = mask.tunnel.present = mask.tunnel.vxlan.present = ~uint64_t{0};
  mask.nsh.mdtype = mask.nsh.np = 0xff;
  mask.tunnel.geneve_size = 0xffff;
  mask.tunnel.erspan.fill(0xff);
  return mask;
}

// The kernel tells of attributes without a bit in the mask too, and not of options that a tunnel
// must not have.
bool IsSameMask(base::ByteView kernels, base::ByteView ours) {
  FlowKey one, other;
  attr::Unknowns unknowns;
  if (ovs::DecodeFlowKey(kernels, &one, &unknowns) || ovs::DecodeFlowKey(ours, &other, &unknowns))
    return false;
  if (!ovs::AsksForOptions(one.tunnel)) other.tunnel.present &= ~ovs::kTunnelOptionKinds;
  return ovs::IsWithin(one, other) && ovs::IsWithin(other, one);
}

// A flow as the agent remembers it, copied out of the cache.
struct Known {
  FlowKey key;
  base::ByteVector mask, actions;
  uint64_t generation;
};

class Verifier {
 public:
  Verifier(DatapathFlows* datapath, socket::Client* client, const VerifyOptions& options)
      : datapath_(datapath),
        api_(client),
        options_(options),
        random_(options.seed),
        ports_(datapath->bridge->ports()) {}

  absl::StatusOr<VerifyReport> Run() {
    SLUICE_RETURN_IF_ERROR(Compare());
    for (const Ufid& ufid : there_)
      if (!suspects_.contains(ufid) && Try(ufid)) suspects_.insert(ufid);
    for (int look = 1; look < kLooks && !suspects_.empty(); ++look) {
      absl::SleepFor(kPause);
      absl::flat_hash_set<Ufid> still;
      for (const Ufid& ufid : suspects_)
        if (LookAgain(ufid)) still.insert(ufid);
      suspects_ = std::move(still);
    }
    for (const Ufid& ufid : suspects_)
      if (const auto finding = LookAgain(ufid)) Add(*finding);
    return std::move(report_);
  }

 private:
  // The kernel's dump beside the records; what does not agree is suspect.
  absl::Status Compare() {
    const auto dumped = api_.Dump(
        datapath_->dp_ifindex, {.accept_interrupted = true},
        [this](const ovs::FlowView& view) {
          Take(view);
          return absl::OkStatus();
        },
        [this] {
          there_.clear();
          suspects_.clear();
          report_ = {};
        });
    if (!dumped.ok()) return dumped.status();
    datapath_->cache.RemoveIf([&](CachedFlow* flow) {
      if (!there_.contains(flow->ufid())) suspects_.insert(flow->ufid());
      return false;
    });
    return absl::OkStatus();
  }

  void Take(const ovs::FlowView& view) {
    ++report_.flows;
    const std::optional<Ufid> ufid = view.ufid_value();
    if (!ufid) {
      const base::ByteView mask = view.mask.value_or(base::ByteView());
      return Add({FindingKind::kForeign, "", Text(view.key, mask), "it has no UFID"});
    }
    there_.insert(*ufid);
    bool same = false;
    datapath_->cache.With(*ufid, [&](CachedFlow* flow) {
      same = view.mask && view.actions && IsSameMask(*view.mask, flow->mask()) &&
             base::Equal(*view.actions, flow->actions());
    });
    if (!same) suspects_.insert(*ufid);
  }

  std::optional<Known> Find(const Ufid& ufid) {
    std::optional<Known> known;
    datapath_->cache.With(ufid, [&](CachedFlow* flow) {
      known = {flow->Key(),
               {flow->mask().begin(), flow->mask().end()},
               {flow->actions().begin(), flow->actions().end()},
               flow->generation()};
    });
    return known;
  }

  // One flow, the kernel asked for it alone.
  std::optional<Finding> LookAgain(const Ufid& ufid) {
    const absl::StatusOr<ovs::Flow> flow = api_.Get(datapath_->dp_ifindex, {.ufid = ufid});
    const std::optional<Known> known = Find(ufid);
    if (!known && !flow.ok()) return std::nullopt;
    if (!known)
      return Finding{FindingKind::kForeign, ovs::ToString(ufid),
                     Text(flow->key, flow->mask.value_or(base::ByteVector())),
                     absl::StrCat("kernel: ", Actions(flow->actions.value_or(base::ByteVector())))};
    if (!flow.ok())
      return Finding{FindingKind::kMissing, ovs::ToString(ufid), Text(*known),
                     absl::StrCat("agent: ", Actions(known->actions))};
    if (!flow->mask || !IsSameMask(*flow->mask, known->mask))
      return Finding{FindingKind::kDiffers, ovs::ToString(ufid), Text(*known),
                     absl::StrCat("kernel matches: ",
                                  Text(flow->key, flow->mask.value_or(base::ByteVector())))};
    if (!flow->actions || !base::Equal(*flow->actions, known->actions))
      return Finding{FindingKind::kDiffers, ovs::ToString(ufid), Text(*known),
                     absl::StrCat("kernel: ", Actions(flow->actions.value_or(base::ByteVector())),
                                  "; agent: ", Actions(known->actions))};
    return Try(ufid);
  }

  // Translates the flow's key, and siblings of it.
  std::optional<Finding> Try(const Ufid& ufid) {
    const bridge::Sight sight(datapath_->bridge.get());
    const std::optional<Known> known = Find(ufid);
    if (!known) return std::nullopt;
    FlowKey mask;
    attr::Unknowns unknowns;
    if (ovs::DecodeFlowKey(known->mask, &mask, &unknowns))
      return Finding{FindingKind::kDiffers, ovs::ToString(ufid), Text(*known),
                     "its mask cannot be read"};
    if (known->generation != sight.generation()) {
      ++report_.changing;
      return std::nullopt;
    }
    if (auto what = Disagreement(known->key, known->actions, sight))
      return Finding{FindingKind::kWrong, ovs::ToString(ufid), Text(*known), *std::move(what)};
    if (auto what = MoreNeeded(known->key, mask, known->mask))
      return Finding{FindingKind::kTooWide, ovs::ToString(ufid), Text(*known), *std::move(what)};
    for (unsigned i = 0; i < options_.siblings; ++i) {
      ++report_.siblings;
      const FlowKey sibling = RandomSibling(known->key, mask, &random_);
      auto what = Disagreement(sibling, known->actions, sight);
      if (!what) what = MoreNeeded(sibling, mask, known->mask);
      if (what)
        return Finding{FindingKind::kTooWide, ovs::ToString(ufid), Text(*known),
                       absl::StrCat("for ", KeyText(sibling), ": ", *what)};
    }
    return std::nullopt;
  }

  // What the rules say of a packet, when it is not what the flow does.
  std::optional<std::string> Disagreement(const FlowKey& key, base::ByteView actions,
                                          const bridge::Sight& sight) {
    translator_.Translate(key, sight.view(), &translation_);
    if (!translation_.install)
      return absl::StrCat("rules say: no flow (",
                          std::string(translate::Explain(translation_.verdict)), ")");
    if (!base::Equal(translation_.actions.bytes(), actions))
      return absl::StrCat("flow: ", Actions(actions),
                          "; rules say: ", Actions(translation_.actions.bytes()));
    return std::nullopt;
  }

  // What rules ask of the packet that was translated last, and the mask, here with its bytes,
  // lacks.
  std::optional<std::string> MoreNeeded(const FlowKey& key, const FlowKey& mask,
                                        base::ByteView bytes) const {
    if (ovs::IsWithin(translation_.mask, mask)) return std::nullopt;
    base::ByteVector needed, values;
    attr::Writer needed_writer(&needed), values_writer(&values);
    ovs::EncodeFlowMask(key, translation_.mask, &needed_writer);
    ovs::EncodeFlowKey(key, nullptr, &values_writer);
    std::string told = absl::StrCat("rules need: ", Text(values, needed));
    // That something must not be there has no words in a flow's text.
    if (Text(values, needed) == Text(values, bytes)) {
      told.append(" (as bytes ");
      base::AppendHex(needed, &told);
      told.append(", and it has ");
      base::AppendHex(bytes, &told);
      told.append(")");
    }
    return told;
  }

  void Add(Finding finding) {
    if (report_.findings.size() < options_.findings) {
      report_.findings.push_back(std::move(finding));
    } else {
      ++report_.unshown;
    }
  }

  std::string Text(base::ByteView key, base::ByteView mask) const {
    return FlowText(key, mask, ports_.get());
  }
  std::string Text(const Known& known) const {
    base::ByteVector key;
    attr::Writer writer(&key);
    ovs::EncodeFlowKey(known.key, nullptr, &writer);
    return Text(key, known.mask);
  }
  std::string KeyText(const FlowKey& key) const {
    base::ByteVector bytes;
    attr::Writer writer(&bytes);
    ovs::EncodeFlowKey(key, nullptr, &writer);
    std::string text;
    attr::AppendSet(ovs::kKeyTable, bytes, attr::MaskView(), {.ports = ports_.get()}, &text);
    return text;
  }
  std::string Actions(base::ByteView actions) const { return ActionsText(actions, ports_.get()); }

  DatapathFlows* const datapath_;
  ovs::Flows api_;
  const VerifyOptions options_;
  uint64_t random_;
  const std::shared_ptr<const pipeline::PortTable> ports_;
  translate::Translator translator_;
  translate::Translation translation_;
  absl::flat_hash_set<Ufid> there_, suspects_;
  VerifyReport report_;
};

}  // namespace

std::string_view ToString(FindingKind kind) {
  static constexpr std::array<std::string_view, kFindingKinds> kNames = {
      "missing", "foreign", "differs", "wrong", "too wide"};
  return kNames[static_cast<size_t>(kind)];
}

FlowKey RandomSibling(const FlowKey& key, const FlowKey& mask, uint64_t* random) {
  constexpr size_t kWords = sizeof(FlowKey) / sizeof(uint64_t);
  using Words = std::array<uint64_t, kWords>;
  const auto whole = std::bit_cast<Words>(WholeMask(key)), kept = std::bit_cast<Words>(mask),
             structure = std::bit_cast<Words>(StructureMask());
  auto words = std::bit_cast<Words>(key);
  for (size_t i = 0; i < kWords; ++i) {
    const uint64_t free = whole[i] & ~kept[i] & ~structure[i];
    if (free != 0) words[i] = (words[i] & ~free) | (NextRandom(random) & free);
  }
  return std::bit_cast<FlowKey>(words);
}

std::string FlowText(base::ByteView key, base::ByteView mask, const attr::PortNames* names) {
  std::string text;
  attr::AppendSet(ovs::kKeyTable, key, attr::MaskView::Of(mask), {.ports = names}, &text);
  return text;
}

std::string ActionsText(base::ByteView actions, const attr::PortNames* names) {
  std::string text;
  attr::AppendList(ovs::kActionTable, actions, {.ports = names}, &text);
  return text;
}

absl::StatusOr<VerifyReport> Verify(DatapathFlows* datapath, socket::Client* client,
                                    const VerifyOptions& options) {
  return Verifier(datapath, client, options).Run();
}

}  // namespace sluice::flowcache
