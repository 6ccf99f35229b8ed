#include "kmod-compat/scratch.h"

#include <linux/openvswitch.h>
#include <sched.h>

#include <array>
#include <cerrno>

#include "netlink/base/status.h"
#include "netlink/ovs/family_request.h"
#include "netlink/ovs/packet.h"

namespace sluice::compat {
namespace {

constexpr char kName[] = "sluice-probe";

// UDP from 10.0.0.1:1 to 10.0.0.2:2, without a checksum and with four bytes of data.
constexpr std::array<uint8_t, 46> kPacket = {
    0x02, 0,  0, 0, 0, 0x02, 0x02, 0,  0,    0,    0,   0x01, 0x08, 0x00, 0x45, 0,
    0,    32, 0, 1, 0, 0,    64,   17, 0x66, 0xca, 10,  0,    0,    1,    10,   0,
    0,    2,  0, 1, 0, 2,    0,    12, 0,    0,    's', 'l',  'u',  'i'};

}  // namespace

absl::StatusOr<Scratch> Scratch::Open() {
  if (::unshare(CLONE_NEWNET) != 0)
    return base::ErrnoError(errno, "making a private network namespace");
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_GENERIC));
  ovs::Datapaths datapaths(&client);
  auto datapath = datapaths.Create({.name = kName});
  if (!datapath.ok() && base::ErrnoOf(datapath.status()) == 0) return datapath.status();
  if (!datapath.ok())
    return base::Annotate(datapath.status(), "making a datapath to try things on");
  return Scratch(std::move(client), *std::move(datapath));
}

absl::Status Scratch::TryFlow(const ovs::FlowSpec& flow) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, ovs::Resolve(&client_, OVS_FLOW_FAMILY));
  socket::Request request;
  ovs::EncodeFlowPut(*family, dp_ifindex(), flow, &request);
  request.attributes().PutFlag(OVS_FLOW_ATTR_PROBE);
  return client_.Transact(request).status();
}

absl::StatusOr<ovs::Flow> Scratch::TakeFlow(const ovs::FlowId& id) {
  ovs::Flows flows(&client_);
  auto flow = flows.Get(dp_ifindex(), id);
  SLUICE_RETURN_IF_ERROR(flows.Flush(dp_ifindex()));
  return flow;
}

absl::Status Scratch::Execute(base::ByteView actions, std::optional<uint32_t> upcall_pid) {
  base::ByteVector key;
  attr::Writer writer(&key);
  writer.Put(OVS_KEY_ATTR_IN_PORT, uint32_t{OVSP_LOCAL});
  return ovs::Execute(
      &client_, dp_ifindex(),
      {.packet = kPacket, .key = key, .actions = actions, .upcall_pid = upcall_pid, .probe = true});
}

}  // namespace sluice::compat
