#include "agent/translate/translate.h"

#include <array>

#include "agent/translate/key_fields.h"
#include "agent/translate/walk.h"

namespace sluice::translate {
namespace {

struct VerdictText {
  std::string_view name, meaning;
};
constexpr std::array<VerdictText, kVerdicts> kVerdictTexts = {{
    {"forward", "to the port where the destination was seen, or where rules said"},
    {"flood", "broadcast or multicast, to all ports of the VLAN"},
    {"flood_unknown", "to all ports, as the destination has not been seen; no flow"},
    {"slow_path", "the agent changes each packet, as the kernel cannot set such a header"},
    {"heartbeat", "a heartbeat from a peer of the overlay, for the agent alone"},
    {"drop_same_port", "the destination is behind the port it came from"},
    {"drop_reserved", "link-local protocol, which the bridge does not forward"},
    {"drop_vlan", "the port does not carry the VLAN"},
    {"drop_protected", "from a protected port to another"},
    {"drop_peer", "from one peer of the overlay to another: it sends there itself"},
    {"drop_unknown_port", "the bridge has no such port"},
    {"drop_mirror_port", "the port it came from is a mirror's alone"},
    {"drop_unknown_tunnel", "it came from a tunnel that is no port's"},
    {"drop_no_remote", "it goes into a tunnel, and neither port nor rule says to which address"},
    {"drop_not_ethernet", "the packet has no Ethernet header"},
    {"drop_no_rule", "no rule of table 0 matches"},
    {"drop_rules", "rules matched, and none sends the packet anywhere"},
    {"drop_too_deep", "resubmits or groups within each other, or too many in all"},
    {"drop_too_long", "more actions than the kernel takes"},
    {"drop_unsettable", "a header was changed that nobody can change"},
    {"drop_blind", "a header was asked for that an MPLS label hid"},
    {"drop_unsupported", "the kernel lacks what a rule asks for"},
    {"drop_recirc_full", "there are as many states of recirculation as there may be"},
    {"drop_recirc_loop", "more recirculations behind each other than there may be"},
    {"drop_unknown_recirc", "of a recirculation that nobody knows any more"},
    {"drop_no_meter", "rules name a meter that the kernel does not have"},
}};

}  // namespace

std::string_view ToString(Verdict verdict) {
  return kVerdictTexts[static_cast<size_t>(verdict)].name;
}

std::string_view Explain(Verdict verdict) {
  return kVerdictTexts[static_cast<size_t>(verdict)].meaning;
}

Translator::Translator() : walk_(std::make_unique<Walk>()) {}
Translator::~Translator() = default;
Translator::Translator(Translator&&) noexcept = default;
Translator& Translator::operator=(Translator&&) noexcept = default;

void Translator::Translate(const Fields& packet, const View& view, Translation* out) {
  walk_->Run(packet, view, out);
}

void Translator::Wrap(const pipeline::BridgePort& port, ovs::ActionList* actions) {
  walk_->Wrap(port, actions);
}

void Translator::Translate(const ovs::FlowKey& key, const View& view, Translation* out) {
  const pipeline::TunnelOptions& options = view.ports.options().tunnel_options;
  walk_->Run(FieldsOfKey(key, options), view, out);
  out->mask = MaskOfFields(out->read, key, options);
}

}  // namespace sluice::translate
