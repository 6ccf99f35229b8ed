#include <linux/openvswitch.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "dpctl/upcall_source.h"
#include "netlink/base/status.h"
#include "netlink/route/monitor_device.h"
#include "netlink/socket/mirror_socket.h"

namespace sluice::dpctl {
namespace {

class Mirror final : public UpcallSource {
 public:
  Mirror(route::MonitorDevice device, socket::MirrorSocket socket)
      : device_(std::move(device)), socket_(std::move(socket)) {}

  int fd() const override { return socket_.fd(); }
  absl::Status Receive(Take take) override {
    return Failed("receiving upcalls",
                  socket_.Receive([&take](base::ByteView datagram, uint64_t time_ns) {
                    for (const socket::Message& message : socket::MessageWalk(datagram))
                      take(message, time_ns);
                  }));
  }
  std::string Lost() override {
    const auto lost = socket_.Lost();
    if (!lost.ok()) return "nobody knows how many upcalls were not seen";
    if (*lost == 0) return {};
    return absl::StrCat(*lost, " upcalls came too fast to be seen here");
  }
  absl::Status End() override { return Failed("removing the monitor device", device_.Remove()); }

 private:
  route::MonitorDevice device_;
  socket::MirrorSocket socket_;
};

absl::Status NoMirror(const absl::Status& cause) {
  return WithHint(Failed("looking at upcalls that others take", cause),
                  "--take has them sent here instead, away from whoever takes them now");
}

}  // namespace

absl::StatusOr<std::unique_ptr<UpcallSource>> MirrorUpcalls(Session* session,
                                                            const ovs::Datapath& datapath) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const auto family = client->ResolveFamily(OVS_PACKET_FAMILY);
  if (!family.ok()) return Failed("looking at upcalls", family.status());
  auto device = route::MonitorDevice::Create(absl::StrCat("dplisten", ::getpid()));
  if (!device.ok()) return NoMirror(device.status());
  auto socket = socket::MirrorSocket::Open(
      device->ifindex(),
      {.message_type = (*family)->id, .header_word = static_cast<uint32_t>(datapath.ifindex)});
  if (!socket.ok()) return NoMirror(socket.status());
  return std::make_unique<Mirror>(*std::move(device), *std::move(socket));
}

}  // namespace sluice::dpctl
