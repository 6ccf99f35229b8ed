#include "dpctl/upcall_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dpctl/follow.h"
#include "netlink/attr/json.h"
#include "netlink/attr/wire.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/tables.h"

namespace sluice::dpctl {
namespace {

std::string_view KindName(ovs::Upcall::Kind kind) {
  return kind == ovs::Upcall::Kind::kMiss ? "miss" : "action";
}

size_t LengthOf(const ovs::Upcall& upcall) {
  return upcall.length != 0 ? upcall.length : upcall.packet.size();
}

// The userdata as the userspace() action gave it, for the table that has words for it.
base::ByteVector UserdataAttribute(base::ByteView userdata) {
  base::ByteVector attributes;
  attr::Writer(&attributes).Put(OVS_USERSPACE_ATTR_USERDATA, userdata);
  return attributes;
}

}  // namespace

std::optional<uint32_t> InPortOf(const ovs::Upcall& upcall) {
  for (const attr::Attribute& attribute : attr::AttributeWalk(upcall.key))
    if (attribute.type == OVS_KEY_ATTR_IN_PORT && attribute.payload.size() == sizeof(uint32_t))
      return base::Load<uint32_t>(attribute.payload.data());
  return std::nullopt;
}

void AppendUpcallWords(const UpcallReport& report, std::string* out) {
  const ovs::Upcall& upcall = report.upcall;
  const attr::TextOptions options{.ports = report.ports};
  out->append(KindName(upcall.kind));
  out->push_back(' ');
  attr::AppendSet(ovs::kKeyTable, upcall.key, {}, options, out);
  absl::StrAppend(out, " length:", LengthOf(upcall));
  if (upcall.length != 0) absl::StrAppend(out, " captured:", upcall.packet.size());
  if (upcall.hash) absl::StrAppendFormat(out, " hash:0x%x", *upcall.hash);
  if (upcall.mru) absl::StrAppend(out, " mru:", *upcall.mru);
  if (!upcall.userdata.empty()) {
    out->push_back(' ');
    attr::AppendSet(ovs::kUserspaceTable, UserdataAttribute(upcall.userdata), {}, options, out);
  }
  if (!upcall.egress_tunnel_key.empty()) {
    out->append(" egress_tunnel(");
    attr::AppendSet(ovs::kTunnelTable, upcall.egress_tunnel_key, {}, options, out);
    out->push_back(')');
  }
  if (upcall.actions) {
    out->append(" actions:");
    attr::AppendList(ovs::kActionTable, *upcall.actions, options, out);
  }
}

void AppendUpcall(const UpcallReport& report, std::string* out) {
  AppendTimeOfDay(report.time_ns, out);
  AppendUpcallWords(report, out);
  if (report.more) {
    out->append(" packet:");
    base::AppendHex(report.upcall.packet, out);
  }
  out->push_back('\n');
}

Json UpcallToJson(const UpcallReport& report) {
  const ovs::Upcall& upcall = report.upcall;
  const attr::TextOptions options{.ports = report.ports};
  Json json = {{"time", SecondsOf(report.time_ns)},
               {"kind", KindName(upcall.kind)},
               {"key", attr::SetToJson(ovs::kKeyTable, upcall.key, {}, options)},
               {"length", LengthOf(upcall)},
               {"hash", upcall.hash ? Json(absl::StrFormat("0x%x", *upcall.hash)) : Json()},
               {"mru", upcall.mru ? Json(*upcall.mru) : Json()},
               {"userdata", base::ToHex(upcall.userdata)}};
  if (!upcall.userdata.empty())
    json["cookie"] =
        attr::SetToJson(ovs::kUserspaceTable, UserdataAttribute(upcall.userdata), {}, options);
  if (!upcall.egress_tunnel_key.empty())
    json["egress_tunnel"] =
        attr::SetToJson(ovs::kTunnelTable, upcall.egress_tunnel_key, {}, options);
  json["actions"] =
      upcall.actions ? attr::ListToJson(ovs::kActionTable, *upcall.actions, options) : Json();
  json["packet"] = base::ToHex(upcall.packet);
  return json;
}

}  // namespace sluice::dpctl
