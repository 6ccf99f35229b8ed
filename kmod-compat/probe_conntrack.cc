// Features of ctnetlink, which lists connections and ends them.

#include <linux/openvswitch.h>

#include "absl/strings/str_cat.h"
#include "kmod-compat/probes.h"
#include "netlink/attr/wire.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connections.h"
#include "netlink/conntrack/netfilter_request.h"
#include "netlink/ovs/action_list.h"

namespace sluice::compat {
namespace {

constexpr uint16_t kZone = 0, kOtherZone = 6;

absl::Status Commit(Scratch* scratch) {
  ovs::ActionList actions;
  {
    auto nest = actions.Nest(OVS_ACTION_ATTR_CT);
    base::ByteVector inner;
    attr::Writer writer(&inner);
    writer.PutFlag(OVS_CT_ATTR_COMMIT);
    actions.Append(inner);
  }
  return scratch->Execute(actions.bytes(), std::nullopt);
}

// How many the kernel gives when it is asked for those of a zone.
absl::StatusOr<size_t> CountConnections(socket::Client* client, uint16_t zone) {
  size_t count = 0;
  SLUICE_RETURN_IF_ERROR(conntrack::Connections(client)
                             .Dump(
                                 {.family = 0, .zone = zone, .mark = {}},
                                 [&count](const conntrack::Connection&) {
                                   ++count;
                                   return absl::OkStatus();
                                 },
                                 [&count] { count = 0; })
                             .status());
  return count;
}

Finding TryConntrackByZone(Scratch* scratch) {
  const absl::Status committed = Commit(scratch);
  if (!committed.ok()) return Unknown(std::string(committed.message()));
  auto client = conntrack::OpenNetfilter();
  if (!client.ok()) return Unknown(std::string(client.status().message()));
  const auto here = CountConnections(&*client, kZone);
  if (!here.ok()) return Unknown(std::string(here.status().message()));
  if (*here == 0) return Unknown("the connection that was made is not listed");
  const auto elsewhere = CountConnections(&*client, kOtherZone);
  if (!elsewhere.ok()) return Unknown(std::string(elsewhere.status().message()));
  return *elsewhere == 0 ? Yes() : No("connections of other zones are listed too");
}

}  // namespace

void ProbeConntrack(Scratch* scratch, FeatureSet* features) {
  features->Set(Feature::kConntrackByZone, TryConntrackByZone(scratch));
}

}  // namespace sluice::compat
