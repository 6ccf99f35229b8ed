#include "netlink/ovs/flow.h"

#include <algorithm>
#include <cstddef>

#include "netlink/attr/codec.h"
#include "netlink/base/byte_order.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/family_request.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/tables.h"

namespace sluice::ovs {
namespace {

using attr::Copy;
using attr::Field;
using attr::Format;
using attr::Kind;
using attr::Name;
using attr::Row;
using attr::View;

struct Decoded {
  uint64_t present = 0;
  base::ByteView key, mask, actions, ufid;
  ovs_flow_stats stats{};
  uint64_t used = 0;
  uint32_t ufid_flags = 0;
  uint8_t tcp_flags = 0;
};

constexpr Field kStats[] = {
    {.name = "packets", .offset = 0, .size = 8},
    {.name = "bytes", .offset = 8, .size = 8},
};
constexpr Name kUfidFlagBits[] = {
    {OVS_UFID_F_OMIT_KEY, "omit_key", "OVS_UFID_F_OMIT_KEY"},
    {OVS_UFID_F_OMIT_MASK, "omit_mask", "OVS_UFID_F_OMIT_MASK"},
    {OVS_UFID_F_OMIT_ACTIONS, "omit_actions", "OVS_UFID_F_OMIT_ACTIONS"},
};
constexpr Field kUfidFlags[] = {{.size = 4, .format = Format::kFlags, .names = kUfidFlagBits}};
constexpr uint32_t kTerse = OVS_UFID_F_OMIT_KEY | OVS_UFID_F_OMIT_MASK | OVS_UFID_F_OMIT_ACTIONS;

constexpr Row kRows[] = {
    {.type = OVS_FLOW_ATTR_UNSPEC, .constant = "OVS_FLOW_ATTR_UNSPEC", .kind = Kind::kReserved},
    {.type = OVS_FLOW_ATTR_UFID,
     .constant = "OVS_FLOW_ATTR_UFID",
     .name = "ufid",
     .kind = Kind::kBytes,
     .slot = View(offsetof(Decoded, ufid)),
     .since = "4.0",
     .doc = "Identifier of the flow, 1 to 16 bytes, chosen by whoever installs it."},
    {.type = OVS_FLOW_ATTR_KEY,
     .constant = "OVS_FLOW_ATTR_KEY",
     .name = "key",
     .kind = Kind::kSet,
     .nested = &kKeyTable,
     .slot = View(offsetof(Decoded, key)),
     .since = "3.3",
     .doc = "What packets of the flow look like."},
    {.type = OVS_FLOW_ATTR_MASK,
     .constant = "OVS_FLOW_ATTR_MASK",
     .name = "mask",
     .kind = Kind::kSet,
     .nested = &kKeyTable,
     .slot = View(offsetof(Decoded, mask)),
     .since = "3.12",
     .doc = "Which bits of the key matter; without it all do."},
    {.type = OVS_FLOW_ATTR_STATS,
     .constant = "OVS_FLOW_ATTR_STATS",
     .name = "stats",
     .size = sizeof(ovs_flow_stats),
     .fields = kStats,
     .slot = Copy(offsetof(Decoded, stats)),
     .grows = true,
     .since = "3.3",
     .doc = "Packets and bytes that matched; absent while there are none."},
    {.type = OVS_FLOW_ATTR_TCP_FLAGS,
     .constant = "OVS_FLOW_ATTR_TCP_FLAGS",
     .name = "tcp_flags",
     .size = 1,
     .fields = attr::kU8Hex,
     .slot = Copy(offsetof(Decoded, tcp_flags)),
     .since = "3.3",
     .doc = "TCP flags of all packets that matched, together."},
    {.type = OVS_FLOW_ATTR_USED,
     .constant = "OVS_FLOW_ATTR_USED",
     .name = "used",
     .size = 8,
     .fields = attr::kU64Dec,
     .slot = Copy(offsetof(Decoded, used)),
     .since = "3.3",
     .doc = "When it last matched: milliseconds of the monotonic clock."},
    {.type = OVS_FLOW_ATTR_ACTIONS,
     .constant = "OVS_FLOW_ATTR_ACTIONS",
     .name = "actions",
     .kind = Kind::kList,
     .nested = &kActionTable,
     .slot = View(offsetof(Decoded, actions)),
     .since = "3.3",
     .doc = "What is done with packets of the flow."},
    {.type = OVS_FLOW_ATTR_CLEAR,
     .constant = "OVS_FLOW_ATTR_CLEAR",
     .name = "clear",
     .kind = Kind::kFlag,
     .since = "3.3",
     .doc = "In a SET: sets the statistics to zero."},
    {.type = OVS_FLOW_ATTR_PROBE,
     .constant = "OVS_FLOW_ATTR_PROBE",
     .name = "probe",
     .kind = Kind::kFlag,
     .since = "4.0",
     .doc = "The request only tries something: the kernel shall not log why it refuses."},
    {.type = OVS_FLOW_ATTR_UFID_FLAGS,
     .constant = "OVS_FLOW_ATTR_UFID_FLAGS",
     .name = "ufid_flags",
     .size = 4,
     .fields = kUfidFlags,
     .slot = Copy(offsetof(Decoded, ufid_flags)),
     .since = "4.0",
     .doc = "What the answer may leave out of a flow that has a UFID (OVS_UFID_F_*)."},
    {.type = OVS_FLOW_ATTR_PAD,
     .constant = "OVS_FLOW_ATTR_PAD",
     .kind = Kind::kReserved,
     .since = "4.7",
     .doc = "Padding for alignment."},
};

bool Has(const Decoded& decoded, uint16_t type) {
  return attr::IsPresent(kFlowTable, &decoded, type);
}

void PutId(const FlowId& id, attr::Writer* writer) {
  if (id.ufid) writer->Put(OVS_FLOW_ATTR_UFID, id.ufid->bytes);
  if (!id.key.empty()) writer->Put(OVS_FLOW_ATTR_KEY, id.key);
}

void PutSpec(const FlowSpec& flow, attr::Writer* writer) {
  PutId({flow.key, flow.ufid}, writer);
  if (flow.mask) writer->Put(OVS_FLOW_ATTR_MASK, *flow.mask);
  if (flow.actions) writer->Put(OVS_FLOW_ATTR_ACTIONS, *flow.actions);
}

absl::StatusOr<Flow> ParseOwnedFlow(const socket::Message& message) {
  SLUICE_ASSIGN_OR_RETURN(const FlowView view, ParseFlow(message));
  return Flow(view);
}

class FlowVisitor final : public socket::DumpVisitor {
 public:
  FlowVisitor(absl::FunctionRef<absl::Status(const FlowView&)> take,
              absl::FunctionRef<void()> restart)
      : take_(take), restart_(restart) {}

  void Begin() override {
    if (passes_++ > 0) restart_();
  }
  absl::Status OnMessage(const socket::Message& message) override {
    SLUICE_ASSIGN_OR_RETURN(const FlowView flow, ParseFlow(message));
    return take_(flow);
  }

 private:
  absl::FunctionRef<absl::Status(const FlowView&)> take_;
  absl::FunctionRef<void()> restart_;
  int passes_ = 0;
};

}  // namespace

constinit const attr::Table kFlowTable =
    attr::MakeTable({.name = "ovs_flow_attr",
                     .prefix = "OVS_FLOW_ATTR_",
                     .unknown = "flow_attr",
                     .doc = "Attributes of the ovs_flow family.",
                     .rows = kRows,
                     .present_offset = offsetof(Decoded, present)});

void AppendUfid(const Ufid& ufid, std::string* out) {
  for (size_t word = 0; word < ufid.bytes.size(); word += 4) {
    const auto number = base::SwapIfLittle(base::Load<uint32_t>(ufid.bytes.data() + word));
    const base::ByteView digits = base::AsBytes(number);
    if (word == 4) out->push_back('-');
    base::AppendHex(digits.first(2), out);
    if (word == 4 || word == 8) out->push_back('-');
    base::AppendHex(digits.last(2), out);
    if (word == 4) out->push_back('-');
  }
}

std::string ToString(const Ufid& ufid) {
  std::string text;
  AppendUfid(ufid, &text);
  return text;
}

std::optional<Ufid> ParseUfid(std::string_view text) {
  std::string digits;
  for (char c : text)
    if (c != '-') digits.push_back(c);
  const auto bytes = base::FromHex(digits);
  Ufid ufid;
  if (!bytes || bytes->size() != ufid.bytes.size()) return std::nullopt;
  for (size_t word = 0; word < ufid.bytes.size(); word += 4)
    base::Store(ufid.bytes.data() + word,
                base::SwapIfLittle(base::Load<uint32_t>(bytes->data() + word)));
  return ufid;
}

std::optional<Ufid> FlowView::ufid_value() const {
  Ufid value;
  if (ufid.size() != value.bytes.size()) return std::nullopt;
  std::copy(ufid.begin(), ufid.end(), value.bytes.begin());
  return value;
}

Flow::Flow(const FlowView& view)
    : key(view.key.begin(), view.key.end()), ufid(view.ufid_value()), stats(view.stats) {
  if (view.mask) mask.emplace(view.mask->begin(), view.mask->end());
  if (view.actions) actions.emplace(view.actions->begin(), view.actions->end());
}

absl::StatusOr<FlowView> ParseFlow(const socket::Message& message) {
  SLUICE_ASSIGN_OR_RETURN(const OvsMessage ovs, ParseOvsMessage(message));
  Decoded decoded;
  if (attr::Fault fault = attr::Decode(kFlowTable, ovs.attributes, &decoded, nullptr))
    return Malformed(fault);
  FlowView flow;
  flow.dp_ifindex = ovs.dp_ifindex;
  flow.key = decoded.key;
  if (Has(decoded, OVS_FLOW_ATTR_MASK)) flow.mask = decoded.mask;
  if (Has(decoded, OVS_FLOW_ATTR_ACTIONS)) flow.actions = decoded.actions;
  flow.ufid = decoded.ufid;
  flow.stats = {decoded.stats.n_packets, decoded.stats.n_bytes, decoded.used, decoded.tcp_flags};
  return flow;
}

void EncodeFlowPut(const socket::Family& family, int dp_ifindex, const FlowSpec& flow,
                   socket::Request* request) {
  // The kernel takes NLM_F_CREATE for "only if there is none", as generic netlink of old kernels
  // takes NLM_F_EXCL for a dump.
  ResetOvsRequest(family, OVS_FLOW_CMD_NEW, NLM_F_CREATE, dp_ifindex, "flow put", request);
  PutSpec(flow, &request->attributes());
  // The kernel wants actions in every NEW; none at all drops.
  if (!flow.actions) request->attributes().PutFlag(OVS_FLOW_ATTR_ACTIONS);
}

void EncodeFlowModify(const socket::Family& family, int dp_ifindex, const FlowSpec& flow,
                      bool may_create, socket::Request* request) {
  const uint8_t command = may_create ? OVS_FLOW_CMD_NEW : OVS_FLOW_CMD_SET;
  ResetOvsRequest(family, command, 0, dp_ifindex, "flow modify", request);
  PutSpec(flow, &request->attributes());
  if (may_create && !flow.actions) request->attributes().PutFlag(OVS_FLOW_ATTR_ACTIONS);
  if (flow.clear_stats) request->attributes().PutFlag(OVS_FLOW_ATTR_CLEAR);
}

void EncodeFlowDelete(const socket::Family& family, int dp_ifindex, const FlowId& id, bool echo,
                      socket::Request* request) {
  ResetOvsRequest(family, OVS_FLOW_CMD_DEL, echo ? NLM_F_ECHO : uint16_t{0}, dp_ifindex,
                  "flow delete", request);
  PutId(id, &request->attributes());
}

absl::Status Flows::Put(int dp_ifindex, const FlowSpec& flow) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_FLOW_FAMILY));
  socket::Request request;
  EncodeFlowPut(*family, dp_ifindex, flow, &request);
  return client_->Transact(request).status();
}

absl::StatusOr<std::optional<FlowStats>> Flows::Modify(int dp_ifindex, const FlowSpec& flow,
                                                       bool may_create) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_FLOW_FAMILY));
  std::optional<FlowStats> before;
  absl::StatusOr<Flow> old = Get(dp_ifindex, {flow.key, flow.ufid});
  if (old.ok()) {
    before = old->stats;
  } else if (base::ErrnoOf(old.status()) != ENOENT || !may_create) {
    return old.status();
  }
  socket::Request request;
  EncodeFlowModify(*family, dp_ifindex, flow, may_create, &request);
  SLUICE_RETURN_IF_ERROR(client_->Transact(request).status());
  return before;
}

absl::StatusOr<Flow> Flows::Get(int dp_ifindex, const FlowId& id) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_FLOW_FAMILY));
  socket::Request request = OvsRequest(*family, OVS_FLOW_CMD_GET, 0, dp_ifindex, "flow get");
  PutId(id, &request.attributes());
  request.set_read_only(true);
  return TransactParsed(client_, request, ParseOwnedFlow);
}

absl::StatusOr<Flow> Flows::Delete(int dp_ifindex, const FlowId& id) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_FLOW_FAMILY));
  socket::Request request;
  EncodeFlowDelete(*family, dp_ifindex, id, /*echo=*/true, &request);
  return TransactParsed(client_, request, ParseOwnedFlow);
}

absl::Status Flows::Flush(int dp_ifindex) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_FLOW_FAMILY));
  return client_->Transact(OvsRequest(*family, OVS_FLOW_CMD_DEL, 0, dp_ifindex, "flow flush"))
      .status();
}

absl::StatusOr<socket::DumpReport> Flows::Dump(
    int dp_ifindex, const FlowDumpOptions& options,
    absl::FunctionRef<absl::Status(const FlowView&)> take, absl::FunctionRef<void()> restart) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_FLOW_FAMILY));
  socket::Request request = OvsRequest(*family, OVS_FLOW_CMD_GET, 0, dp_ifindex, "flow dump");
  if (options.terse) request.attributes().Put(OVS_FLOW_ATTR_UFID_FLAGS, kTerse);
  FlowVisitor visitor(take, restart);
  return client_->Dump(request, &visitor, {.accept_interrupted = options.accept_interrupted});
}

}  // namespace sluice::ovs
