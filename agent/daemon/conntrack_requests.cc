#include "agent/daemon/conntrack_requests.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_counts.h"
#include "netlink/conntrack/connection_text.h"
#include "netlink/conntrack/netfilter_request.h"
#include "netlink/conntrack/sweep.h"

namespace sluice::daemon {
namespace {

using conntrack::Connection;
using conntrack::ConnectionMatch;
using conntrack::Json;

template <typename Filters>
absl::StatusOr<ConnectionMatch> MatchOf(const Filters& filters) {
  ConnectionMatch match;
  for (const std::string& filter : filters)
    SLUICE_RETURN_IF_ERROR(base::Annotate(match.Add(filter), "parsing which connections"));
  return match;
}

void ToStruct(const Json& json, google::protobuf::Struct* out) {
  // Our own JSON is one that it takes.
  (void)google::protobuf::util::JsonStringToMessage(
      json.dump(-1, ' ', false, Json::error_handler_t::replace), out);
}

absl::Status DeleteOne(const conntrack::OneTuple& one, uint16_t zone) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, conntrack::OpenNetfilter());
  absl::Status status = conntrack::Connections(&client).Delete(one.tuple, one.direction, zone);
  if (base::ErrnoOf(status) == ENOENT)
    return absl::NotFoundError(absl::StrCat("there is no such connection in zone ", zone));
  if (base::ErrnoOf(status) == EOPNOTSUPP && zone != 0)
    return absl::FailedPreconditionError("this kernel has no zones but 0 (feature ct_zone)");
  return status;
}

void CountFlushed(uint64_t deleted) {
  static base::Counter& flushed = base::Counters::Get(
      "conntrack_flushed", "Connections that were ended as the API asked for it.");
  flushed.Add(deleted);
}

}  // namespace

absl::Status DumpConnections(const v1::DumpConnectionsRequest& request,
                             absl::FunctionRef<bool(const v1::Connection&)> send) {
  SLUICE_ASSIGN_OR_RETURN(const ConnectionMatch match, MatchOf(request.filters()));
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, conntrack::OpenNetfilter());
  const conntrack::ConnectionTextOptions options{.verbose = request.verbose(),
                                                 .statistics = request.statistics()};
  const auto take = [&](const Connection& connection) -> absl::Status {
    if (!match.Matches(connection)) return absl::OkStatus();
    v1::Connection entry;
    AppendConnection(connection, options, entry.mutable_text());
    ToStruct(ConnectionToJson(connection), entry.mutable_connection());
    return send(entry) ? absl::OkStatus() : absl::CancelledError("nobody listens");
  };
  const auto restart = [&] {
    v1::Connection entry;
    entry.set_again(true);
    (void)send(entry);
  };
  return conntrack::Connections(&client).Dump(WishFor(match), take, restart).status();
}

absl::StatusOr<v1::FlushConnectionsResponse> FlushConnections(
    const v1::FlushConnectionsRequest& request) {
  if (request.filters().empty() == !request.all())
    return absl::InvalidArgumentError(
        request.all() ? "either all connections, or those of filters"
                      : "say which connections are to end: zone=N, fields of a tuple, or all");
  SLUICE_ASSIGN_OR_RETURN(const ConnectionMatch match, MatchOf(request.filters()));
  v1::FlushConnectionsResponse response;
  if (const auto one = TheTuple(match)) {
    SLUICE_RETURN_IF_ERROR(DeleteOne(*one, match.zone.value_or(0)));
    response.set_deleted(1);
    CountFlushed(1);
    return response;
  }
  SLUICE_ASSIGN_OR_RETURN(socket::Client reader, conntrack::OpenNetfilter());
  SLUICE_ASSIGN_OR_RETURN(socket::Client writer, conntrack::OpenNetfilter());
  conntrack::DeleteReport report;
  const absl::Status status = Sweep(
      match, &reader, &writer, [](std::span<const Connection>) {}, &report);
  CountFlushed(report.deleted);
  if (!status.ok())
    return base::Annotate(status, absl::StrCat(report.deleted, " connections were ended, ",
                                               report.failed, " could not be"));
  response.set_deleted(report.deleted);
  response.set_gone(report.gone);
  return response;
}

absl::StatusOr<v1::GetConnectionStatsResponse> CountConnections(
    const v1::GetConnectionStatsRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const ConnectionMatch match, MatchOf(request.filters()));
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, conntrack::OpenNetfilter());
  conntrack::Connections connections(&client);
  conntrack::ConnectionCounts counts;
  const auto take = [&](const Connection& connection) {
    if (match.Matches(connection)) counts.Add(connection);
    return absl::OkStatus();
  };
  SLUICE_RETURN_IF_ERROR(
      connections.Dump(WishFor(match), take, [&counts] { counts = {}; }).status());
  v1::GetConnectionStatsResponse response;
  response.set_text(CountsText(counts, request.states()));
  Json json = CountsToJson(counts);
  if (request.kernel()) {
    SLUICE_ASSIGN_OR_RETURN(const conntrack::KernelCounters counters, GatherCounters(&connections));
    response.mutable_text()->append(CountersText(counters));
    json["kernel"] = CountersToJson(counters);
  }
  ToStruct(json, response.mutable_stats());
  return response;
}

absl::StatusOr<v1::ListConnectionLimitsResponse> ReportLimits(const port::ConntrackStatus& status,
                                                              socket::Client* client) {
  std::map<int, v1::ZoneLimit> limits;  // by zone, the default first
  // A kernel without them has none: what is configured tells why.
  if (const auto there = ovs::CtLimits(client).Get(0); there.ok()) {
    for (const ovs::ZoneLimit& limit : *there) {
      limits[limit.zone].set_limit(limit.limit);
      limits[limit.zone].set_count(limit.count);
    }
  }
  for (const port::LimitStatus& limit : status.limits) {
    v1::ZoneLimit& out = limits[limit.zone];
    out.set_configured(true);
    out.set_problem(limit.problem);
    if (!limit.problem.empty()) out.set_limit(limit.limit);
  }
  v1::ListConnectionLimitsResponse response;
  for (auto& [zone, limit] : limits) {
    if (zone != ovs::kDefaultZone) limit.set_zone(static_cast<uint32_t>(zone));
    *response.add_limits() = std::move(limit);
  }
  for (const port::TimeoutStatus& timeout : status.timeouts) {
    const port::TimeoutSpec& spec = timeout.spec;
    v1::TimeoutPolicy* out = response.add_timeouts();
    out->set_name(spec.name);
    out->set_kernel_name(timeout.kernel_name);
    out->set_family(spec.connections.version == 4 ? "inet" : "inet6");
    out->set_protocol(conntrack::ProtocolName(spec.connections.protocol));
    conntrack::TimeoutPolicy policy;
    policy.protocol = spec.connections.protocol;
    policy.timeouts = spec.timeouts;
    out->set_timeouts(TimeoutsText(policy));
    out->set_problem(timeout.problem);
  }
  return response;
}

}  // namespace sluice::daemon
