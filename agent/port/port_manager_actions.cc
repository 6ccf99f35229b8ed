// The part of PortManager that changes the kernel's state: the datapath, and adding ports.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/port/port_counters.h"
#include "agent/port/port_manager.h"
#include "netlink/base/status.h"

namespace sluice::port {
namespace {

constexpr base::MonotonicMs kFirstRetryMs = 50;

}  // namespace

bool PortManager::EnsureDatapath() {
  absl::StatusOr<ovs::Datapath> datapath = kernel_->GetDatapath(bridge_);
  bool is_new = false;
  const bool there_is_none = base::ErrnoOf(datapath.status()) == ENODEV;
  if (there_is_none) {
    datapath = kernel_->CreateDatapath({.name = bridge_,
                                        .user_features = OVS_DP_F_UNALIGNED | OVS_DP_F_VPORT_PIDS,
                                        .upcall_pid = 0,
                                        .per_cpu_pids = {},
                                        .masks_cache_size = {}});
    is_new = datapath.ok();
    // Between the two someone else made it, or a device has the name.
    if (base::ErrnoOf(datapath.status()) == EEXIST) {
      const route::Link* link = links_->Find(bridge_);
      if (link != nullptr && link->kind != "openvswitch")
        datapath = absl::AlreadyExistsError(
            absl::StrCat("there is a device of that name which is no datapath: rename either"));
    }
  }
  if (!datapath.ok()) {
    if (there_is_none) {
      LoseDatapath(std::string(datapath.status().message()));
    } else {
      CannotAsk(datapath.status());
    }
    return false;
  }
  if (datapath->ifindex != dp_ifindex_) {
    if (dp_ifindex_ != 0) {
      Count().datapaths_lost.Add();
      spdlog::warn("{}: the datapath was deleted by another program{}", bridge_,
                   is_new ? "" : " and made again");
    }
    if (is_new) Count().datapaths_made.Add();
    spdlog::info("{}: {} datapath", bridge_, is_new ? "created" : "adopted");
    dp_ifindex_ = datapath->ifindex;
    adopting_ = !is_new;
  } else if (!kernel_->IsDispatchInForce(*datapath)) {
    reassert_ = blame_others_ = true;
  }
  return true;
}

// Only when the kernel says that there is none is there none. Else, as when it is short of memory
// or an answer was lost, the datapath forwards on as it is, and is asked again.
void PortManager::CannotAsk(const absl::Status& status) {
  const bool gone = base::ErrnoOf(status) == ENODEV || absl::IsUnavailable(status);
  if (gone || dp_ifindex_ == 0) return LoseDatapath(std::string(status.message()));
  Count().unanswered.Add();
  if (status.message() != datapath_problem_)
    spdlog::warn("{}: cannot look at the datapath, which is left as it is; trying on: {}", bridge_,
                 base::FromAbsl(status.message()));
  datapath_problem_ = std::string(status.message());
  WakeAt(clock_->Now() + kDatapathRetryMs);
}

void PortManager::LoseDatapath(std::string problem) {
  if (dp_ifindex_ != 0) Count().datapaths_lost.Add();
  if (problem != datapath_problem_)
    spdlog::error("{}: cannot have the datapath, trying on: {}", bridge_, problem);
  datapath_problem_ = std::move(problem);
  for (Entry& entry : entries_) {
    entry.tries = 0;
    SetState(&entry, PortState::kAbsent, "there is no datapath");
  }
  unmanaged_.clear();
  published_.reset();
  sink_->OnPorts({});
  if (dp_ifindex_ != 0) sink_->OnDatapath(0);
  dp_ifindex_ = 0;
  WakeAt(clock_->Now() + kDatapathRetryMs);
}

void PortManager::NoteForeignSet(bool certain) {
  reassert_ = true;
  blame_others_ |= certain;
}

void PortManager::Check() {
  const absl::StatusOr<ovs::Datapath> datapath = kernel_->GetDatapath(bridge_);
  if (!datapath.ok() || datapath->ifindex != dp_ifindex_ || !kernel_->IsDispatchInForce(*datapath))
    WakeAt(clock_->Now());
}

// Two programs that each insist must not keep the machine busy: hence the interval.
void PortManager::Reassert() {
  const base::MonotonicMs now = clock_->Now();
  const bool first = last_dispatch_ifindex_ != dp_ifindex_;
  if (!first && now < last_reassert_ + kReassertIntervalMs)
    return WakeAt(last_reassert_ + kReassertIntervalMs);
  reassert_ = false;
  last_reassert_ = now;
  last_dispatch_ifindex_ = dp_ifindex_;
  if (!first) {
    Count().reasserted.Add();
    if (blame_others_ && warning_.Allow(now)) {
      spdlog::warn(
          "{}: another program set the datapath's features or upcall pids (ovs-dpctl show "
          "does): setting them back",
          bridge_);
    }
  }
  blame_others_ = false;
  const absl::Status status = kernel_->ApplyDispatch(dp_ifindex_);
  if (status.ok()) return;
  spdlog::error("{}: cannot have the datapath's upcalls: {}", bridge_,
                base::FromAbsl(status.message()));
  reassert_ = true;
  WakeAt(now + kDatapathRetryMs);
}

void PortManager::AddMissing() {
  for (Entry& entry : entries_) {
    if (entry.status.state == PortState::kUp || entry.conflict) continue;
    const route::Link* link = links_->Find(entry.status.spec.name);
    if (link == nullptr && !entry.status.spec.internal && !entry.carrier) {
      entry.tries = 0;
      entry.retry_at.reset();
      SetState(&entry, PortState::kAbsent, "there is no such device");
      continue;
    }
    const std::optional<route::Link> now = link ? std::optional(*link) : std::nullopt;
    if (entry.retry_at && entry.device != now) {  // it changed: that may be all that was missing
      entry.tries = 0;
      entry.retry_at.reset();
    }
    if (IsDue(entry)) {
      Add(&entry);
    } else {
      WakeAt(*entry.retry_at);
    }
  }
}

bool PortManager::IsDue(const Entry& entry) const {
  return !entry.retry_at || clock_->Now() >= *entry.retry_at;
}

void PortManager::Add(Entry* entry) {
  const PortSpec& spec = entry->status.spec;
  if (entry->carrier && !MakeCarrier(entry)) return;
  ovs::VportConfig config;
  config.name = spec.name;
  config.type = spec.internal ? OVS_VPORT_TYPE_INTERNAL : OVS_VPORT_TYPE_NETDEV;
  config.upcall_pids = kernel_->PidsForPort();
  const absl::StatusOr<ovs::Vport> vport = kernel_->AddPort(dp_ifindex_, config);
  if (!vport.ok()) return Refused(entry, vport.status());
  Count().added.Add();
  entry->status.port_no = vport->port_no;
  SetState(entry, PortState::kUp, "");
  // As ovs-dpctl add-if does: a port is no use while its device is down.
  const route::Link* link = links_->Find(spec.name);
  const int ifindex = vport->ifindex != 0 ? vport->ifindex : link != nullptr ? link->ifindex : 0;
  const absl::Status up = ifindex == 0 ? absl::OkStatus() : kernel_->SetLinkUp(ifindex);
  if (!up.ok())
    spdlog::warn("{}: cannot bring {} up: {}", bridge_, spec.name, base::FromAbsl(up.message()));
}

void PortManager::Refused(Entry* entry, const absl::Status& status) {
  Count().refused.Add();
  const route::Link* link = links_->Find(entry->status.spec.name);
  const int error = base::ErrnoOf(status);
  // Of these only a change of the device, or of who has it, can make more.
  const bool final = error == EINVAL || error == EEXIST || error == EPERM || error == EOPNOTSUPP ||
                     absl::IsUnimplemented(status) ||
                     (error == EBUSY && link != nullptr && link->master != 0);
  const bool failed = final || entry->tries + 1 >= kQuickTries;
  const base::MonotonicMs delay = failed ? kSlowRetryMs : kFirstRetryMs << entry->tries;
  if (entry->tries < kQuickTries) ++entry->tries;
  entry->device = link ? std::optional(*link) : std::nullopt;
  entry->retry_at = clock_->Now() + delay;
  WakeAt(*entry->retry_at);
  SetState(entry, failed ? PortState::kFailed : PortState::kAdding, WhyRefused(*entry, status));
}

std::string PortManager::WhyRefused(const Entry& entry, const absl::Status& status) const {
  const route::Link* link = links_->Find(entry.status.spec.name);
  if (link != nullptr && link->master != 0) {
    const route::Link* master = links_->Find(link->master);
    if (master != nullptr)
      return absl::StrCat("the device is a port of ", master->name, " already: take it out there");
  }
  if (link != nullptr && entry.status.spec.internal)
    return "there is a device of that name already: an internal port makes its own";
  return std::string(status.message());
}

absl::Status PortManager::Remove() {
  for (const Entry& entry : entries_)
    if (entry.carrier && entry.status.state == PortState::kUp)
      RemoveCarrier(entry.status.spec.name);
  if (dp_ifindex_ == 0) return absl::OkStatus();
  const int ifindex = dp_ifindex_;
  dp_ifindex_ = 0;
  sink_->OnPorts({});
  sink_->OnDatapath(0);
  const absl::Status status = kernel_->DeleteDatapath(ifindex);
  return base::ErrnoOf(status) == ENODEV ? absl::OkStatus() : status;
}

}  // namespace sluice::port
