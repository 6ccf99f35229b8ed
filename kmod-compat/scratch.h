// A datapath to try things on, in a network namespace that nobody else sees.
//
// Open() moves the calling thread into a new network namespace, for good: call it in a thread that
// ends with the work, and the namespace and all that is in it go with the thread.
// Thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "netlink/base/bytes.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/flow.h"
#include "netlink/socket/client.h"

namespace sluice::compat {

class Scratch {
 public:
  // kPermissionDenied without CAP_SYS_ADMIN and CAP_NET_ADMIN, kUnavailable without the module.
  static absl::StatusOr<Scratch> Open();

  socket::Client* client() { return &client_; }
  const ovs::Datapath& datapath() const { return datapath_; }
  int dp_ifindex() const { return datapath_.ifindex; }

  // Installs a flow as a trial: the kernel logs no refusal. errno EINVAL when it is refused.
  absl::Status TryFlow(const ovs::FlowSpec& flow);
  // What became of it, and removes it.
  absl::StatusOr<ovs::Flow> TakeFlow(const ovs::FlowId& id);

  // Has the kernel take actions on a UDP packet that came in by the local port.
  absl::Status Execute(base::ByteView actions, std::optional<uint32_t> upcall_pid);

 private:
  Scratch(socket::Client client, ovs::Datapath datapath)
      : client_(std::move(client)), datapath_(std::move(datapath)) {}

  socket::Client client_;
  ovs::Datapath datapath_;
};

}  // namespace sluice::compat
