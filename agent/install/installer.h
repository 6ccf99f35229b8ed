// Sends what a batch of upcalls led to: packets to execute and flows to put, in one go.
//
// Each handler has one, with a socket of its own. The requests of a batch travel in as few system
// calls as they fit into; only failures come back. Packets are executed before flows are put, so
// that later packets do not overtake them.
//
//   installer.Execute(upcall, actions);
//   installer.Put(dp_ifindex, spec, tag);
//   installer.Flush([&](uint64_t tag, int error) { cache.OnInstallError(tag, error); });
//
// Used by one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "netlink/ovs/flow.h"
#include "netlink/ovs/packet.h"
#include "netlink/socket/batch.h"
#include "netlink/socket/client.h"

namespace sluice::install {

class Installer {
 public:
  static absl::StatusOr<Installer> Open();

  // Queue; the bytes are copied.
  // False when the packet cannot be executed, as it does not fit into a message: it is lost.
  bool Execute(const ovs::Upcall& upcall, base::ByteView actions, uint64_t tag) {
    return Execute(upcall, upcall.packet, actions, tag);
  }
  // The same of a packet whose bytes have changed since.
  bool Execute(const ovs::Upcall& upcall, base::ByteView packet, base::ByteView actions,
               uint64_t tag);
  void Put(int dp_ifindex, const ovs::FlowSpec& flow, uint64_t tag);
  void Modify(int dp_ifindex, const ovs::FlowSpec& flow, uint64_t tag);
  void Delete(int dp_ifindex, const ovs::FlowId& id, uint64_t tag);

  bool empty() const { return executes_.empty() && changes_.empty(); }
  size_t queued() const { return executes_.size() + changes_.size(); }

  // Sends everything. `on_error` is called for each put, modify or delete that failed, with a
  // positive errno, or 0 where it is unknown whether the kernel carried it out. Failed executes are
  // counted, and their tags told to `on_lost`: the packet is gone.
  void Flush(
      absl::FunctionRef<void(uint64_t tag, int error)> on_error,
      absl::FunctionRef<void(uint64_t tag)> on_lost = [](uint64_t) {});

 private:
  Installer(socket::Client client, const socket::Family* flow, const socket::Family* packet)
      : client_(std::move(client)), flow_family_(flow), packet_family_(packet) {}
  void Add(uint64_t tag);

  socket::Client client_;
  const socket::Family* flow_family_;
  const socket::Family* packet_family_;
  socket::Request request_;
  socket::Batch executes_;
  socket::Batch changes_;
  std::vector<uint64_t> tags_;  // of changes_
  std::vector<uint64_t> execute_tags_;
};

}  // namespace sluice::install
