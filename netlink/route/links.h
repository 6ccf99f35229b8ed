// Network devices, by route netlink: looking, setting, and being told of changes.
//
// libnl-route knows the format of the messages; the bytes travel through netlink/socket, so that
// interrupted dumps, lost answers and lost events are dealt with as everywhere else.
//
// Links is thread-compatible and works in the network namespace of the thread that opened it.
//
//   SLUICE_ASSIGN_OR_RETURN(Links links, Links::Open());
//   SLUICE_ASSIGN_OR_RETURN(Link eth0, links.Get("eth0"));
//   SLUICE_RETURN_IF_ERROR(links.SetUp(eth0.ifindex, true));
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "netlink/base/address.h"
#include "netlink/socket/client.h"

namespace sluice::route {

struct Link {
  int ifindex = 0;
  std::string name;
  std::optional<base::Mac> mac;  // only of devices with an Ethernet address
  uint32_t mtu = 0;
  bool up = false;       // IFF_UP: the administrator wants it
  bool running = false;  // IFF_RUNNING: it has a carrier
  int master = 0;        // ifindex of the bridge, bond or datapath that it is a port of; 0: none
  std::string kind;      // IFLA_INFO_KIND: "veth", "vxlan", "openvswitch"; empty for hardware
  std::optional<int32_t> peer_netns;  // IFLA_LINK_NETNSID: id of the namespace of its other end

  friend bool operator==(const Link&, const Link&) = default;
};

// Reads an RTM_NEWLINK or RTM_DELLINK message. kDataLoss when it is none.
absl::StatusOr<Link> ParseLink(const socket::Message& message);

class Links {
 public:
  static absl::StatusOr<Links> Open(const socket::ClientOptions& options = {});
  explicit Links(socket::Client client) : client_(std::move(client)) {}

  // errno ENODEV when there is none.
  absl::StatusOr<Link> Get(std::string_view name);
  absl::StatusOr<Link> Get(int ifindex);
  absl::StatusOr<std::vector<Link>> List();

  // These need CAP_NET_ADMIN.
  absl::Status SetUp(int ifindex, bool up);
  absl::Status SetMtu(int ifindex, uint32_t mtu);

 private:
  absl::StatusOr<Link> Get(int ifindex, std::string_view name);
  socket::Client client_;
};

}  // namespace sluice::route
