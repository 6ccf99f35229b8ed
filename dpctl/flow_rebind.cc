#include "dpctl/flow_rebind.h"

#include <linux/openvswitch.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "netlink/attr/replace_port.h"
#include "netlink/attr/text.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/family_request.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {
namespace {

constexpr size_t kStep = 1024;  // requests for one trip to the kernel

ovs::FlowSpec SpecOf(const ovs::Flow& flow) {
  ovs::FlowSpec spec{.key = flow.key, .ufid = flow.ufid};
  if (flow.mask) spec.mask = *flow.mask;
  if (flow.actions) spec.actions = *flow.actions;
  return spec;
}

std::string KeyText(const ovs::Flow& flow) {
  std::string text;
  attr::AppendSet(ovs::kKeyTable, flow.key,
                  flow.mask ? attr::MaskView::Of(*flow.mask) : attr::MaskView{}, {}, &text);
  return text;
}

ovs::FlowId IdOf(const ovs::Flow& flow) { return {.key = flow.key, .ufid = flow.ufid}; }

}  // namespace

ovs::Ufid ReboundUfid(const ovs::Ufid& ufid, uint32_t from, uint32_t to) {
  // Any number will do that is the same both ways and others hardly use (the mixing step of
  // SplitMix64).
  uint64_t mixed = (uint64_t{std::min(from, to)} << 32 | std::max(from, to)) + 0x9e3779b97f4a7c15;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
  mixed ^= mixed >> 31;
  ovs::Ufid result = ufid;
  for (size_t i = 0; i < sizeof(mixed); ++i)
    result.bytes[i] = static_cast<uint8_t>(result.bytes[i] ^ (mixed >> 8 * i & 0xff));
  return result;
}

std::optional<ReboundFlow> RebindFlow(const ovs::FlowView& flow, uint32_t from, uint32_t to) {
  ReboundFlow rebound{.before = ovs::Flow(flow), .after = ovs::Flow(flow)};
  ovs::Flow& after = rebound.after;
  const auto mask = after.mask ? attr::MaskView::Of(*after.mask) : attr::MaskView{};
  rebound.moved = attr::ReplacePort(ovs::kKeyTable, mask, from, to, &after.key) > 0;
  size_t outputs = 0;
  if (after.actions) outputs = attr::ReplacePort(ovs::kActionTable, {}, from, to, &*after.actions);
  if (!rebound.moved && outputs == 0) return std::nullopt;
  if (rebound.moved) {
    after.stats = {};
    if (after.ufid) after.ufid = ReboundUfid(*after.ufid, from, to);
  }
  return rebound;
}

absl::Status FlowRebind::Send(Encode encode, Take take, const bool* enough) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, ovs::Resolve(client_, OVS_FLOW_FAMILY));
  socket::Request request;
  socket::Batch batch;
  std::vector<Item*> sent;
  for (size_t i = 0; i < items_.size() && !*enough;) {
    batch.Clear();
    sent.clear();
    for (; i < items_.size() && batch.size() < kStep; ++i) {
      if (!encode(items_[i], *family, &request)) continue;
      if (!batch.Add(request)) return UsageError("a flow is too large for a netlink request");
      sent.push_back(&items_[i]);
    }
    if (batch.empty()) continue;
    absl::Status status = client_->Run(&batch, socket::BatchMode::kErrorsOnly);
    for (size_t at = 0; at < sent.size(); ++at) {
      if (batch.error(at) == socket::Batch::kNotSent) continue;
      if (batch.error(at) == socket::Batch::kUnknown) sent[at]->state = State::kUnknown;
      take(sent[at], client_->StatusOf(batch, at));
    }
    if (!status.ok() && base::ErrnoOf(status) != ENOBUFS) return status;
  }
  return absl::OkStatus();
}

absl::Status FlowRebind::Install(absl::Status* refusal) {
  bool refused = false;
  return Send(
      [this](const Item& item, const socket::Family& family, socket::Request* request) {
        const ovs::FlowSpec spec = SpecOf(item.flow.after);
        if (item.flow.moved) {
          ovs::EncodeFlowPut(family, dp_ifindex_, spec, request);
        } else {
          ovs::EncodeFlowModify(family, dp_ifindex_, spec, /*may_create=*/false, request);
        }
        return true;
      },
      [&](Item* item, const absl::Status& status) {
        if (status.ok()) {
          item->state = State::kDone;
        } else if (!item->flow.moved && base::ErrnoOf(status) == ENOENT) {
          item->state = State::kGone;
        } else if (!refused) {
          refused = true;
          *refusal = FailedAndLogged(absl::StrCat(item->flow.moved ? "installing" : "changing",
                                                  " flow ", KeyText(item->flow.after)),
                                     status);
        }
      },
      &refused);
}

absl::Status FlowRebind::RemoveOld() {
  const bool never = false;
  absl::Status first;
  size_t left = 0;
  SLUICE_RETURN_IF_ERROR(Send(
      [this](const Item& item, const socket::Family& family, socket::Request* request) {
        if (!item.flow.moved || item.state != State::kDone) return false;
        ovs::EncodeFlowDelete(family, dp_ifindex_, IdOf(item.flow.before), /*echo=*/false, request);
        return true;
      },
      [&](Item* item, const absl::Status& status) {
        if (status.ok()) return;
        if (base::ErrnoOf(status) == ENOENT) {
          item->state = State::kGone;
          return;
        }
        ++left;
        first.Update(status);
      },
      &never));
  // Whoever removed an old one meanwhile did not want it: then it must not live on as another.
  const auto remove_copy = [this](const Item& item, const socket::Family& family,
                                  socket::Request* request) {
    if (!item.flow.moved || item.state != State::kGone) return false;
    ovs::EncodeFlowDelete(family, dp_ifindex_, IdOf(item.flow.after), /*echo=*/false, request);
    return true;
  };
  SLUICE_RETURN_IF_ERROR(Send(
      remove_copy, [](Item*, const absl::Status&) {}, &never));
  if (left == 0) return absl::OkStatus();
  return WithHint(Failed("removing flows that were moved", first),
                  absl::StrCat(left, " of them are still there, beside those that replace them"));
}

absl::Status FlowRebind::Undo(const absl::Status& refusal) {
  const bool never = false;
  size_t lasting = 0, unknown = 0;
  for (const Item& item : items_) {
    lasting += item.state == State::kDone;
    unknown += item.state == State::kUnknown;
  }
  const absl::Status sent = Send(
      [this](const Item& item, const socket::Family& family, socket::Request* request) {
        if (item.state != State::kDone) return false;
        if (item.flow.moved) {
          ovs::EncodeFlowDelete(family, dp_ifindex_, IdOf(item.flow.after), /*echo=*/false,
                                request);
        } else {
          ovs::EncodeFlowModify(family, dp_ifindex_, SpecOf(item.flow.before),
                                /*may_create=*/false, request);
        }
        return true;
      },
      [&lasting](Item* item, const absl::Status& status) {
        if (!status.ok() && base::ErrnoOf(status) != ENOENT) return;
        item->state = State::kUntouched;
        --lasting;
      },
      &never);
  if (lasting + unknown == 0) return WithHint(refusal, "no flow has changed");
  return WithHint(refusal, absl::StrCat(lasting, " flows have changed and could not be put back (",
                                        sent.message(), "); of ", unknown,
                                        " it is not known: look at dump-flows"));
}

absl::Status FlowRebind::Run() {
  absl::Status refusal;
  refusal.Update(Install(&refusal));
  if (!refusal.ok()) return Undo(refusal);
  SLUICE_RETURN_IF_ERROR(RemoveOld());
  for (const Item& item : items_) {
    counts_.gone += item.state == State::kGone;
    if (item.state == State::kDone) ++(item.flow.moved ? counts_.moved : counts_.changed);
  }
  return absl::OkStatus();
}

}  // namespace sluice::dpctl
