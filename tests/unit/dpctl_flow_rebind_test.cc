#include "dpctl/flow_rebind.h"

#include <linux/genetlink.h>
#include <linux/openvswitch.h>

#include <string>

#include "dpctl/failure.h"
#include "netlink/ovs/flow_text.h"
#include "tests/support/test.h"
#include "tests/unit/socket_fake.h"

namespace sluice::dpctl {
namespace {

ovs::Flow FlowOf(const std::string& text) {
  auto read = ovs::ParseFlowText(text, nullptr);
  REQUIRE(read.ok());
  ovs::Flow flow;
  flow.key = read->key;
  flow.mask = read->mask;
  flow.actions = read->actions;
  flow.ufid = read->ufid;
  flow.stats = {.packets = 5, .bytes = 300};
  return flow;
}

ovs::FlowView ViewOf(const ovs::Flow& flow) {
  ovs::FlowView view;
  view.key = flow.key;
  view.mask = *flow.mask;
  view.actions = *flow.actions;
  if (flow.ufid) view.ufid = flow.ufid->bytes;
  view.stats = flow.stats;
  return view;
}

constexpr std::string_view kRest = ",eth(),eth_type(0x0806), packets:5, bytes:300, used:never";
constexpr std::string_view kMoved = ",eth(),eth_type(0x0806), packets:0, bytes:0, used:never";

std::string Line(int in_port, std::string_view rest, const std::string& actions) {
  return "in_port(" + std::to_string(in_port) + ")" + std::string(rest) + ", actions:" + actions;
}

// The flow after 1 became 7; empty when it does not name 1.
std::string Rebound(const std::string& text) {
  const ovs::Flow flow = FlowOf(text);
  const auto rebound = RebindFlow(ViewOf(flow), 1, 7);
  if (!rebound) return {};
  std::string line;
  ovs::AppendFlow(ViewOf(rebound->after), {}, &line);
  return line;
}

TEST_CASE("every port in actions is found, however deep; numbers that are no ports stay") {
  struct Case {
    std::string before, after;
  };
  const Case cases[] = {
      {"1", "7"},
      {"2,1,1", "2,7,7"},
      {"sample(sample=50.0%,actions(1))", "sample(sample=50.0%,actions(7))"},
      {"clone(clone(1),1)", "clone(clone(7),7)"},
      {"check_pkt_len(size=1,gt(1),le(2))", "check_pkt_len(size=1,gt(7),le(2))"},
      {"dec_ttl(le_1(1)),2", "dec_ttl(le_1(7)),2"},
      {"userspace(pid=1,tunnel_out_port=1)", "userspace(pid=1,tunnel_out_port=7)"},
      {"hash(l4(1)),recirc(0x1)", ""},
      {"meter(1),push_vlan(vid=1,pcp=1),ct(commit,zone=1),trunc(100),10", ""},
      {"drop", ""},
  };
  for (const Case& c : cases) {
    INFO(c.before);
    CHECK(Rebound(Line(2, kRest, c.before)) == (c.after.empty() ? "" : Line(2, kRest, c.after)));
  }
}

TEST_CASE("a flow that matches the port is another flow afterwards") {
  CHECK(Rebound(Line(1, kRest, "2,1")) == Line(7, kMoved, "2,7"));
  CHECK(Rebound(Line(7, kRest, "2")).empty());
  const std::string ufid = "ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6,";
  ovs::Flow flow = FlowOf(ufid + Line(1, kRest, "2"));
  const auto rebound = RebindFlow(ViewOf(flow), 1, 7);
  REQUIRE(rebound);
  CHECK(rebound->moved);
  CHECK(rebound->after.ufid != flow.ufid);
  const auto back = RebindFlow(ViewOf(rebound->after), 7, 1);
  REQUIRE(back);
  CHECK(back->after.ufid == flow.ufid);
  // Its actions alone: it stays the same flow.
  flow = FlowOf(ufid + Line(2, kRest, "1"));
  CHECK(RebindFlow(ViewOf(flow), 1, 7)->after.ufid == flow.ufid);
}

TEST_CASE("an in_port that does not matter is none") {
  // The kernel's mask of a wildcarded port.
  const ovs::Flow flow = FlowOf("in_port(1/0xffff0000),eth(),eth_type(0x0806),arp(), actions:2");
  CHECK_FALSE(RebindFlow(ViewOf(flow), 1, 7));
}

// What a kernel does whose n-th request of a kind ends with an error.
struct Script {
  int put_error = 0, change_error = 0, delete_error = 0;
  std::string log{};  // one letter a request: P put, C change, D delete

  void operator()(socket::FakeTransport* kernel, const std::vector<socket::Message>& sent) {
    for (const socket::Message& message : sent) {
      const auto generic = socket::ParseGeneric(message, 0);
      REQUIRE(generic);
      if (message.type == GENL_ID_CTRL) {
        kernel->Queue(Family(message));
        kernel->Queue(socket::Ack(message));
        continue;
      }
      int* error = generic->command == OVS_FLOW_CMD_NEW   ? &put_error
                   : generic->command == OVS_FLOW_CMD_SET ? &change_error
                                                          : &delete_error;
      log += generic->command == OVS_FLOW_CMD_NEW   ? 'P'
             : generic->command == OVS_FLOW_CMD_SET ? 'C'
                                                    : 'D';
      if (*error != 0 || (message.flags & NLM_F_ACK) != 0)
        kernel->Queue(socket::Ack(message, *error));
      *error = 0;
    }
  }
  static base::ByteVector Family(const socket::Message& request) {
    const genlmsghdr header{.cmd = CTRL_CMD_NEWFAMILY, .version = 2, .reserved = 0};
    base::ByteVector payload(base::AsBytes(header).begin(), base::AsBytes(header).end());
    attr::Writer writer(&payload);
    writer.Put(CTRL_ATTR_FAMILY_ID, uint16_t{30});
    writer.PutString(CTRL_ATTR_FAMILY_NAME, OVS_FLOW_FAMILY);
    writer.Put(CTRL_ATTR_VERSION, uint32_t{1});
    return socket::MakeMessage(GENL_ID_CTRL, 0, request.sequence, payload);
  }
};

struct Outcome {
  absl::Status status;
  RebindCounts counts;
  std::string log;
};

// One flow that is moved, and two that are changed.
Outcome RunWith(Script script) {
  socket::Scripted scripted(std::ref(script));
  FlowRebind rebind(&scripted.client, 5);
  for (const std::string& line : {Line(1, kRest, "2"), Line(2, kRest, "1"), Line(3, kRest, "1")}) {
    const ovs::Flow flow = FlowOf(line);
    rebind.Add(*RebindFlow(ViewOf(flow), 1, 7));
  }
  Outcome outcome;
  outcome.status = rebind.Run();
  outcome.counts = rebind.counts();
  outcome.log = script.log;
  return outcome;
}

TEST_CASE("new flows come before old ones go") {
  const Outcome outcome = RunWith({});
  CHECK(outcome.status.ok());
  CHECK(outcome.log == "PCCD");
  CHECK(outcome.counts.changed == 2);
  CHECK(outcome.counts.moved == 1);
  CHECK(outcome.counts.gone == 0);
}

TEST_CASE("a refusal undoes what was done, and says so") {
  Outcome outcome = RunWith({.put_error = EEXIST});
  CHECK(outcome.log == "PCCCC");
  std::string text = FailureText(outcome.status);
  INFO(text);
  CHECK(text.find("installing flow in_port(7),") != std::string::npos);
  CHECK(text.find("no flow has changed") != std::string::npos);
  outcome = RunWith({.change_error = EINVAL});
  CHECK(outcome.log == "PCCDC");
  // What cannot be undone is counted.
  outcome = RunWith({.change_error = EINVAL, .delete_error = EPERM});
  text = FailureText(outcome.status);
  INFO(text);
  CHECK(text.find("1 flows have changed and could not be put back") != std::string::npos);
}

TEST_CASE("flows that others remove meanwhile stay removed") {
  Outcome outcome = RunWith({.change_error = ENOENT});
  CHECK(outcome.status.ok());
  CHECK(outcome.counts.changed == 1);
  CHECK(outcome.counts.gone == 1);
  // The old one was gone when it was to be removed: so goes the new one.
  outcome = RunWith({.delete_error = ENOENT});
  CHECK(outcome.status.ok());
  CHECK(outcome.log == "PCCDD");
  CHECK(outcome.counts.moved == 0);
  CHECK(outcome.counts.gone == 1);
}

TEST_CASE("an old flow that cannot be removed is told of") {
  const Outcome outcome = RunWith({.delete_error = EPERM});
  CHECK(FailureText(outcome.status).find("1 of them are still there") != std::string::npos);
}

}  // namespace
}  // namespace sluice::dpctl
