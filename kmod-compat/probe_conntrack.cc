// Features of ctnetlink, which lists connections and ends them.

#include <linux/openvswitch.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "kmod-compat/probes.h"
#include "netlink/attr/wire.h"
#include "netlink/base/byte_order.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"

namespace sluice::compat {
namespace {

constexpr uint16_t kZone = 0, kOtherZone = 6;
// <linux/netfilter/nfnetlink.h> and nfnetlink_conntrack.h clash with headers of the C library.
constexpr uint16_t kSubsystemConntrack = 1, kConntrackGet = 1, kConntrackZone = 18;
struct NetfilterHeader {
  uint8_t family, version;
  uint16_t resource;
};

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

absl::StatusOr<size_t> CountConnections(socket::Client* client, uint16_t zone) {
  constexpr uint8_t kAnyFamily = 0;
  socket::Request request(kSubsystemConntrack << 8 | kConntrackGet, 0,
                          base::AsBytes(NetfilterHeader{kAnyFamily, 0, 0}));
  request.attributes().Put(kConntrackZone, base::Be16::FromHost(zone).wire());
  request.set_label("conntrack dump");
  std::vector<int> connections;
  auto one = [](const socket::Message&) -> absl::StatusOr<int> { return 1; };
  SLUICE_RETURN_IF_ERROR(client->DumpInto(request, &connections, one).status());
  return connections.size();
}

Finding TryConntrackByZone(Scratch* scratch) {
  const absl::Status committed = Commit(scratch);
  if (!committed.ok()) return Unknown(std::string(committed.message()));
  auto client = socket::Client::Open(NETLINK_NETFILTER);
  if (!client.ok()) return Unknown(std::string(client.status().message()));
  const auto here = CountConnections(&*client, kZone);
  if (base::ErrnoOf(here.status()) == EOPNOTSUPP) return No("the kernel knows no zones");
  if (!here.ok())
    return Unknown(absl::StrCat(here.status().message(), "; is nf_conntrack_netlink loaded?"));
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
