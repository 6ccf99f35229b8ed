// sluiced as a program, in the real datapath: what an operator and the machine around it do to it.

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "netlink/ovs/datapath.h"
#include "netlink/ovs/vport.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

int Shell(const std::string& command) {
  return WEXITSTATUS(std::system(command.c_str()));  // NOLINT(bugprone-command-processor)
}

// The state of another process: there is nothing to wait on but to look again, for at most 10 s.
bool Eventually(const std::string& command) {
  const auto end = std::chrono::steady_clock::now() + 60s;  // emulated, on a busy machine
  while (Shell(command + " > /tmp/eventually 2>&1") != 0) {
    if (std::chrono::steady_clock::now() > end) {
      Shell("sluicectl status; cat /tmp/eventually");
      return false;
    }
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

class Daemon {
 public:
  explicit Daemon(const std::string& config) {
    Configure(config);
    Start();
  }
  ~Daemon() {
    if (pid_ > 0) Stop(SIGKILL);
    socket::Client client = *socket::Client::Open(NETLINK_GENERIC);
    ovs::Datapaths api(&client);
    const auto datapaths = api.List();
    if (datapaths.ok())
      for (const ovs::Datapath& datapath : *datapaths) (void)api.Delete(datapath.ifindex);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  void Configure(const std::string& config) {
    std::ofstream("/tmp/daemon.yaml") << config << std::flush;
  }
  void Start() {
    const char* arguments[] = {"sluiced", "--config", "/tmp/daemon.yaml", nullptr};
    REQUIRE(posix_spawnp(&pid_, "sluiced", nullptr, nullptr, const_cast<char**>(arguments),
                         environ) == 0);
    CHECK(Eventually("sluicectl status || [ $? = 3 ]"));
  }
  void Signal(int signal) { REQUIRE(kill(pid_, signal) == 0); }
  // Its exit status, or 128 and the signal.
  int Stop(int signal = SIGTERM) {
    kill(pid_, signal);
    int status = 0;
    REQUIRE(waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  bool PortIs(const std::string& name, const std::string& state) {
    return Eventually("sluicectl status | grep -E 'port .*: +" + name + " .* " + state + "'");
  }

 private:
  pid_t pid_ = -1;
};

// Three hosts h0..h2, whose ports v0..v2 are here.
class Hosts {
 public:
  Hosts() {
    for (const char* i : {"0", "1", "2"}) Add(i);
  }
  ~Hosts() { Shell("for i in 0 1 2; do ip link del v$i; ip netns del h$i; done 2>/dev/null"); }
  void Add(const std::string& i) {
    REQUIRE(Shell("i=" + i +
                  "; ip netns add h$i 2>/dev/null; ip link add v$i type veth peer name eth0 netns "
                  "h$i && ip -n h$i link set eth0 up && ip -n h$i addr add 10.1.0.1$i/24 dev "
                  "eth0") == 0);
  }
  // The host asks for the address anew: what it remembers of another (or of the want of one) lives
  // longer than the changes that are tested here, and a new device has another address.
  bool Ping(int from, int to) {
    const std::string host = "h" + std::to_string(from);
    return Shell("ip -n " + host + " neigh flush all; ip netns exec " + host +
                 " ping -q -c 3 -i 0.1 -W 2 10.1.0.1" + std::to_string(to) +
                 " | grep -q ' 0% packet loss'") == 0;
  }
};

std::string Config(const std::string& dispatch) {
  return "dispatch: " + dispatch +
         "\nbridges: [{name: br0, ports: [v0, v1, v2, {name: i0, type: internal}]}]\n";
}

TEST_CASE("sluiced: ports come and go with their devices") {
  Hosts hosts;
  Daemon daemon(Config("auto"));
  CHECK(hosts.Ping(0, 1));
  REQUIRE(Shell("ip link del v1") == 0);
  CHECK(daemon.PortIs("v1", "absent"));
  hosts.Add("1");
  CHECK(daemon.PortIs("v1", "up"));
  CHECK(hosts.Ping(0, 1));
  CHECK(daemon.Stop() == 0);
  CHECK(hosts.Ping(0, 1));  // by the flows that it left
}

TEST_CASE("sluiced: a port whose device is renamed is gone, and comes back with the name") {
  Hosts hosts;
  Daemon daemon(Config("auto"));
  REQUIRE(daemon.PortIs("v1", "up"));
  // That v2 is gone is known when all that was before it is: then only the new name is news.
  REQUIRE(Shell("ip link set v1 down && ip link del v2") == 0);
  REQUIRE(daemon.PortIs("v2", "absent"));
  REQUIRE(Shell("ip link set v1 name other") == 0);
  CHECK(daemon.PortIs("v1", "absent"));
  REQUIRE(Shell("ip link set other name v1 && ip link set v1 up") == 0);
  CHECK(daemon.PortIs("v1", "up"));
  CHECK(hosts.Ping(0, 1));
}

TEST_CASE("sluiced: what another program sets is set back") {
  for (const char* dispatch : {"per-cpu", "per-port"}) {
    CAPTURE(dispatch);
    Hosts hosts;
    Daemon daemon(Config(dispatch));
    REQUIRE(daemon.PortIs("v2", "up"));
    socket::Client client = *socket::Client::Open(NETLINK_GENERIC);
    ovs::Datapaths api(&client);
    const auto before = api.Get("br0");
    REQUIRE(before.ok());
    constexpr uint32_t kDispatch = OVS_DP_F_VPORT_PIDS | OVS_DP_F_DISPATCH_UPCALL_PER_CPU;
    REQUIRE(api.ChangeFeatures(before->ifindex, 0, kDispatch).ok());
    CHECK(Eventually("sluicectl counters | grep -E 'datapath_reasserted +1 '"));
    CHECK(api.Get("br0")->user_features == before->user_features);

    const uint32_t nobody[] = {1};  // the right features with other pids
    if (std::string(dispatch) == "per-cpu") {
      REQUIRE(api.SetPerCpuPids(before->ifindex, nobody).ok());
      CHECK(Eventually("sluicectl counters | grep -E 'datapath_reasserted +2 '"));
    } else {
      ovs::Vports vports(&client);
      const auto vport = vports.Get("v0");
      REQUIRE(vport.ok());
      REQUIRE(vports.SetUpcallPids(before->ifindex, vport->port_no, nobody).ok());
    }
    CHECK(hosts.Ping(0, 1));
    CHECK(hosts.Ping(2, 0));
  }
}

TEST_CASE("sluiced: killed and started again, it adopts what is there") {
  Hosts hosts;
  Daemon daemon(Config("auto"));
  REQUIRE(daemon.PortIs("v2", "up"));
  CHECK(hosts.Ping(0, 1));
  socket::Client client = *socket::Client::Open(NETLINK_GENERIC);
  const int ifindex = ovs::Datapaths(&client).Get("br0")->ifindex;
  CHECK(daemon.Stop(SIGKILL) == 128 + SIGKILL);
  CHECK(hosts.Ping(0, 1));
  daemon.Start();
  CHECK(ovs::Datapaths(&client).Get("br0")->ifindex == ifindex);
  CHECK(Shell("sluicectl counters | grep -qE 'revalidator_adopted|revalidator_foreign_deleted'") ==
        0);
  CHECK(Shell("sluicectl counters | grep port_added") != 0);
  CHECK(hosts.Ping(1, 2));
}

TEST_CASE("sluiced: a datapath that another program deletes is made again") {
  Hosts hosts;
  Daemon daemon(Config("auto"));
  REQUIRE(daemon.PortIs("v2", "up"));
  socket::Client client = *socket::Client::Open(NETLINK_GENERIC);
  ovs::Datapaths api(&client);
  REQUIRE(api.Delete(api.Get("br0")->ifindex).ok());
  CHECK(Eventually("sluicectl counters | grep -E 'datapath_created +2 '"));
  CHECK(daemon.PortIs("v2", "up"));
  CHECK(hosts.Ping(0, 1));
}

TEST_CASE("sluiced: SIGHUP takes a whole file, or nothing of it") {
  Hosts hosts;
  Daemon daemon(Config("auto"));
  REQUIRE(daemon.PortIs("v2", "up"));
  daemon.Configure("bridges: [{name: br0, ports: [v0, v/1]}]");
  daemon.Signal(SIGHUP);
  CHECK(Eventually("sluicectl counters | grep -E 'config_reload_refused +1 '"));
  CHECK(Shell("sluicectl status | grep -E 'i0 .* up'") == 0);
  daemon.Configure("bridges: [{name: br0, ports: [v0, v1]}, {name: br1, ports: [v2]}]");
  daemon.Signal(SIGHUP);
  CHECK(Eventually("sluicectl status | grep -A9 '^bridge br1' | grep -E 'v2 .* up'"));
  CHECK(Shell("ip link show i0 2>/dev/null") != 0);
  CHECK(hosts.Ping(0, 1));
  CHECK_FALSE(hosts.Ping(0, 2));
  daemon.Configure("bridges: [{name: br0, ports: [v0, v1, v2]}]");
  daemon.Signal(SIGHUP);
  CHECK(Eventually("! ip link show br1"));
  CHECK(daemon.PortIs("v2", "up"));
  CHECK(hosts.Ping(0, 2));
}

TEST_CASE("sluiced: a device that another bridge has is a port when that lets go of it") {
  Hosts hosts;
  REQUIRE(Shell("ip link add brx type bridge && ip link set v2 master brx") == 0);
  Daemon daemon(Config("auto"));
  CHECK(daemon.PortIs("v2", "failed .*a port of brx"));
  REQUIRE(Shell("ip link set v2 nomaster") == 0);
  CHECK(daemon.PortIs("v2", "up"));
  Shell("ip link del brx");
}

TEST_CASE("sluiced: a port that another program adds is left alone, and told") {
  Daemon daemon(Config("auto"));
  REQUIRE(Shell("ip link add theirs type dummy") == 0);
  socket::Client client = *socket::Client::Open(NETLINK_GENERIC);
  ovs::Vports vports(&client);
  const int ifindex = ovs::Datapaths(&client).Get("br0")->ifindex;
  REQUIRE(vports.Add(ifindex, {.name = "theirs", .port_no = {}}).ok());
  CHECK(daemon.PortIs("theirs", "unmanaged"));
  CHECK(daemon.Stop(SIGKILL) == 128 + SIGKILL);
  daemon.Start();  // what a start finds and the file does not name is let go
  CHECK(vports.Get("theirs").status().ok() == false);
  CHECK(Shell("ip link del theirs") == 0);
}

TEST_CASE("sluiced: a second one says that there is one") {
  Daemon daemon(Config("auto"));
  CHECK(Shell("sluiced --config /tmp/daemon.yaml > /tmp/second 2>&1") == 1);
  CHECK(Shell("grep -q '^sluiced: another sluiced serves /run/sluice/sluiced.sock' /tmp/second") ==
        0);
}

}  // namespace
}  // namespace sluice
