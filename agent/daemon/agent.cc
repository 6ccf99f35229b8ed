#include "agent/daemon/agent.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <set>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "agent/install/installer.h"
#include "agent/upcall/forwarder.h"
#include "kmod-compat/features.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/netfilter_request.h"

namespace sluice::daemon {
namespace {

constexpr unsigned kMaxAutoHandlers = 16;

bool IsModuleAbsent(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable;
}

// What an operator can do about an error at the start.
absl::Status Advise(const absl::Status& status) {
  if (IsModuleAbsent(status))
    return base::Annotate(status,
                          "the kernel has no openvswitch datapath: load it with \"modprobe "
                          "openvswitch\"");
  if (base::ErrnoOf(status) == EPERM || base::ErrnoOf(status) == EACCES)
    return base::Annotate(status,
                          "not allowed: run sluiced as root, or with CAP_NET_ADMIN as its systemd "
                          "unit does");
  return status;
}

// A kernel with per-CPU dispatch knows the attribute for it. Asks without changing anything.
absl::StatusOr<upcall::DispatchMode> ChooseDispatch(DispatchChoice choice) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_GENERIC));
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family,
                          client.ResolveFamily(OVS_DATAPATH_FAMILY, "openvswitch"));
  const bool can = family->max_attribute >= OVS_DP_ATTR_PER_CPU_PIDS;
  if (choice == DispatchChoice::kPerCpu && !can)
    return absl::FailedPreconditionError(
        "this kernel has no per-CPU dispatch (Linux 5.15 has): set dispatch to auto or per-port");
  return choice != DispatchChoice::kPerPort && can ? upcall::DispatchMode::kPerCpu
                                                   : upcall::DispatchMode::kPerPort;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Agent>> Agent::Start(const DesiredState& desired,
                                                    const AgentOptions& options) {
  auto agent = absl::WrapUnique(new Agent(desired, options));
  SLUICE_ASSIGN_OR_RETURN(agent->loop_, EventLoop::Create());
  SLUICE_RETURN_IF_ERROR(Advise(agent->OpenEvents()));
  SLUICE_RETURN_IF_ERROR(Advise(agent->StartEngine()));
  SLUICE_RETURN_IF_ERROR(agent->WatchAll());
  return agent;
}

absl::Status Agent::OpenEvents() {
  // Before anything is listed: what happens from now on is not missed.
  SLUICE_ASSIGN_OR_RETURN(
      ovs_events_,
      socket::EventSocket::OpenGeneric(
          {{OVS_DATAPATH_FAMILY, OVS_DATAPATH_MCGROUP}, {OVS_VPORT_FAMILY, OVS_VPORT_MCGROUP}},
          {.socket = {.receive_buffer_bytes = 1 << 20}, .module = "openvswitch"}));
  SLUICE_ASSIGN_OR_RETURN(link_events_, route::LinkEvents::Open());
  SLUICE_ASSIGN_OR_RETURN(route_events_, route::OpenRouteEvents());
  return absl::OkStatus();
}

namespace {

// A kernel that cannot be asked is one like most; what it lacks is told, with what that means.
bool Has(compat::Feature feature, std::string_view without) {
  const absl::StatusOr<compat::Finding> found = compat::ProbeFlow(feature);
  if (!found.ok() || found->support != compat::Support::kNo) return true;
  spdlog::info("this kernel lacks {}: {}", compat::InfoOf(feature).name, without);
  return false;
}

}  // namespace

absl::Status Agent::StartEngine() {
  const FlowsConfig& flows = config_.flows;
  SLUICE_ASSIGN_OR_RETURN(
      revalidator_, flowcache::Revalidator::Create(
                        {.interval_ms = static_cast<uint64_t>(flows.revalidate_interval.count()),
                         .idle_timeout_ms = static_cast<uint64_t>(flows.idle_timeout.count())},
                        &datapaths_, &clock_));
  SLUICE_RETURN_IF_ERROR(StartHandlers());
  SLUICE_ASSIGN_OR_RETURN(kernel_, port::NetlinkPortKernel::Open(&*dispatch_));
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_GENERIC));
  overload_ = std::make_unique<Overload>(static_cast<uint64_t>(config_.upcalls.cut_off.count()),
                                         &handlers_->ledger(), &*dispatch_, kernel_.get(), &clock_);
  SLUICE_ASSIGN_OR_RETURN(heartbeats_, Heartbeats::Open());
  board_ = std::make_unique<StatusBoard>(handlers_.get(), revalidator_.get(), dispatch_->mode(),
                                         std::move(client), this, &clock_);
  // Serving the socket is what keeps a second daemon out: before the kernel is touched.
  SLUICE_ASSIGN_OR_RETURN(server_, control::Server::Start(config_.control_socket, board_.get()));

  SLUICE_ASSIGN_OR_RETURN(socket::Client meter_client, socket::Client::Open(NETLINK_GENERIC));
  meter_kernel_ = std::make_unique<port::NetlinkMeterKernel>(std::move(meter_client));
  SLUICE_RETURN_IF_ERROR(StartConntrack());
  context_ = {
      .kernel = kernel_.get(),
      .meter_kernel = meter_kernel_.get(),
      .links = &links_,
      .clock = &clock_,
      .flow_limit = flows.limit,
      // What our oldest kernel can. Userspace() actions go to the first handler, or where
      // the CPU's upcalls go.
      .abilities = {.dec_ttl = true,
                    .upcall_pid = handlers_->pids().front(),
                    .ct_zones = ct_zones_,
                    .symmetric_hashes = Has(compat::Feature::kHashSymmetricL4,
                                            "groups that want it have a flow for each connection"),
                    .check_pkt_len = Has(compat::Feature::kCheckPacketLength,
                                         "rules with check_pkt_larger have each packet answered")},
      .timeouts = conntrack_->policies(),
      .on_generation = [this] { revalidator_->Kick(); },
      .adopt = [this](flowcache::DatapathFlows* f) { AdoptFlows(f); },
      .on_datapaths = [this] { PublishDatapaths(); }};
  SLUICE_ASSIGN_OR_RETURN(std::vector<route::Link> links, kernel_->ListLinks());
  links_.Replace(std::move(links));
  for (const BridgeConfig& bridge : config_.bridges) {
    bridges_.push_back(std::make_unique<BridgeRuntime>(bridge, &context_));
    bridges_.back()->ports().Reconcile();
    bridges_.back()->ConfigureMonitor();
  }
  PostStatus();
  handlers_->Start();
  running_ = true;
  revalidator_->Start();
  return absl::OkStatus();
}

absl::Status Agent::StartConntrack() {
  ct_zones_ = Has(compat::Feature::kCtZone, "rules with a zone drop packets");
  SLUICE_ASSIGN_OR_RETURN(socket::Client generic, socket::Client::Open(NETLINK_GENERIC));
  SLUICE_ASSIGN_OR_RETURN(socket::Client netfilter, conntrack::OpenNetfilter());
  conntrack_kernel_ =
      std::make_unique<port::NetlinkConntrackKernel>(std::move(generic), std::move(netfilter));
  conntrack_ = std::make_unique<port::ConntrackKeeper>(conntrack_kernel_.get(), ct_zones_);
  conntrack_->Sync(config_.conntrack, 0);
  return absl::OkStatus();
}

absl::Status Agent::StartHandlers() {
  SLUICE_ASSIGN_OR_RETURN(const upcall::DispatchMode mode, ChooseDispatch(config_.dispatch));
  const unsigned cpus = upcall::PossibleCpus();
  upcall::HandlerOptions options;
  options.handlers = config_.handlers.value_or(std::min(cpus, kMaxAutoHandlers));
  options.queue.port_limit = config_.upcalls.port_queue;
  options.budget = {.rate = config_.upcalls.port_rate, .burst = config_.upcalls.port_burst};
  options.clock = &clock_;
  std::vector<install::Installer> installers;
  for (unsigned i = 0; i < options.handlers; ++i) {
    SLUICE_ASSIGN_OR_RETURN(install::Installer installer, install::Installer::Open());
    installers.push_back(std::move(installer));
  }
  SLUICE_ASSIGN_OR_RETURN(handlers_, upcall::HandlerPool::Create(options, [&](unsigned handler) {
                            return std::make_unique<upcall::Forwarder>(
                                &datapaths_, std::move(installers[handler]), &clock_);
                          }));
  dispatch_.emplace(mode, handlers_->pids(), cpus);
  spdlog::info("{} handlers, upcalls dispatched {}", options.handlers, upcall::ToString(mode));
  return absl::OkStatus();
}

Agent::~Agent() {
  // The API first, as it asks all others; then those that change the kernel.
  server_.reset();
  if (handlers_) handlers_->Stop();
  if (revalidator_) revalidator_->Stop();
}

void Agent::AdoptFlows(flowcache::DatapathFlows* flows) {
  if (running_) return;  // its next round adopts what it finds
  const absl::Status status = revalidator_->Adopt(flows);
  if (!status.ok())
    spdlog::warn("{}: cannot adopt the flows that are there; they are looked at later: {}",
                 flows->bridge->name(), base::FromAbsl(status.message()));
}

void Agent::PublishDatapaths() {
  flowcache::DatapathSet set;
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_)
    if (bridge->flows() != nullptr) set.push_back(bridge->flows());
  datapaths_.Set(std::move(set));
}

// Ports that went, and those whose numbers others got, begin anew.
void Agent::RetainAccounts() {
  std::set<upcall::PortId> there;
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_) {
    const int dp_ifindex = bridge->ports().dp_ifindex();
    there.insert({dp_ifindex, OVSP_LOCAL});
    for (const port::PortStatus& port : bridge->ports().Status())
      if (port.state == port::PortState::kUp || port.state == port::PortState::kUnmanaged)
        there.insert({dp_ifindex, port.device.empty() ? port.port_no : port.device_no});
  }
  handlers_->ledger().Retain([&](const upcall::PortId& id) { return there.contains(id); });
}

void Agent::PostStatus() {
  RetainAccounts();
  std::vector<BridgePosting> postings;
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_)
    postings.push_back({.name = bridge->config().name,
                        .dp_ifindex = bridge->ports().dp_ifindex(),
                        .problem = bridge->ports().datapath_problem(),
                        .rules_problem = bridge->rules_problem(),
                        .mac_limit = bridge->config().mac_limit,
                        .flow_limit = context_.flow_limit,
                        .ports = bridge->ports().Status(),
                        .meters = bridge->MetersNow(),
                        .bridge = bridge->bridge(),
                        .flows = bridge->flows()});
  board_->Post(std::move(postings), conntrack_->Status());
}

}  // namespace sluice::daemon
