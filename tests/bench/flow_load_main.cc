// A closed loop of new flows: what a bench of flow set-up puts on an agent.
//
//   flow_load serve udp|tcp ADDRESS PORT
//       answers each byte with a byte; over TCP it then closes
//   flow_load ask udp|tcp SOURCE ADDRESS PORT COUNT OUTSTANDING
//       COUNT transactions, OUTSTANDING of them at any time, each from a source port of its own:
//       one byte there, one byte back; over TCP with a connection around it
//
// `ask` prints one JSON object: how long it took, how many were not answered within two seconds,
// and the latencies in microseconds. Run it in a network namespace of its own. `serve` prints
// "ready".
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(2);
constexpr int kFirstPort = 1100;
constexpr size_t kMostTransactions = 64'000;  // as many ports as there are above that
constexpr size_t kBatch = 32;

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "flow_load: %s: %s\n", what, std::strerror(errno));
  std::exit(EXIT_FAILURE);
}

sockaddr_in AddressOf(const char* text, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, text, &address.sin_addr) != 1) Die(text);
  return address;
}

const sockaddr* Plain(const sockaddr_in* address) {
  return reinterpret_cast<const sockaddr*>(address);
}

void Register(int epoll, int fd, uint32_t events, uint64_t data, int operation = EPOLL_CTL_ADD) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  if (epoll_ctl(epoll, operation, fd, &event) != 0) Die("epoll_ctl");
}

void Ready() {
  std::puts("ready");
  std::fflush(stdout);
}

// --- The side that answers
// ------------------------------------------------------------------------

[[noreturn]] void ServeUdp(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, Plain(&address), sizeof(address)) != 0) Die("bind");
  const int bytes = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
  std::array<std::array<char, 64>, kBatch> buffers;
  std::array<sockaddr_in, kBatch> from;
  std::array<iovec, kBatch> vectors;
  std::array<mmsghdr, kBatch> messages{};
  Ready();
  for (;;) {
    for (size_t i = 0; i < kBatch; ++i) {
      vectors[i] = {buffers[i].data(), buffers[i].size()};
      messages[i].msg_hdr = {};
      messages[i].msg_hdr.msg_name = &from[i];
      messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int received = recvmmsg(fd, messages.data(), kBatch, MSG_WAITFORONE, nullptr);
    if (received < 0 && errno != EINTR) Die("recvmmsg");
    for (int i = 0; i < received; ++i) vectors[static_cast<size_t>(i)].iov_len = 1;
    if (received > 0) sendmmsg(fd, messages.data(), static_cast<unsigned>(received), 0);
  }
}

void Answer(int fd) {
  char byte = 0;
  const ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got == 1) (void)!send(fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  close(fd);
}

[[noreturn]] void ServeTcp(const sockaddr_in& address) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (listener < 0 || bind(listener, Plain(&address), sizeof(address)) != 0) Die("bind");
  if (listen(listener, 4096) != 0) Die("listen");
  const int epoll = epoll_create1(0);
  Register(epoll, listener, EPOLLIN, static_cast<uint64_t>(listener));
  std::array<epoll_event, 64> events;
  Ready();
  for (;;) {
    const int n = epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < n; ++i) {
      const int fd = static_cast<int>(events[static_cast<size_t>(i)].data.u64);
      if (fd != listener) {
        Answer(fd);
        continue;
      }
      int accepted = -1;
      while ((accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0)
        Register(epoll, accepted, EPOLLIN, static_cast<uint64_t>(accepted));
    }
  }
}

// --- The side that asks
// ---------------------------------------------------------------------------

struct Result {
  std::vector<uint32_t> latencies_ns;
  size_t lost = 0;
  double seconds = 0;
};

class Asker {
 public:
  Asker(bool tcp, const sockaddr_in& source, const sockaddr_in& server, size_t count)
      : tcp_(tcp), source_(source), server_(server), count_(count) {}

  Result Run(size_t outstanding) {
    result_.latencies_ns.reserve(count_);
    slots_.resize(outstanding);
    std::array<epoll_event, 64> events;
    const Clock::time_point begin = Clock::now();
    Clock::time_point looked = begin;
    for (size_t i = 0; i < outstanding; ++i) Begin(i);
    while (open_ > 0) {
      const int n = epoll_wait(epoll_, events.data(), events.size(), 100);
      for (int i = 0; i < n; ++i) Step(events[static_cast<size_t>(i)]);
      const Clock::time_point now = Clock::now();
      if (now - looked < std::chrono::milliseconds(100)) continue;
      looked = now;
      for (size_t i = 0; i < slots_.size(); ++i)
        if (slots_[i].fd >= 0 && now - slots_[i].begin > kPatience) End(i, /*answered=*/false);
    }
    // Waiting for what was lost is no part of what was done.
    result_.seconds = std::chrono::duration<double>(last_answer_ - begin).count();
    return std::move(result_);
  }

 private:
  struct Slot {
    int fd = -1;
    Clock::time_point begin;
  };

  void Begin(size_t index) {
    if (begun_ == count_) return;
    Slot& slot = slots_[index];
    slot.fd = socket(AF_INET, (tcp_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
    if (slot.fd < 0) Die("socket");
    source_.sin_port = htons(static_cast<uint16_t>(kFirstPort + begun_));
    if (bind(slot.fd, Plain(&source_), sizeof(source_)) != 0) Die("bind");
    ++begun_;
    ++open_;
    Register(epoll_, slot.fd, tcp_ ? EPOLLOUT : EPOLLIN, index);
    slot.begin = Clock::now();
    if (tcp_) {
      if (connect(slot.fd, Plain(&server_), sizeof(server_)) != 0 && errno != EINPROGRESS)
        Die("connect");
    } else if (sendto(slot.fd, "x", 1, 0, Plain(&server_), sizeof(server_)) != 1) {
      Die("sendto");
    }
  }

  void Step(const epoll_event& event) {
    const size_t index = event.data.u64;
    const int fd = slots_[index].fd;
    if (fd < 0) return;
    char byte = 0;
    if (tcp_ && (event.events & EPOLLOUT) != 0) {
      if (send(fd, "x", 1, MSG_NOSIGNAL) != 1) return End(index, /*answered=*/false);
      return Register(epoll_, fd, EPOLLIN, index, EPOLL_CTL_MOD);
    }
    const ssize_t got = recv(fd, &byte, 1, 0);
    if (got < 0 && errno == EAGAIN) return;
    End(index, got == 1);
  }

  void End(size_t index, bool answered) {
    Slot& slot = slots_[index];
    const Clock::time_point now = Clock::now();
    if (answered) {
      last_answer_ = now;
      const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(now - slot.begin);
      result_.latencies_ns.push_back(static_cast<uint32_t>(took.count()));
    } else {
      ++result_.lost;
    }
    close(slot.fd);
    slot.fd = -1;
    --open_;
    Begin(index);
  }

  const bool tcp_;
  sockaddr_in source_;
  const sockaddr_in server_;
  const size_t count_;
  const int epoll_ = epoll_create1(0);
  std::vector<Slot> slots_;
  size_t begun_ = 0, open_ = 0;
  Clock::time_point last_answer_ = Clock::now();
  Result result_;
};

double QuantileUs(const std::vector<uint32_t>& sorted, double q) {
  if (sorted.empty()) return 0;
  const auto index = static_cast<size_t>(q * static_cast<double>(sorted.size() - 1));
  return sorted[index] / 1000.0;
}

void Print(Result result) {
  std::sort(result.latencies_ns.begin(), result.latencies_ns.end());
  const std::vector<uint32_t>& all = result.latencies_ns;
  std::printf("{\"seconds\": %.6f, \"answered\": %zu, \"lost\": %zu", result.seconds, all.size(),
              result.lost);
  constexpr std::pair<const char*, double> kQuantiles[] = {
      {"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}, {"max", 1}};
  for (const auto& [name, q] : kQuantiles) std::printf(", \"%s\": %.1f", name, QuantileUs(all, q));
  // Of four buckets to each power of two, those with something: [upper end in microseconds,
  // number].
  std::printf(", \"histogram\": [");
  for (size_t i = 0, bucket = 0; i < all.size(); ++bucket) {
    const double end = 1000 * std::exp2(static_cast<double>(bucket) / 4);
    const size_t first = i;
    while (i < all.size() && all[i] < end) ++i;
    if (i > first) std::printf("%s[%.2f, %zu]", first > 0 ? ", " : "", end / 1000, i - first);
  }
  std::puts("]}");
}

int Usage() {
  std::fputs(
      "usage: flow_load serve udp|tcp ADDRESS PORT\n"
      "       flow_load ask udp|tcp SOURCE ADDRESS PORT COUNT OUTSTANDING\n",
      stderr);
  return 2;
}

int Main(int argc, char** argv) {
  const std::string_view role = argc > 1 ? argv[1] : "", protocol = argc > 2 ? argv[2] : "";
  if (protocol != "udp" && protocol != "tcp") return Usage();
  const bool tcp = protocol == "tcp";
  const rlimit files{100'000, 100'000};
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) Die("RLIMIT_NOFILE");
  if (role == "serve" && argc == 5) {
    const sockaddr_in address = AddressOf(argv[3], std::atoi(argv[4]));
    if (tcp) ServeTcp(address);
    ServeUdp(address);
  }
  if (role != "ask" || argc != 8) return Usage();
  const size_t count = std::strtoul(argv[6], nullptr, 10);
  const size_t outstanding = std::strtoul(argv[7], nullptr, 10);
  if (count == 0 || count > kMostTransactions || outstanding == 0) return Usage();
  Asker asker(tcp, AddressOf(argv[3], 0), AddressOf(argv[4], std::atoi(argv[5])), count);
  Print(asker.Run(std::min(outstanding, count)));
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) { return sluice::Main(argc, argv); }
