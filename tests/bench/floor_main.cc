// The floor: how fast flows can be set up by a program that decides nothing.
//
//   floor BRIDGE PORT PORT
//
// Makes a datapath of two ports. For each upcall it echoes the key into a flow that matches exactly
// that, and has the packet executed, both with an output to the other port. 64 upcalls are received
// by one system call, and what they lead to is sent by one. No agent can do with less; it is what
// tools/bench holds against the agent. Prints "ready", and on SIGTERM what it counted.
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/openvswitch.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "netlink/attr/wire.h"
#include "netlink/base/bytes.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/family_request.h"
#include "netlink/ovs/vport.h"

namespace sluice {
namespace {

constexpr size_t kUpcalls = 64;
constexpr size_t kUpcallBytes = 4096;  // the load's packets are small
constexpr int kSocketBytes = 4 << 20;  // what agents ask for

volatile std::sig_atomic_t ended = 0;

[[noreturn]] void Die(const char* what, const std::string& why) {
  std::fprintf(stderr, "floor: %s: %s\n", what, why.c_str());
  std::exit(EXIT_FAILURE);
}

template <typename T>
T OrDie(absl::StatusOr<T> value, const char* what) {
  if (!value.ok()) Die(what, value.status().ToString());
  return *std::move(value);
}

int OpenSocket(uint32_t* port_id) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  socklen_t length = sizeof(address);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    Die("socket", std::strerror(errno));
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBytes, sizeof(kSocketBytes));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBytes, sizeof(kSocketBytes));
  *port_id = address.nl_pid;
  return fd;
}

// Bytes appended one after the other; there is room for what 64 upcalls lead to.
class Outgoing {
 public:
  void Clear() { size_ = 0; }
  size_t size() const { return size_; }
  const uint8_t* data() const { return bytes_->data(); }

  void Begin(uint16_t family, uint16_t flags, uint8_t command, uint8_t version, int dp_ifindex) {
    begin_ = size_;
    const nlmsghdr message{0, family, static_cast<uint16_t>(NLM_F_REQUEST | flags),
                           static_cast<uint32_t>(size_), 0};
    const genlmsghdr generic{command, version, 0};
    const ovs_header header{dp_ifindex};
    Append(&message, sizeof(message));
    Append(&generic, sizeof(generic));
    Append(&header, sizeof(header));
  }
  void Put(uint16_t type, base::ByteView value) {
    const nlattr attribute{static_cast<uint16_t>(sizeof(nlattr) + value.size()), type};
    Append(&attribute, sizeof(attribute));
    Append(value.data(), value.size());
    size_ = (size_ + 3) & ~size_t{3};
  }
  void PutOutput(uint16_t type, uint32_t port) {
    struct {
      nlattr attribute{sizeof(nlattr) + sizeof(uint32_t), OVS_ACTION_ATTR_OUTPUT};
      uint32_t port = 0;
    } action;
    action.port = port;
    Put(type, base::ByteView(reinterpret_cast<const uint8_t*>(&action), sizeof(action)));
  }
  void End() {
    const auto length = static_cast<uint32_t>(size_ - begin_);
    std::memcpy(bytes_->data() + begin_, &length, sizeof(length));  // nlmsg_len is first
  }

 private:
  static constexpr size_t kBytes = kUpcalls * 2 * (kUpcallBytes + 64);
  void Append(const void* data, size_t size) {
    std::memcpy(bytes_->data() + size_, data, size);
    size_ += size;
  }
  std::unique_ptr<std::array<uint8_t, kBytes>> bytes_ =
      std::make_unique<std::array<uint8_t, kBytes>>();
  size_t size_ = 0, begin_ = 0;
};

class Floor {
 public:
  Floor(const char* bridge, const char* first, const char* second) {
    auto client = OrDie(socket::Client::Open(NETLINK_GENERIC), "netlink");
    flow_ = *OrDie(ovs::Resolve(&client, OVS_FLOW_FAMILY), OVS_FLOW_FAMILY);
    packet_ = *OrDie(ovs::Resolve(&client, OVS_PACKET_FAMILY), OVS_PACKET_FAMILY);
    uint32_t port_id = 0, unused = 0;
    upcalls_ = OpenSocket(&port_id);
    requests_ = OpenSocket(&unused);
    dp_ifindex_ = OrDie(ovs::Datapaths(&client).Create({.name = bridge}), bridge).ifindex;
    ovs::Vports vports(&client);
    for (const auto& [name, number] : {std::pair{first, 1u}, std::pair{second, 2u}})
      OrDie(vports.Add(dp_ifindex_, {.name = name, .port_no = number, .upcall_pids = {port_id}}),
            name);
    for (size_t i = 0; i < kUpcalls; ++i) {
      vectors_[i] = {buffers_->at(i).data(), kUpcallBytes};
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  void Run() {
    while (ended == 0) {
      const int received = recvmmsg(upcalls_, messages_.data(), kUpcalls, MSG_WAITFORONE, nullptr);
      if (received < 0) {
        if (errno == ENOBUFS) ++overruns_;
        if (errno == ENOBUFS || errno == EINTR) continue;
        Die("recvmmsg", std::strerror(errno));
      }
      out_.Clear();
      for (size_t i = 0; i < static_cast<size_t>(received); ++i)
        Serve(base::ByteView(buffers_->at(i).data(), messages_[i].msg_len));
      ++batches_;
      if (out_.size() > 0 && send(requests_, out_.data(), out_.size(), 0) < 0) ++send_errors_;
    }
  }

  void Print() {
    size_t refused = 0;  // only failures are answered
    std::array<uint8_t, kUpcallBytes> answer;
    while (recv(requests_, answer.data(), answer.size(), MSG_DONTWAIT) > 0) ++refused;
    std::printf(
        "{\"upcalls\": %zu, \"batches\": %zu, \"overruns\": %zu, \"send_errors\": %zu, "
        "\"refused\": %zu}\n",
        served_, batches_, overruns_, send_errors_, refused);
  }

 private:
  void Serve(base::ByteView message) {
    constexpr size_t kHeaders = NLMSG_HDRLEN + GENL_HDRLEN + sizeof(ovs_header);
    if (message.size() < kHeaders) return;
    const base::ByteView attributes = message.subspan(kHeaders);
    const base::ByteView packet = attr::Find(attributes, OVS_PACKET_ATTR_PACKET);
    const base::ByteView key = attr::Find(attributes, OVS_PACKET_ATTR_KEY);
    const base::ByteView port = attr::Find(key, OVS_KEY_ATTR_IN_PORT);
    if (packet.empty() || port.size() != sizeof(uint32_t)) return;
    const uint32_t other = 3 - base::Load<uint32_t>(port.data());
    ++served_;
    out_.Begin(packet_.id, 0, OVS_PACKET_CMD_EXECUTE, OVS_PACKET_VERSION, dp_ifindex_);
    out_.Put(OVS_PACKET_ATTR_PACKET, packet);
    out_.Put(OVS_PACKET_ATTR_KEY, key);
    out_.PutOutput(OVS_PACKET_ATTR_ACTIONS, other);
    out_.End();
    out_.Begin(flow_.id, NLM_F_CREATE, OVS_FLOW_CMD_NEW, OVS_FLOW_VERSION, dp_ifindex_);
    out_.Put(OVS_FLOW_ATTR_KEY, key);
    out_.PutOutput(OVS_FLOW_ATTR_ACTIONS, other);
    out_.End();
  }

  socket::Family flow_, packet_;
  int upcalls_ = -1, requests_ = -1, dp_ifindex_ = 0;
  std::unique_ptr<std::array<std::array<uint8_t, kUpcallBytes>, kUpcalls>> buffers_ =
      std::make_unique<std::array<std::array<uint8_t, kUpcallBytes>, kUpcalls>>();
  std::array<iovec, kUpcalls> vectors_;
  std::array<mmsghdr, kUpcalls> messages_{};
  Outgoing out_;
  size_t served_ = 0, batches_ = 0, overruns_ = 0, send_errors_ = 0;
};

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: floor BRIDGE PORT PORT\n", stderr);
    return 2;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { sluice::ended = 1; };  // without SA_RESTART: recvmmsg ends
  sigaction(SIGTERM, &action, nullptr);
  sluice::Floor floor(argv[1], argv[2], argv[3]);
  std::puts("ready");
  std::fflush(stdout);
  floor.Run();
  floor.Print();
  return 0;
}
