// Flows that the agent finds in the datapath: of an agent that ran before, or of somebody else.
#include "agent/flowcache/revalidator_round.h"
#include "agent/translate/key_fields.h"
#include "netlink/base/status.h"

namespace sluice::flowcache {

using ovs::FlowKey;

namespace {

// False for what cannot be read. The kernel shows a flow's key under its mask, and an Ethernet type
// that it does not match as 0, which it takes from nobody: left out, it takes it.
bool ReadKey(const ovs::Flow& flow, FlowKey* key, FlowKey* mask) {
  attr::Unknowns unknowns;
  if (!flow.mask || ovs::DecodeFlowKey(flow.key, key, &unknowns) ||
      ovs::DecodeFlowKey(*flow.mask, mask, &unknowns))
    return false;
  for (size_t level = 0; level < key->present.size(); ++level)
    if (key->layers[level].eth_type.host() == 0)
      key->present[level] &= ~(uint64_t{1} << OVS_KEY_ATTR_ETHERTYPE);
  if (flow.ufid) CompleteMask(*key, *flow.ufid, mask);
  return true;
}

}  // namespace

absl::Status Revalidator::Adopt(DatapathFlows* datapath) {
  std::vector<ovs::Flow> flows;
  ovs::Flows api(&client_);
  SLUICE_RETURN_IF_ERROR(api.Dump(
                                datapath->dp_ifindex, {},
                                [&](const ovs::FlowView& view) {
                                  flows.emplace_back(view);
                                  return absl::OkStatus();
                                },
                                [&] { flows.clear(); })
                             .status());
  FindStates(datapath, flows);
  LearnFrom(datapath, flows);
  Round round{.datapath = datapath, .report = {.began = clock_->Now()}};
  for (const ovs::Flow& flow : flows) AdoptOrDelete(&round, flow);
  FlushChanges(&round);
  Finish(&round);
  return absl::OkStatus();
}

// Flows of packets that were recirculated can only be understood when the flows that recirculate
// them have been translated: those of the first half first, then those that they lead to, as far as
// it goes. What no flow leads to is deleted afterwards.
void Revalidator::FindStates(DatapathFlows* datapath, const std::vector<ovs::Flow>& flows) {
  std::vector<FlowKey> waiting;
  bool any = false;
  for (const ovs::Flow& flow : flows) {
    FlowKey key, mask;
    if (!ReadKey(flow, &key, &mask)) continue;
    any |= key.recirc_id != 0;
    waiting.push_back(key);
  }
  if (!any) return;
  const bridge::Sight sight(datapath->bridge.get());
  for (bool found = true; found;) {
    const size_t before = waiting.size();
    std::erase_if(waiting, [&](const FlowKey& key) {
      if (key.recirc_id != 0 && !datapath->bridge->recirculations().Find(key.recirc_id))
        return false;
      translator_.Translate(key, sight.view(), &translation_);
      return true;
    });
    found = waiting.size() < before;
  }
}

// The addresses that the flows' packets came from, as the agent before us had learned them. Only a
// flow that matches all of an address tells of it; flows that saw packets go before those that did
// not.
void Revalidator::LearnFrom(DatapathFlows* datapath, const std::vector<ovs::Flow>& flows) {
  for (const bool used : {true, false}) {
    for (const ovs::Flow& flow : flows) {
      FlowKey key, mask;
      if ((flow.stats.used != 0) != used || !ReadKey(flow, &key, &mask)) continue;
      const bridge::Sight sight(datapath->bridge.get());
      translator_.Translate(key, sight.view(), &translation_);
      if (!ovs::IsWithin(translation_.mask, mask)) continue;
      for (const translate::Learned& learned : translation_.learned)
        if (used || !datapath->bridge->FindPort(learned.vlan, learned.mac))
          datapath->bridge->Learn(learned, used ? flow.stats.used : clock_->Now());
    }
  }
}

// Whether a flow that was found does what we would do; then translation_ is of its key.
bool Revalidator::IsRight(const ovs::Flow& flow, const bridge::Sight& sight, FlowKey* key,
                          FlowKey* mask) {
  if (!flow.ufid || !flow.actions || !ReadKey(flow, key, mask)) return false;
  translator_.Translate(*key, sight.view(), &translation_);
  return translation_.install && ovs::IsWithin(translation_.mask, *mask) &&
         base::Equal(*flow.actions, translation_.actions.bytes());
}

void Revalidator::AdoptOrDelete(Round* round, const ovs::Flow& flow) {
  DatapathFlows* datapath = round->datapath;
  const bridge::Sight sight(datapath->bridge.get());
  FlowKey key, mask;
  if (IsRight(flow, sight, &key, &mask)) {
    // Without the attributes that it has no bit of: as ours are, so that equal masks are one.
    base::ByteVector mask_bytes;
    attr::Writer writer(&mask_bytes);
    ovs::EncodeFlowMask(key, mask, &writer);
    const Decision decision = {.key = key,
                               .mask = mask_bytes,
                               .mask_use = datapath->bridge->masks()->Count(translate::BitsOfMask(
                                   mask, key, sight.view().ports.options().tunnel_options)),
                               .translation = translation_,
                               .sight = sight,
                               .now = clock_->Now(),
                               .origin = Origin::kAdopted};
    if (datapath->cache.Add(*flow.ufid, decision) != AddResult::kFull) {
      datapath->cache.With(*flow.ufid,
                           [&](CachedFlow* adopted) { adopted->CountFrom(flow.stats); });
      ++round->report.adopted;
      return;
    }
  }
  ++round->report.foreign;
  // By its identifier alone where it has one: the key as it was shown is not always taken.
  const base::ByteView name = flow.ufid ? base::ByteView() : base::ByteView(flow.key);
  installer_.Delete(datapath->dp_ifindex, {.key = name, .ufid = flow.ufid}, kNoTag);
}

}  // namespace sluice::flowcache
