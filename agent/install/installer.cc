#include "agent/install/installer.h"

#include "netlink/base/counters.h"
#include "netlink/base/status.h"
#include "netlink/ovs/family_request.h"

namespace sluice::install {
namespace {

struct InstallCounters {
  base::Counter& executed =
      base::Counters::Get("install_executes", "Packets sent back to the datapath with actions.");
  base::Counter& execute_errors = base::Counters::Get(
      "install_execute_errors", "Packets that the datapath refused to take actions on: lost.");
  base::Counter& changes =
      base::Counters::Get("install_flow_changes", "Flows put, modified or deleted.");
  base::Counter& change_errors = base::Counters::Get(
      "install_flow_errors", "Flow changes that the datapath refused, EEXIST and ENOENT included.");
  base::Counter& unknown = base::Counters::Get(
      "install_outcomes_unknown", "Requests whose answer was lost or that could not be sent.");
};

InstallCounters& Count() {
  static InstallCounters counters;
  return counters;
}

}  // namespace

absl::StatusOr<Installer> Installer::Open() {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_GENERIC));
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* flow, ovs::Resolve(&client, OVS_FLOW_FAMILY));
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* packet, ovs::Resolve(&client, OVS_PACKET_FAMILY));
  return Installer(std::move(client), flow, packet);
}

bool Installer::Execute(const ovs::Upcall& upcall, base::ByteView packet, base::ByteView actions,
                        uint64_t tag) {
  ovs::EncodeExecute(*packet_family_, upcall.dp_ifindex,
                     {.packet = packet,
                      .key = upcall.key,
                      .actions = actions,
                      .mru = upcall.mru,
                      .hash = upcall.hash},
                     &request_);
  if (!executes_.Add(request_)) {
    Count().execute_errors.Add();
    return false;
  }
  execute_tags_.push_back(tag);
  return true;
}

void Installer::Add(uint64_t tag) {
  if (changes_.Add(request_)) {
    tags_.push_back(tag);
  } else {
    Count().change_errors.Add();
  }
}

void Installer::Put(int dp_ifindex, const ovs::FlowSpec& flow, uint64_t tag) {
  ovs::EncodeFlowPut(*flow_family_, dp_ifindex, flow, &request_);
  Add(tag);
}

void Installer::Modify(int dp_ifindex, const ovs::FlowSpec& flow, uint64_t tag) {
  ovs::EncodeFlowModify(*flow_family_, dp_ifindex, flow, /*may_create=*/false, &request_);
  Add(tag);
}

void Installer::Delete(int dp_ifindex, const ovs::FlowId& id, uint64_t tag) {
  ovs::EncodeFlowDelete(*flow_family_, dp_ifindex, id, /*echo=*/false, &request_);
  Add(tag);
}

void Installer::Flush(absl::FunctionRef<void(uint64_t tag, int error)> on_error,
                      absl::FunctionRef<void(uint64_t tag)> on_lost) {
  if (empty()) return;
  const size_t executes = executes_.size();
  // Behind the executes, so that both travel in one system call.
  for (size_t i = 0; i < changes_.size(); ++i) {
    request_ = socket::Request::FromMessage(changes_.request(i), changes_.attributes_offset(i));
    request_.set_label(changes_.label(i));
    (void)executes_.Add(request_);  // it was valid before
  }
  // What became of each is in the batch; a failure of the transport is told there too.
  (void)client_.Run(&executes_, socket::BatchMode::kErrorsOnly);
  Count().executed.Add(executes);
  Count().changes.Add(changes_.size());
  Count().unknown.Add(executes_.unanswered());
  for (size_t i = 0; executes_.failed() + executes_.unanswered() > 0 && i < executes_.size(); ++i) {
    const int error = executes_.error(i);
    if (error == 0) continue;
    if (error > 0) (i < executes ? Count().execute_errors : Count().change_errors).Add();
    if (i >= executes) {
      on_error(tags_[i - executes], std::max(error, 0));
    } else if (error > 0) {
      on_lost(execute_tags_[i]);
    }
  }
  executes_.Clear();
  execute_tags_.clear();
  changes_.Clear();
  tags_.clear();
}

}  // namespace sluice::install
