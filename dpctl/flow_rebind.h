// Installed flows that name a port, made to name another port.
//
// Actions are changed in place, statistics and all. A flow whose key changes is another flow for
// the kernel: the new one is installed before the old one is removed, so that there is never a time
// without either. Hence it has another UFID (ReboundUfid()), and its statistics begin at zero.
//
// RebindFlow() is pure. FlowRebind borrows the client; not thread-safe.
//
//   FlowRebind rebind(client, datapath.ifindex);
//   flows.Dump(.., [&](const ovs::FlowView& flow) {
//     if (auto rebound = RebindFlow(flow, 1, 7)) rebind.Add(*std::move(rebound));
//   });
//   SLUICE_RETURN_IF_ERROR(rebind.Run());
#pragma once

#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "netlink/ovs/flow.h"

namespace sluice::dpctl {

struct ReboundFlow {
  ovs::Flow before;
  ovs::Flow after;     // with the statistics that it begins with
  bool moved = false;  // the key has changed
};
// Nullopt when the flow does not name `from`.
std::optional<ReboundFlow> RebindFlow(const ovs::FlowView& flow, uint32_t from, uint32_t to);

// The UFID of a flow that is moved between two ports. Moving it back gives the old one again.
ovs::Ufid ReboundUfid(const ovs::Ufid& ufid, uint32_t from, uint32_t to);

struct RebindCounts {
  size_t changed = 0;  // in place
  size_t moved = 0;
  size_t gone = 0;  // removed by others meanwhile
};

class FlowRebind {
 public:
  FlowRebind(socket::Client* client, int dp_ifindex) : client_(client), dp_ifindex_(dp_ifindex) {}

  void Add(ReboundFlow flow) { items_.push_back({.flow = std::move(flow)}); }
  void Clear() { items_.clear(); }
  size_t size() const { return items_.size(); }
  const ReboundFlow& flow(size_t index) const { return items_[index].flow; }

  // Carries out what was added. When the kernel refuses one, all are put back as they were; the
  // error says so, or how many could not be.
  absl::Status Run();
  const RebindCounts& counts() const { return counts_; }

 private:
  enum class State { kUntouched, kDone, kGone, kUnknown };
  struct Item {
    ReboundFlow flow;
    State state = State::kUntouched;
  };
  // False: nothing is to be sent for this item.
  using Encode = absl::FunctionRef<bool(const Item&, const socket::Family&, socket::Request*)>;
  using Take = absl::FunctionRef<void(Item*, const absl::Status&)>;
  // Sends a request for each item, many at a time; `*failed` is set by whoever has had enough.
  absl::Status Send(Encode encode, Take take, const bool* enough);
  absl::Status Install(absl::Status* refusal);
  absl::Status RemoveOld();
  absl::Status Undo(const absl::Status& refusal);

  socket::Client* client_;
  int dp_ifindex_;
  std::vector<Item> items_;
  RebindCounts counts_;
};

}  // namespace sluice::dpctl
