// Features that show in packets that the kernel sends up.

#include <linux/openvswitch.h>

#include "kmod-compat/probes.h"
#include "netlink/attr/wire.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"
#include "netlink/socket/message.h"
#include "netlink/socket/receive_buffers.h"
#include "netlink/socket/socket.h"

namespace sluice::compat {
namespace {

// Has the kernel take the actions and gives what then came to the socket; nothing when none did.
class UpcallTrial {
 public:
  static absl::StatusOr<UpcallTrial> Open() {
    SLUICE_ASSIGN_OR_RETURN(auto socket, socket::NetlinkSocket::Open(NETLINK_GENERIC));
    return UpcallTrial(std::move(socket));
  }
  uint32_t pid() const { return socket_.port_id(); }

  absl::StatusOr<std::optional<base::ByteVector>> Run(Scratch* scratch, base::ByteView actions,
                                                      std::optional<uint32_t> upcall_pid) {
    SLUICE_RETURN_IF_ERROR(scratch->Execute(actions, upcall_pid));
    // The kernel has queued it before it acknowledged the execute.
    socket::ReceiveBuffers buffers(1, 8192);
    const auto received = socket_.Receive(&buffers, std::chrono::milliseconds(0));
    if (received.outcome != socket::ReceiveOutcome::kReceived) return std::nullopt;
    for (const socket::Message& message : socket::MessageWalk(buffers.datagram(0)))
      if (auto generic = socket::ParseGeneric(message, sizeof(ovs_header)))
        return base::ByteVector(generic->attributes.begin(), generic->attributes.end());
    return std::nullopt;
  }

 private:
  explicit UpcallTrial(socket::NetlinkSocket socket) : socket_(std::move(socket)) {}
  socket::NetlinkSocket socket_;
};

void ProbeUpcall(Scratch* scratch, UpcallTrial* trial, FeatureSet* features) {
  ovs::ActionList actions;
  {
    auto nest = actions.Nest(OVS_ACTION_ATTR_USERSPACE);
    base::ByteVector inner;
    attr::Writer writer(&inner);
    writer.Put(OVS_USERSPACE_ATTR_PID, trial->pid());
    writer.PutFlag(OVS_USERSPACE_ATTR_ACTIONS);
    actions.Append(inner);
  }
  const auto upcall = trial->Run(scratch, actions.bytes(), std::nullopt);
  auto told = [&upcall](uint16_t type) {
    if (!upcall.ok()) return Unknown(std::string(upcall.status().message()));
    if (!*upcall) return Unknown("no upcall came");
    return attr::Find(**upcall, type).data() != nullptr ? Yes() : No("the upcall is without it");
  };
  features->Set(Feature::kUpcallHash, told(OVS_PACKET_ATTR_HASH));
  features->Set(Feature::kUpcallActions, told(OVS_PACKET_ATTR_ACTIONS));
}

void ProbeUpcallPid(Scratch* scratch, UpcallTrial* trial, FeatureSet* features) {
  ovs::ActionList actions;
  actions.Recirculate(1);
  const auto upcall = trial->Run(scratch, actions.bytes(), trial->pid());
  if (!upcall.ok())
    features->Set(Feature::kExecuteUpcallPid, FromStatus(upcall.status()));
  else
    features->Set(Feature::kExecuteUpcallPid,
                  *upcall ? Yes() : No("the packet did not come to the socket that was named"));
}

}  // namespace

void ProbePackets(Scratch* scratch, FeatureSet* features) {
  auto trial = UpcallTrial::Open();
  if (!trial.ok()) {
    for (Feature feature :
         {Feature::kUpcallHash, Feature::kUpcallActions, Feature::kExecuteUpcallPid})
      features->Set(feature, Unknown(std::string(trial.status().message())));
    return;
  }
  ProbeUpcall(scratch, &*trial, features);
  ProbeUpcallPid(scratch, &*trial, features);
}

}  // namespace sluice::compat
