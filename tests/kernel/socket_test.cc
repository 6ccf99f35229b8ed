// netlink/socket against a real kernel.
#include <linux/openvswitch.h>
#include <sched.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "netlink/base/byte_order.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"
#include "netlink/socket/client.h"
#include "netlink/socket/event_socket.h"
#include "tests/support/test.h"

namespace sluice::socket {
namespace {

using std::chrono::milliseconds;

void EnterNamespaceOfOurOwn() { REQUIRE(unshare(CLONE_NEWNET) == 0); }

uint64_t CounterValue(std::string_view name) { return base::Counters::Get(name, "").value(); }

Client OpenClient(const ClientOptions& options = {}) {
  absl::StatusOr<Client> client = Client::Open(NETLINK_GENERIC, options);
  INFO(client.status());
  REQUIRE(client.ok());
  return *std::move(client);
}

const Family& FamilyNamed(Client* client, std::string_view name) {
  const auto family = client->ResolveFamily(name, "openvswitch");
  INFO(family.status());
  REQUIRE(family.ok());
  return **family;
}

Request OvsRequest(const Family& family, uint8_t command, int dp_ifindex, uint16_t flags = 0) {
  const ovs_header header{dp_ifindex};
  return Request(family, command, flags, base::AsBytes(header));
}

// A datapath of that name; its ifindex.
int MakeDatapath(Client* client, std::string_view name) {
  Request request =
      OvsRequest(FamilyNamed(client, OVS_DATAPATH_FAMILY), OVS_DP_CMD_NEW, 0, NLM_F_ECHO);
  request.attributes().PutString(OVS_DP_ATTR_NAME, name);
  request.attributes().Put(OVS_DP_ATTR_UPCALL_PID, uint32_t{0});
  const auto reply = client->Transact(request);
  INFO(reply.status());
  REQUIRE(reply.ok());
  const auto message = reply->Generic(sizeof(ovs_header));
  REQUIRE(message);
  return base::Load<ovs_header>(message->family_header.data()).dp_ifindex;
}

absl::Status AddPort(Client* client, int datapath, const std::string& name) {
  Request request = OvsRequest(FamilyNamed(client, OVS_VPORT_FAMILY), OVS_VPORT_CMD_NEW, datapath);
  request.attributes().PutString(OVS_VPORT_ATTR_NAME, name);
  request.attributes().Put(OVS_VPORT_ATTR_TYPE, uint32_t{OVS_VPORT_TYPE_INTERNAL});
  request.attributes().Put(OVS_VPORT_ATTR_UPCALL_PID, uint32_t{0});
  return client->Transact(request).status();
}

// An exact flow of an EtherType that the kernel knows nothing of, and no actions.
void ResetToFlowPut(Request* request, const Family& family, int datapath, uint32_t number,
                    uint16_t flags) {
  const ovs_header header{datapath};
  request->Reset(family, OVS_FLOW_CMD_NEW, static_cast<uint16_t>(NLM_F_CREATE | flags),
                 base::AsBytes(header));
  attr::Writer& writer = request->attributes();
  {
    auto key = writer.Nest(OVS_FLOW_ATTR_KEY);
    ovs_key_ethernet ethernet{};
    std::memcpy(ethernet.eth_src + 2, &number, sizeof(number));
    writer.Put(OVS_KEY_ATTR_IN_PORT, uint32_t{0});
    writer.Put(OVS_KEY_ATTR_ETHERNET, ethernet);
    writer.Put(OVS_KEY_ATTR_ETHERTYPE, base::Be16::FromHost(0x88b5));
  }
  auto actions = writer.Nest(OVS_FLOW_ATTR_ACTIONS);
}

size_t CountFlows(Client* client, int datapath) {
  struct Counter final : DumpVisitor {
    void Begin() override { count = 0; }
    absl::Status OnMessage(const Message&) override {
      ++count;
      return absl::OkStatus();
    }
    size_t count = 0;
  } counter;
  const auto report = client->Dump(
      OvsRequest(FamilyNamed(client, OVS_FLOW_FAMILY), OVS_FLOW_CMD_GET, datapath), &counter);
  INFO(report.status());
  REQUIRE(report.ok());
  CHECK(report->messages == counter.count);
  return counter.count;
}

TEST_CASE("socket: the openvswitch families are found, one that is not there is explained") {
  Client client = OpenClient();
  for (const char* name : {OVS_DATAPATH_FAMILY, OVS_VPORT_FAMILY, OVS_FLOW_FAMILY,
                           OVS_PACKET_FAMILY, OVS_METER_FAMILY, OVS_CT_LIMIT_FAMILY}) {
    const Family& family = FamilyNamed(&client, name);
    CHECK(family.name == name);
    CHECK(family.id >= GENL_MIN_ID);
    CHECK(family.header_size == sizeof(ovs_header));
    CHECK_FALSE(family.operations.empty());
  }
  CHECK(FamilyNamed(&client, OVS_VPORT_FAMILY).GroupId(OVS_VPORT_MCGROUP).has_value());
  const absl::Status absent = client.ResolveFamily("no_such_thing", "no-such-module").status();
  CHECK(absent.code() == absl::StatusCode::kUnavailable);
  CHECK(std::string(absent.message()).find("modprobe no-such-module") != std::string::npos);
}

TEST_CASE("socket: what the kernel refuses comes back with errno, text and attribute") {
  EnterNamespaceOfOurOwn();
  Client client = OpenClient();
  const Family& family = FamilyNamed(&client, OVS_DATAPATH_FAMILY);
  Request get = OvsRequest(family, OVS_DP_CMD_GET, 12345);
  get.set_read_only(true);
  CHECK(base::ErrnoOf(client.Transact(get).status()) == ENODEV);

  Request bad = OvsRequest(family, OVS_DP_CMD_NEW, 0);
  bad.attributes().PutString(OVS_DP_ATTR_NAME, "dp");
  bad.attributes().Put(OVS_DP_ATTR_UPCALL_PID, uint8_t{1});  // too short
  const absl::Status status = client.Transact(bad).status();
  INFO(status);
  CHECK(base::ErrnoOf(status) == ERANGE);
  CHECK(base::AttributePathOf(status) == std::to_string(OVS_DP_ATTR_UPCALL_PID));
}

TEST_CASE("socket: 50,000 flows are put in batches and dumped") {
  EnterNamespaceOfOurOwn();
  constexpr uint32_t kFlows = 50'000;
  Client client = OpenClient();
  const int datapath = MakeDatapath(&client, "dp0");
  const Family& family = FamilyNamed(&client, OVS_FLOW_FAMILY);
  const BatchMode mode = GENERATE(BatchMode::kErrorsOnly, BatchMode::kAckAll);

  const auto begin = std::chrono::steady_clock::now();
  Request request;
  Batch batch;
  for (uint32_t i = 0; i < kFlows; ++i) {
    ResetToFlowPut(&request, family, datapath, i, NLM_F_EXCL);
    REQUIRE(batch.Add(request));
  }
  const auto built = std::chrono::steady_clock::now();
  const absl::Status status = client.Run(&batch, mode);
  INFO(status);
  REQUIRE(status.ok());
  const auto put = std::chrono::steady_clock::now();
  CHECK(batch.failed() == 0);
  CHECK(CountFlows(&client, datapath) == kFlows);
  const auto dumped = std::chrono::steady_clock::now();
  const auto ms = [](auto from, auto to) {
    return static_cast<int>(std::chrono::duration_cast<milliseconds>(to - from).count());
  };
  std::printf("# %u flows, %s: built %d ms, put %d ms, dumped %d ms\n", kFlows,
              mode == BatchMode::kAckAll ? "all acknowledged" : "errors only", ms(begin, built),
              ms(built, put), ms(put, dumped));

  // All of them again: each is refused, and none of the refusals is lost.
  REQUIRE(client.Run(&batch, mode).ok());
  CHECK(batch.failed() == kFlows);
  CHECK(batch.error(kFlows / 2) == EEXIST);
}

TEST_CASE("socket: an error in the middle of a batch leaves its neighbours alone") {
  EnterNamespaceOfOurOwn();
  Client client = OpenClient();
  const int datapath = MakeDatapath(&client, "dp0");
  const Family& family = FamilyNamed(&client, OVS_FLOW_FAMILY);
  const BatchMode mode = GENERATE(BatchMode::kAckAll, BatchMode::kErrorsOnly);
  Request request;
  Batch batch;
  for (uint32_t number : {1u, 2u, 1u, 3u}) {
    ResetToFlowPut(&request, family, datapath, number, NLM_F_EXCL);
    REQUIRE(batch.Add(request));
  }
  request = OvsRequest(family, OVS_FLOW_CMD_NEW, datapath);  // without a key
  REQUIRE(batch.Add(request));
  REQUIRE(client.Run(&batch, mode).ok());
  CHECK(batch.error(0) == 0);
  CHECK(batch.error(1) == 0);
  CHECK(batch.error(2) == EEXIST);
  CHECK(batch.error(3) == 0);
  CHECK(batch.error(4) == EINVAL);
  CHECK(CountFlows(&client, datapath) == 3);
}

TEST_CASE("socket: a batch with echoes brings each flow back") {
  EnterNamespaceOfOurOwn();
  Client client = OpenClient();
  const int datapath = MakeDatapath(&client, "dp0");
  const Family& family = FamilyNamed(&client, OVS_FLOW_FAMILY);
  Request request;
  Batch batch;
  constexpr uint32_t kFlows = 5000;
  for (uint32_t i = 0; i < kFlows; ++i) {
    ResetToFlowPut(&request, family, datapath, i, NLM_F_ECHO);
    REQUIRE(batch.Add(request));
  }
  size_t replies = 0;
  const absl::Status status =
      client.Run(&batch, BatchMode::kAckAll, [&](size_t i, const Message& m) {
        if (i == replies && ParseGeneric(m, sizeof(ovs_header))->command == OVS_FLOW_CMD_NEW)
          ++replies;
      });
  INFO(status);
  CHECK(status.ok());
  CHECK(replies == kFlows);
}

TEST_CASE("socket: no answer of a batch is lost, whatever the receive buffer") {
  EnterNamespaceOfOurOwn();
  const size_t wanted = GENERATE(size_t{1}, size_t{8} << 10, size_t{64} << 10, size_t{208} << 10);
  const uint16_t flags = GENERATE(uint16_t{0}, uint16_t{NLM_F_ECHO}, uint16_t{NLM_F_EXCL});
  ClientOptions options;
  options.socket.receive_buffer_bytes = wanted;
  Client client = OpenClient(options);
  const int datapath = MakeDatapath(&client, "dp0");
  const Family& family = FamilyNamed(&client, OVS_FLOW_FAMILY);
  Request request;
  Batch batch;
  for (uint32_t i = 0; i < 1000; ++i) {
    ResetToFlowPut(&request, family, datapath, i / 2, flags);
    REQUIRE(batch.Add(request));
  }
  const absl::Status status = client.Run(&batch, BatchMode::kAckAll);
  INFO(status);
  CHECK(status.ok());
  CHECK(batch.unanswered() == 0);
  CHECK(batch.failed() == 500);  // openvswitch takes NLM_F_CREATE for NLM_F_EXCL
  CHECK(CountFlows(&client, datapath) == 500);
}

TEST_CASE("socket: events come, and an overrun is told") {
  EnterNamespaceOfOurOwn();
  EventOptions options;
  options.socket.receive_buffer_bytes = 1;
  auto events = EventSocket::OpenGeneric({{OVS_VPORT_FAMILY, OVS_VPORT_MCGROUP}}, options);
  INFO(events.status());
  REQUIRE(events.ok());
  Client client = OpenClient();
  const int datapath = MakeDatapath(&client, "dp0");
  REQUIRE(AddPort(&client, datapath, "p0").ok());

  size_t messages = 0;
  size_t overruns = 0;
  const auto take = [&](const Event& event) {
    if (event.kind == EventKind::kOverrun) ++overruns;
    if (event.kind == EventKind::kMessage && event.family == OVS_VPORT_FAMILY) ++messages;
  };
  const auto receive_all = [&] {
    while (*events->Receive(milliseconds(0), take) > 0) {
    }
  };
  receive_all();
  CHECK(messages >= 1);
  CHECK(overruns == 0);
  const uint64_t before = CounterValue("netlink_event_overruns");
  for (int i = 1; i < 50; ++i) REQUIRE(AddPort(&client, datapath, "p" + std::to_string(i)).ok());
  receive_all();
  CHECK(overruns >= 1);
  CHECK(CounterValue("netlink_event_overruns") > before);
  messages = 0;
  REQUIRE(AddPort(&client, datapath, "late").ok());
  receive_all();
  CHECK(messages == 1);  // it goes on as before
}

TEST_CASE("socket: a group that is not there is an error") {
  const auto events = EventSocket::OpenGeneric({{OVS_VPORT_FAMILY, "no_such_group"}});
  CHECK(events.status().code() == absl::StatusCode::kNotFound);
}

// The namespaces of earlier tests, with their datapaths, go asynchronously: hence the tries.
bool Reload() {
  for (int i = 0; i < 50; ++i) {
    if (std::system("modprobe -qr vport-vxlan vport-geneve vport-gre openvswitch 2>/dev/null") == 0)
      return std::system("modprobe openvswitch") == 0;
    if (std::system("sleep 0.1") != 0) return false;
  }
  return false;
}

TEST_CASE("socket: a module that was loaded again is found again") {
  EnterNamespaceOfOurOwn();
  Client client = OpenClient();
  const Family& family = FamilyNamed(&client, OVS_DATAPATH_FAMILY);
  const uint16_t id = family.id;
  auto events = EventSocket::OpenGeneric({{OVS_DATAPATH_FAMILY, OVS_DATAPATH_MCGROUP}});
  REQUIRE(events.ok());
  if (!Reload()) SLUICE_SKIP("this kernel cannot unload openvswitch");

  Request get = OvsRequest(family, OVS_DP_CMD_GET, 12345);
  get.set_read_only(true);
  const uint64_t before = CounterValue("netlink_family_resolved_anew");
  CHECK(base::ErrnoOf(client.Transact(get).status()) == ENODEV);  // the new family's answer
  CHECK(family.id != id);
  CHECK(CounterValue("netlink_family_resolved_anew") == before + 1);

  std::vector<EventKind> kinds;
  while (*events->Receive(milliseconds(0), [&](const Event& e) { kinds.push_back(e.kind); }) > 0) {
  }
  CHECK(kinds == std::vector<EventKind>{EventKind::kFamilyGone, EventKind::kFamilyBack});
}

}  // namespace
}  // namespace sluice::socket
