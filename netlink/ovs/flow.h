// Megaflows: the ovs_flow family.
//
// Keys, masks and actions are attribute bytes here: what the kernel sent, or what EncodeFlowKey()
// and ActionList made. Flows borrows a Client and is as thread-compatible as that. Get and Dump
// need no privilege.
//
//   Flows flows(&client);
//   SLUICE_RETURN_IF_ERROR(flows.Put(dp.ifindex, {.key = key, .mask = mask, .actions = actions}));
//   flows.Dump(dp.ifindex, {}, [](const FlowView& flow) { Print(flow); });
#pragma once

#include <linux/openvswitch.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "netlink/base/bytes.h"
#include "netlink/base/clock.h"
#include "netlink/socket/client.h"

namespace sluice::ovs {

// Unique flow identifier, chosen by whoever installs the flow. Zero for none.
struct Ufid {
  std::array<uint8_t, 16> bytes{};
  bool is_zero() const { return *this == Ufid{}; }
  friend bool operator==(const Ufid&, const Ufid&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Ufid& ufid) {
    return H::combine(std::move(h), ufid.bytes);
  }
};
// "1910806e-c447-4f7e-b44c-ee1bb834f1d6": four words of 32 bits in host byte order, as ovs-dpctl(8)
// and the kernel's selftests write them, so that one flow has one name everywhere on a machine.
void AppendUfid(const Ufid& ufid, std::string* out);
std::string ToString(const Ufid& ufid);
std::optional<Ufid> ParseUfid(std::string_view text);

struct FlowStats {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  base::MonotonicMs used = 0;  // when it last matched; 0: never
  uint8_t tcp_flags = 0;       // all that were seen
};

// One flow as the kernel told of it; borrows the message.
struct FlowView {
  int dp_ifindex = 0;
  base::ByteView key;                     // OVS_KEY_ATTR_*; empty in terse dumps
  std::optional<base::ByteView> mask;     // absent: every bit of the key matters
  std::optional<base::ByteView> actions;  // OVS_ACTION_ATTR_*; absent in terse dumps
  base::ByteView ufid;                    // empty for a flow without one; at most 16 bytes
  FlowStats stats;

  std::optional<Ufid> ufid_value() const;
};

// The same with bytes of its own.
struct Flow {
  base::ByteVector key;
  std::optional<base::ByteVector> mask;
  std::optional<base::ByteVector> actions;
  std::optional<Ufid> ufid;
  FlowStats stats;

  Flow() = default;
  explicit Flow(const FlowView& view);
};

// How requests name a flow: by UFID when there is one, else by key.
struct FlowId {
  base::ByteView key{};
  std::optional<Ufid> ufid{};
};

// What is to be installed or changed. Views are borrowed for the call.
struct FlowSpec {
  base::ByteView key{};
  std::optional<base::ByteView> mask{};     // absent: exact match
  std::optional<base::ByteView> actions{};  // of Modify: absent leaves them; empty drops
  std::optional<Ufid> ufid{};
  bool clear_stats = false;  // of Modify
};

struct FlowDumpOptions {
  bool terse = false;  // UFID and statistics only; flows without a UFID still come with their key
  bool accept_interrupted = false;
};

class Flows {
 public:
  explicit Flows(socket::Client* client) : client_(client) {}

  // errno EEXIST when there is a flow with that key or UFID, EINVAL when the kernel refuses it (its
  // log says why), ENODEV without the datapath.
  absl::Status Put(int dp_ifindex, const FlowSpec& flow);
  // The statistics before the change. errno ENOENT when there is none and `may_create` is false.
  absl::StatusOr<std::optional<FlowStats>> Modify(int dp_ifindex, const FlowSpec& flow,
                                                  bool may_create = false);
  // errno ENOENT when there is none.
  absl::StatusOr<Flow> Get(int dp_ifindex, const FlowId& id);
  // The flow as it was at its end, statistics and all.
  absl::StatusOr<Flow> Delete(int dp_ifindex, const FlowId& id);
  absl::Status Flush(int dp_ifindex);
  // Hands over each flow. `restart` is called when an interrupted dump begins anew: what came
  // before is void. The status of `take` ends the dump when it is not OK.
  absl::StatusOr<socket::DumpReport> Dump(int dp_ifindex, const FlowDumpOptions& options,
                                          absl::FunctionRef<absl::Status(const FlowView&)> take,
                                          absl::FunctionRef<void()> restart);

 private:
  socket::Client* client_;
};

// Requests for batches: as the methods above, into a request that is used again and again.
void EncodeFlowPut(const socket::Family& family, int dp_ifindex, const FlowSpec& flow,
                   socket::Request* request);
void EncodeFlowModify(const socket::Family& family, int dp_ifindex, const FlowSpec& flow,
                      bool may_create, socket::Request* request);
void EncodeFlowDelete(const socket::Family& family, int dp_ifindex, const FlowId& id, bool echo,
                      socket::Request* request);

// A message of the family, also one of its multicast group. kDataLoss when it is malformed.
absl::StatusOr<FlowView> ParseFlow(const socket::Message& message);

}  // namespace sluice::ovs
