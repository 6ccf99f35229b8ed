// Connection tracking: what ct() tells the datapath.
#include <algorithm>

#include "agent/translate/walk.h"

namespace sluice::translate {

using base::Be32;
using pipeline::Action;
using pipeline::ActionKind;
using pipeline::ConntrackAction;
using pipeline::FieldAt;
using pipeline::FieldRow;
using pipeline::Needs;

namespace {

using Flag = ConntrackAction::Flag;
using Helper = ConntrackAction::Helper;

constexpr uint8_t kTcp = 6, kUdp = 17;

// With the zero at its end that the kernel wants.
void AppendString(uint16_t type, std::string_view text, ovs::ActionList* actions) {
  absl::InlinedVector<uint8_t, 32> bytes(text.begin(), text.end());
  bytes.push_back(0);
  actions->Append(type, base::ByteView(bytes.data(), bytes.size()));
}

void AppendNumber(uint16_t type, uint16_t number, ovs::ActionList* actions) {
  actions->Append(type, base::AsBytes(number));
}

// In the order in which the kernel shows it again, here as in DoConntrack(): so that flows that are
// found in the datapath compare.
void AppendNat(const ConntrackAction& ct, ovs::ActionList* actions) {
  auto nat = actions->Nest(OVS_CT_ATTR_NAT);
  if (!ct.Has(Flag::kSource) && !ct.Has(Flag::kDestination)) return;
  actions->Append(ct.Has(Flag::kSource) ? OVS_NAT_ATTR_SRC : OVS_NAT_ATTR_DST, {});
  if (ct.nat_family != 0) {
    const size_t size = ct.nat_family == 4 ? sizeof(base::Ipv4) : sizeof(base::Ipv6);
    actions->Append(OVS_NAT_ATTR_IP_MIN, base::ByteView(ct.nat_first.data(), size));
    if (ct.nat_last != ct.nat_first)
      actions->Append(OVS_NAT_ATTR_IP_MAX, base::ByteView(ct.nat_last.data(), size));
  }
  if (ct.nat_first_port != 0) {
    AppendNumber(OVS_NAT_ATTR_PROTO_MIN, ct.nat_first_port, actions);
    if (ct.nat_last_port != ct.nat_first_port)
      AppendNumber(OVS_NAT_ATTR_PROTO_MAX, ct.nat_last_port, actions);
  }
  if (ct.Has(Flag::kPersistent)) actions->Append(OVS_NAT_ATTR_PERSISTENT, {});
  if (ct.Has(Flag::kHash)) actions->Append(OVS_NAT_ATTR_PROTO_HASH, {});
  if (ct.Has(Flag::kRandom)) actions->Append(OVS_NAT_ATTR_PROTO_RANDOM, {});
}

}  // namespace

void Walk::DoConntrack(const Action& action) {
  const auto ct = action.Get<ConntrackAction>();
  const Needs needs = ct.nat_family == 4   ? Needs::kIpv4
                      : ct.nat_family == 6 ? Needs::kIpv6
                                           : Needs::kIp;
  if (!HoldsNow(needs)) return Note("no packet of that kind: it is not tracked");
  now_.state.NeedHeaders();
  const std::optional<uint16_t> zone = ZoneOf(ct);
  if (!zone || !CommitNow()) return;
  Tracking tracking{.zone = *zone, .translates = ct.Has(Flag::kNat), .values = {}, .bits = {}};
  ReadMarkAndLabel(action.nested(), &tracking);
  {
    auto nest = out_->actions.Nest(OVS_ACTION_ATTR_CT);
    if (ct.Has(Flag::kCommit))
      out_->actions.Append(ct.Has(Flag::kForce) ? OVS_CT_ATTR_FORCE_COMMIT : OVS_CT_ATTR_COMMIT,
                           {});
    if (view_->kernel.ct_zones) AppendNumber(OVS_CT_ATTR_ZONE, *zone, &out_->actions);
    PutMarkAndLabel(tracking);
    PutHelper(ct);
    PutTimeout(ct);
    if (ct.Has(Flag::kNat)) AppendNat(ct, &out_->actions);
  }
  if (ct.table != ConntrackAction::kNoTable) {
    FrozenState state = Freeze();
    state.table = ct.table;
    state.carries_out_set = true;
    state.shows_conntrack = true;
    Recirculate(std::move(state), Why::kConntrack, &tracking);
  }
  if (ct.Has(Flag::kNat)) now_.state.TranslatedByConntrack();
  now_.hides_conntrack = true;
}

// Nothing when the kernel has no such zone: then all fails.
std::optional<uint16_t> Walk::ZoneOf(const ConntrackAction& ct) {
  const auto zone = ct.zone_source.bits == 0
                        ? ct.zone
                        : static_cast<uint16_t>(absl::Uint128Low64(ReadBits(ct.zone_source)));
  if (zone == 0 || view_->kernel.ct_zones) return zone;
  Note("this kernel has no zones but 0 (ct_zone)");
  Fail(Verdict::kDropUnsupported);
  return std::nullopt;
}

void Walk::ReadMarkAndLabel(pipeline::ActionSpan exec, Tracking* tracking) {
  for (const Action action : exec) {
    const FieldRow* row = nullptr;
    absl::uint128 value = 0, mask = 0;
    if (action.kind() == ActionKind::kMove) {
      const auto move = action.Get<pipeline::MoveAction>();
      if (!HoldsNow(move.source.row().needs)) {
        Note("not a packet of that kind: nothing is moved");
        continue;
      }
      row = &move.destination.row();
      value = ReadBits(move.source) << move.destination.first;
      mask = pipeline::LowBits(move.destination.bits) << move.destination.first;
    } else {
      row = &FieldAt(action.Get<pipeline::SetFieldAction>().field);
      value = SetFieldValue(action);
      mask = SetFieldMask(action);
    }
    SetField(*row, (GetField(tracking->values, *row) & ~mask) | (value & mask), &tracking->values);
    SetField(*row, GetField(tracking->bits, *row) | mask, &tracking->bits);
  }
}

void Walk::PutMarkAndLabel(const Tracking& tracking) {
  const Fields &values = tracking.values, &bits = tracking.bits;
  if (bits.ct_mark.wire() != 0) {
    const uint32_t mark[] = {values.ct_mark.host(), bits.ct_mark.host()};
    out_->actions.Append(OVS_CT_ATTR_MARK, base::AsBytes(mark));
  }
  if (base::IsAllZeros(base::AsBytes(bits.ct_label))) return;
  // The kernel's first byte is the lowest.
  std::array<uint8_t, 2 * sizeof(Fields::ct_label)> label;
  std::reverse_copy(values.ct_label.begin(), values.ct_label.end(), label.begin());
  std::reverse_copy(bits.ct_label.begin(), bits.ct_label.end(),
                    label.begin() + sizeof(Fields::ct_label));
  out_->actions.Append(OVS_CT_ATTR_LABELS, base::AsBytes(label));
}

void Walk::PutHelper(const ConntrackAction& ct) {
  if (ct.helper == Helper::kNone) return;
  const uint8_t proto = now_.state.ReadMember(&Fields::nw_proto);
  const bool ftp = ct.helper == Helper::kFtp;
  if (proto != (ftp ? kTcp : kUdp)) return Note("not the protocol of that helper: without it");
  AppendString(OVS_CT_ATTR_HELPER, ftp ? "ftp" : "tftp", &out_->actions);
}

// The kernel's policies are for one protocol, and one that is not there is no error to it: then the
// connection has the system's timeouts.
void Walk::PutTimeout(const ConntrackAction& ct) {
  if (ct.timeout_name().empty()) return;
  const uint8_t version = HoldsNow(Needs::kIpv4) ? 4 : 6;
  const uint8_t protocol = now_.state.ReadMember(&Fields::nw_proto);
  const std::string* policy =
      view_->timeouts == nullptr
          ? nullptr
          : view_->timeouts->Find(ct.timeout_name(), {.version = version, .protocol = protocol});
  if (policy == nullptr) return Note("no such timeout policy for that protocol: without it");
  AppendString(OVS_CT_ATTR_TIMEOUT, *policy, &out_->actions);
}

void Walk::DoConntrackClear(const Action& /*action*/) {
  if (!CommitNow()) return;
  out_->actions.Append(OVS_ACTION_ATTR_CT_CLEAR, {});
  now_.state.HideConntrack();
  now_.hides_conntrack = true;
}

}  // namespace sluice::translate
