// Features that show in what flows the kernel takes.

#include <linux/openvswitch.h>

#include "absl/strings/str_cat.h"
#include "kmod-compat/probes.h"
#include "netlink/attr/wire.h"
#include "netlink/base/status.h"
#include "netlink/ovs/flow_text.h"

namespace sluice::compat {
namespace {

// The first attribute of `wanted` that is not in `got`, where the kernel may rewrite none.
std::optional<uint16_t> Missing(base::ByteView wanted, base::ByteView got) {
  for (const attr::Attribute& attribute : attr::AttributeWalk(wanted))
    if (attr::Find(got, attribute.type).data() == nullptr) return attribute.type;
  return std::nullopt;
}

constexpr std::string_view kAny = "in_port(0),eth(),eth_type(0x0800),ipv4(frag=no)";

Finding TryMask(Scratch* scratch) {
  auto flow = ovs::ParseFlowText(kAny, nullptr);
  if (!flow.ok()) return Unknown(std::string(flow.status().message()));
  const absl::Status put =
      scratch->TryFlow({.key = flow->key, .mask = flow->mask, .actions = base::ByteView()});
  if (!put.ok()) return FromStatus(put);
  auto told = scratch->TakeFlow({.key = flow->key});
  if (!told.ok()) return Unknown(std::string(told.status().message()));
  return told->mask ? Yes() : No("the kernel took the flow and forgot its mask");
}

Finding TryUfid(Scratch* scratch) {
  auto flow = ovs::ParseFlowText(kAny, nullptr);
  if (!flow.ok()) return Unknown(std::string(flow.status().message()));
  const ovs::Ufid ufid{.bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
  const absl::Status put = scratch->TryFlow(
      {.key = flow->key, .mask = flow->mask, .actions = base::ByteView(), .ufid = ufid});
  if (!put.ok()) return FromStatus(put);
  auto told = scratch->TakeFlow({.ufid = ufid});
  if (told.ok() && told->ufid == ufid) return Yes();
  return told.ok() ? No("the kernel took the flow and forgot its identifier")
                   : FromStatus(told.status());
}

}  // namespace

// Installs the flow; what the kernel refuses, or takes and does not tell again, it does not have.
Finding TryFlow(Scratch* scratch, const FeatureInfo& info) {
  auto flow = ovs::ParseFlowText(info.flow, nullptr);
  if (!flow.ok()) return Unknown(std::string(flow.status().message()));
  auto actions = ovs::ParseActionsText(info.actions, nullptr);
  if (!actions.ok()) return Unknown(std::string(actions.status().message()));
  const absl::Status put =
      scratch->TryFlow({.key = flow->key, .mask = flow->mask, .actions = *actions});
  if (!put.ok()) return FromStatus(put);
  auto told = scratch->TakeFlow({.key = flow->key});
  if (!told.ok()) return Unknown(std::string(told.status().message()));
  if (auto type = Missing(flow->key, told->key))
    return No(absl::StrCat("the kernel took the flow and forgot its key attribute ", *type));
  if (auto type = Missing(*actions, told->actions.value_or(base::ByteVector())))
    return No(absl::StrCat("the kernel took the flow and forgot its action ", *type));
  return Yes();
}

void ProbeFlows(Scratch* scratch, FeatureSet* features) {
  features->Set(Feature::kMegaflowMask, TryMask(scratch));
  features->Set(Feature::kUfid, TryUfid(scratch));
  for (const FeatureInfo& info : Features())
    if (info.method == Method::kFlow) features->Set(info.feature, TryFlow(scratch, info));
}

}  // namespace sluice::compat
