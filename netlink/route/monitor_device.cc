#include "netlink/route/monitor_device.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"
#include "netlink/route/links.h"

namespace sluice::route {
namespace {

constexpr std::string_view kKind = "nlmon";

}  // namespace

absl::StatusOr<MonitorDevice> MonitorDevice::Create(std::string_view name) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_ROUTE));
  SLUICE_ASSIGN_OR_RETURN(Links links, Links::Open());
  MonitorDevice device(std::move(client));
  ifinfomsg header{};
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  socket::Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, base::AsBytes(header));
  request.set_label("netlink monitor add");
  request.attributes().PutString(IFLA_IFNAME, name);
  {
    const auto info = request.attributes().Nest(IFLA_LINKINFO);
    request.attributes().PutString(IFLA_INFO_KIND, kKind);
  }
  const absl::Status made = device.client_.Transact(request).status();
  if (base::ErrnoOf(made) == EOPNOTSUPP)
    return absl::UnimplementedError(
        absl::StrCat("this kernel has no devices of the kind nlmon: is there a module nlmon?"));
  if (!made.ok()) return base::Annotate(made, absl::StrCat("making ", base::ToAbsl(name)));
  SLUICE_ASSIGN_OR_RETURN(const Link link, links.Get(name));
  device.ifindex_ = link.ifindex;
  return device;
}

absl::Status MonitorDevice::Remove() {
  if (ifindex_ == 0) return absl::OkStatus();
  ifinfomsg header{};
  header.ifi_index = std::exchange(ifindex_, 0);
  socket::Request request(RTM_DELLINK, 0, base::AsBytes(header));
  request.set_label("netlink monitor delete");
  absl::Status removed = client_.Transact(request).status();
  if (base::ErrnoOf(removed) == ENODEV) return absl::OkStatus();
  return removed;
}

MonitorDevice::~MonitorDevice() { Remove().IgnoreError(); }

}  // namespace sluice::route
