// Changes to the flow table, many for one trip to the kernel, and how they are undone.
//
// Borrows the client. Not thread-safe.
//
//   FlowChanges changes(client, datapath.ifindex, {});
//   changes.Add(number, line);
//   if (changes.full()) SLUICE_RETURN_IF_ERROR(changes.Run(report));
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "dpctl/flow_file.h"
#include "netlink/ovs/flow.h"

namespace sluice::dpctl {

struct FlowChangeOptions {
  bool may_create = false;   // kModify creates what is not there
  bool clear_stats = false;  // of kModify
};

class FlowChanges {
 public:
  FlowChanges(socket::Client* client, int dp_ifindex, const FlowChangeOptions& options)
      : client_(client), dp_ifindex_(dp_ifindex), options_(options) {}

  // kInvalidArgument, adding nothing, when the flow is too large for a request.
  absl::Status Add(size_t line, const FlowLine& flow);
  bool full() const { return batch_.size() >= kMaxRequests || batch_.bytes() >= kMaxBytes; }

  // Carries out what was added since, and tells of each what became of it. An error: the kernel
  // cannot be talked to; what was not told of was not sent.
  using Report = absl::FunctionRef<void(size_t line, FlowVerb verb, const absl::Status& status)>;
  absl::Status Run(Report report);

 private:
  static constexpr size_t kMaxRequests = 4096;
  static constexpr size_t kMaxBytes = 1 << 20;
  struct Item {
    size_t line;
    FlowVerb verb;
  };

  socket::Client* client_;
  int dp_ifindex_;
  FlowChangeOptions options_;
  socket::Request request_;
  socket::Batch batch_;
  std::vector<Item> items_;
};

// The flows that lines are about, as they are now; made before any of the lines is carried out.
class FlowSnapshot {
 public:
  // An error when a flow cannot be looked up; `*refused` is its index, if it is the fault of one.
  static absl::StatusOr<FlowSnapshot> Take(socket::Client* client, int dp_ifindex,
                                           const std::vector<FlowLine>& lines,
                                           std::optional<size_t>* refused);
  // Brings them back: deletes what `lines` added, then creates and changes what was there.
  // `done` says which of the lines may have been carried out. How many it could not bring back.
  absl::StatusOr<size_t> Restore(const std::vector<FlowLine>& lines, const std::vector<bool>& done);

 private:
  FlowSnapshot(socket::Client* client, int dp_ifindex) : client_(client), dp_ifindex_(dp_ifindex) {}
  absl::StatusOr<size_t> Delete(const std::vector<FlowLine>& lines, const std::vector<bool>& done);

  socket::Client* client_;
  int dp_ifindex_;
  std::vector<std::optional<ovs::Flow>> before_;  // by line
};

}  // namespace sluice::dpctl
