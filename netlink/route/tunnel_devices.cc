#include "netlink/route/tunnel_devices.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::route {
namespace {

using base::ToAbsl;

base::Counter& Retries() {
  static base::Counter& counter = base::Counters::Get(
      "route_tunnel_address_retries",
      "Times that a tunnel device could not be made as its UDP port was still in use.");
  return counter;
}

void Wait(const TunnelRetry& retry) {
  if (retry.wait) return retry.wait(retry.pause);
  absl::SleepFor(absl::FromChrono(retry.pause));
}

}  // namespace

absl::StatusOr<TunnelDevices> TunnelDevices::Open(const TunnelRetry& retry) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_ROUTE));
  return TunnelDevices(std::move(client), retry);
}

absl::StatusOr<TunnelMade> TunnelDevices::Ensure(const TunnelSpec& spec) {
  absl::StatusOr<TunnelDevice> there = Get(spec.DeviceName());
  if (there.ok()) return TakeOver(*std::move(there), spec);
  if (absl::IsFailedPrecondition(there.status()))
    return absl::AlreadyExistsError(there.status().message());
  if (base::ErrnoOf(there.status()) != ENODEV) return there.status();
  int retries = 0;
  absl::Status status = Create(spec, spec.mtu.value_or(kTunnelMtu), &retries);
  const int error = base::ErrnoOf(status);
  // Some kinds and kernels do not take so large an MTU; it is tried again when the device is there.
  if ((error == EINVAL || error == ERANGE) && !spec.mtu)
    status = Create(spec, std::nullopt, &retries);
  if (!status.ok()) return Explain(spec, status);
  return Check(spec, retries);
}

absl::Status TunnelDevices::Create(const TunnelSpec& spec, std::optional<uint32_t> mtu,
                                   int* retries) {
  ifinfomsg header{};
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  for (int attempt = 1;; ++attempt) {
    socket::Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, base::AsBytes(header));
    request.set_label("tunnel device add");
    request.attributes().PutString(IFLA_IFNAME, spec.DeviceName());
    if (mtu) request.attributes().Put(IFLA_MTU, *mtu);
    PutTunnelInfo(spec, &request.attributes());
    absl::Status status = client_.Transact(request).status();
    if (base::ErrnoOf(status) != EADDRINUSE || attempt >= retry_.tries) return status;
    ++*retries;
    Retries().Add();
    Wait(retry_);
  }
}

absl::StatusOr<TunnelMade> TunnelDevices::Check(const TunnelSpec& spec, int retries) {
  SLUICE_ASSIGN_OR_RETURN(TunnelDevice device, Get(spec.DeviceName()));
  const uint32_t mtu = spec.mtu.value_or(kTunnelMtu);
  absl::Status status;
  // A kernel that does not know a setting passes over it.
  if (const std::string difference = TunnelDifference(device, spec); !difference.empty())
    status = absl::UnimplementedError(
        absl::StrCat(device.spec.name, ": this kernel makes another one: ", difference));
  if (status.ok() && !device.up) status = Change(device.ifindex, true, std::nullopt, "link up");
  if (status.ok() && device.mtu != mtu) {
    const absl::Status set = SetMtu(device.ifindex, mtu);
    if (spec.mtu) status = set;
  }
  if (status.ok()) {
    auto now = Get(spec.DeviceName());
    if (now.ok() && now->up) return TunnelMade{*std::move(now), /*made=*/true, retries};
    status =
        now.ok()
            ? absl::InternalError(absl::StrCat(device.spec.name, ": was brought up, but is down"))
            : now.status();
  }
  const absl::Status undone = Delete(device.ifindex);
  if (undone.ok() || base::ErrnoOf(undone) == ENODEV) return status;
  return base::Annotate(status, absl::StrCat(device.spec.name, " was made and is still there"));
}

absl::StatusOr<TunnelMade> TunnelDevices::TakeOver(TunnelDevice device, const TunnelSpec& spec) {
  if (const std::string difference = TunnelDifference(device, spec); !difference.empty())
    return absl::AlreadyExistsError(
        absl::StrCat("device ", device.spec.name, " is there already, and ", difference));
  const bool resize = spec.mtu && device.mtu != *spec.mtu;
  if (!device.up || resize) {
    SLUICE_RETURN_IF_ERROR(
        Change(device.ifindex, true, resize ? spec.mtu : std::nullopt, "link set"));
    SLUICE_ASSIGN_OR_RETURN(device, Get(spec.DeviceName()));
  }
  return TunnelMade{std::move(device), /*made=*/false, 0};
}

absl::Status TunnelDevices::Explain(const TunnelSpec& spec, const absl::Status& status) {
  const int error = base::ErrnoOf(status);
  const std::string name = spec.DeviceName();
  if (error == EOPNOTSUPP)
    return absl::UnimplementedError(
        absl::StrCat(name, ": this kernel has no such devices: is there a module ",
                     ToAbsl(InfoOf(spec.kind).module), "?"));
  if (error != EEXIST && error != EBUSY && error != EADDRINUSE) return base::Annotate(status, name);
  std::string why = error == EADDRINUSE
                        ? absl::StrCat("UDP port ", spec.DstPort(),
                                       " stayed in use, by another program or device")
                        : std::string(status.message());
  if (const auto others = List(); others.ok()) {
    for (const TunnelDevice& other : *others) {
      if (other.spec.dst_port != spec.DstPort()) continue;
      if (spec.DstPort() != 0) {
        why = absl::StrCat("device ", other.spec.name, " has UDP port ", spec.DstPort());
      } else if (other.spec.kind == spec.kind && other.collects_metadata) {
        why = absl::StrCat("device ", other.spec.name,
                           " is one of the same kind, and there can be but one");
      }
    }
  }
  return absl::AlreadyExistsError(absl::StrCat(name, ": ", why));
}

absl::StatusOr<TunnelDevice> TunnelDevices::Get(std::string_view name) {
  if (name.empty() || name.size() >= IFNAMSIZ || name.find('\0') != std::string_view::npos)
    return base::KernelError(
        ENODEV, absl::StrCat("link \"", ToAbsl(name), "\": names have 1 to 15 characters"));
  socket::Request request(RTM_GETLINK, 0, base::AsBytes(ifinfomsg{}));
  request.set_label("link get");
  request.set_read_only(true);
  request.attributes().PutString(IFLA_IFNAME, name);
  const absl::StatusOr<socket::Reply> reply = client_.Transact(request);
  const std::string context = absl::StrCat("link \"", ToAbsl(name), "\"");
  if (!reply.ok()) return base::Annotate(reply.status(), context);
  socket::Message answer;
  answer.type = reply->type;
  answer.payload = reply->payload;
  SLUICE_ASSIGN_OR_RETURN(std::optional<TunnelDevice> device, ParseTunnelDevice(answer));
  if (!device)
    return absl::FailedPreconditionError(
        absl::StrCat("device ", ToAbsl(name), " is there already, and is no tunnel"));
  return *std::move(device);
}

absl::StatusOr<std::vector<TunnelDevice>> TunnelDevices::List() {
  socket::Request request(RTM_GETLINK, 0, base::AsBytes(ifinfomsg{}));
  request.set_label("link list");
  request.set_read_only(true);
  std::vector<std::optional<TunnelDevice>> links;
  SLUICE_RETURN_IF_ERROR(client_.DumpInto(request, &links, ParseTunnelDevice).status());
  std::vector<TunnelDevice> devices;
  for (std::optional<TunnelDevice>& link : links)
    if (link) devices.push_back(*std::move(link));
  return devices;
}

absl::Status TunnelDevices::Change(int ifindex, bool up, std::optional<uint32_t> mtu,
                                   std::string_view label) {
  ifinfomsg header{};
  header.ifi_index = ifindex;
  if (up) header.ifi_flags = header.ifi_change = IFF_UP;
  socket::Request request(RTM_NEWLINK, 0, base::AsBytes(header));
  request.set_label(label);
  if (mtu) request.attributes().Put(IFLA_MTU, *mtu);
  return client_.Transact(request).status();
}

absl::Status TunnelDevices::SetMtu(int ifindex, uint32_t mtu) {
  return base::Annotate(Change(ifindex, /*up=*/false, mtu, "link set mtu"),
                        absl::StrCat("mtu ", mtu));
}

absl::Status TunnelDevices::Delete(int ifindex) {
  ifinfomsg header{};
  header.ifi_index = ifindex;
  socket::Request request(RTM_DELLINK, 0, base::AsBytes(header));
  request.set_label("link delete");
  return client_.Transact(request).status();
}

}  // namespace sluice::route
