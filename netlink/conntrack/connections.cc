#include "netlink/conntrack/connections.h"

#include <algorithm>
#include <cerrno>

#include "netlink/conntrack/netfilter_request.h"
#include "netlink/conntrack/tables.h"

namespace sluice::conntrack {
namespace {

constexpr char kModule[] = "nf_conntrack_netlink";
// So much for one trip: a batch is held in memory.
constexpr size_t kBatchBytes = 1 << 20;

socket::Request ConntrackRequest(uint8_t command, uint8_t family, std::string_view label) {
  return NetfilterRequest(NFNL_SUBSYS_CTNETLINK, command, 0, family, label);
}

uint8_t FamilyOf(const Tuple& tuple) { return tuple.addresses.is_ipv6() ? AF_INET6 : AF_INET; }

socket::Request DumpRequest(const DumpWish& wish) {
  socket::Request request = ConntrackRequest(IPCTNL_MSG_CT_GET, wish.family, "conntrack dump");
  attr::Writer& writer = request.attributes();
  if (wish.zone && *wish.zone != 0) writer.Put(CTA_ZONE, Be16::FromHost(*wish.zone).wire());
  if (wish.mark) {
    writer.Put(CTA_MARK, Be32::FromHost(wish.mark->value).wire());
    writer.Put(CTA_MARK_MASK, Be32::FromHost(wish.mark->mask).wire());
  }
  return request;
}

class Visit final : public socket::DumpVisitor {
 public:
  Visit(Connections::Visitor take, absl::FunctionRef<void()> restart)
      : take_(take), restart_(restart) {}
  void Begin() override {
    if (begun_) restart_();
    begun_ = true;
  }
  absl::Status OnMessage(const socket::Message& message) override {
    SLUICE_ASSIGN_OR_RETURN(const Connection connection, ParseConnection(message));
    return take_(connection);
  }

 private:
  Connections::Visitor take_;
  absl::FunctionRef<void()> restart_;
  bool begun_ = false;
};

void Count(const socket::Client& client, const socket::Batch& batch, DeleteReport* report) {
  for (size_t i = 0; i < batch.size(); ++i) {
    const int error = batch.error(i);
    if (error == 0) {
      ++report->deleted;
    } else if (error == ENOENT) {
      ++report->gone;
    } else {
      ++report->failed;
      if (report->status.ok()) report->status = client.StatusOf(batch, i);
    }
  }
}

template <typename Stats>
absl::StatusOr<Stats> DecodeStats(const attr::Table& table, base::ByteView attributes) {
  Stats stats;
  if (const attr::Fault fault = attr::Decode(table, attributes, &stats, nullptr))
    return Malformed(fault);
  return stats;
}

}  // namespace

Connections::Connections(socket::Client* client) : client_(client) {
  client->set_attribute_namer([](std::string_view, const socket::AttributePath& path) {
    return NameAttributePath(kConnectionTable, path);
  });
}

absl::Status Connections::Explained(const absl::Status& status) {
  return Explain(status, client_,
                 ConntrackRequest(IPCTNL_MSG_CT_GET_STATS_CPU, AF_UNSPEC, "conntrack probe"),
                 kModule);
}

absl::StatusOr<socket::DumpReport> Connections::Dump(const DumpWish& wish, Visitor take,
                                                     absl::FunctionRef<void()> restart) {
  Visit visit(take, restart);
  auto report = client_->Dump(DumpRequest(wish), &visit);
  if (!report.ok() && base::ErrnoOf(report.status()) == EOPNOTSUPP && (wish.zone || wish.mark)) {
    // A kernel without zones or marks: nothing was sent back, and it is asked for all.
    report = client_->Dump(DumpRequest({.family = wish.family, .zone = {}, .mark = {}}), &visit);
  }
  if (!report.ok()) return Explained(report.status());
  return report;
}

absl::Status Connections::Delete(const Tuple& tuple, Direction direction, uint16_t zone) {
  socket::Request request =
      ConntrackRequest(IPCTNL_MSG_CT_DELETE, FamilyOf(tuple), "conntrack delete");
  EncodeTuple(tuple, direction, &request.attributes());
  if (zone != 0) request.attributes().Put(CTA_ZONE, Be16::FromHost(zone).wire());
  return Explained(client_->Transact(request).status());
}

absl::StatusOr<DeleteReport> Connections::Delete(std::span<const Connection> connections) {
  DeleteReport report;
  socket::Batch batch;
  for (size_t i = 0; i < connections.size(); ++i) {
    socket::Request request = ConntrackRequest(
        IPCTNL_MSG_CT_DELETE, FamilyOf(connections[i].original), "conntrack delete");
    EncodeIdentity(connections[i], &request.attributes());
    if (!batch.Add(request)) return absl::InternalError("a connection that cannot be encoded");
    if (batch.bytes() < kBatchBytes && i + 1 < connections.size()) continue;
    const absl::Status sent = client_->Run(&batch, socket::BatchMode::kErrorsOnly);
    Count(*client_, batch, &report);
    if (!sent.ok()) {
      report.status = sent;
      return report;
    }
    batch.Clear();
  }
  return report;
}

absl::Status Connections::Flush(uint8_t family) {
  return Explained(
      client_->Transact(ConntrackRequest(IPCTNL_MSG_CT_DELETE, family, "conntrack flush"))
          .status());
}

absl::Status Connections::FlushZone(uint16_t zone) {
  socket::Request request =
      ConntrackRequest(IPCTNL_MSG_CT_DELETE, AF_UNSPEC, "conntrack flush of a zone");
  request.attributes().Put(CTA_ZONE, Be16::FromHost(zone).wire());
  return Explained(client_->Transact(request).status());
}

absl::StatusOr<std::vector<CpuStats>> Connections::StatsByCpu() {
  std::vector<CpuStats> stats;
  const auto report =
      client_->DumpInto(ConntrackRequest(IPCTNL_MSG_CT_GET_STATS_CPU, AF_UNSPEC, "conntrack stats"),
                        &stats, ParseCpuStats);
  if (!report.ok()) return Explained(report.status());
  std::sort(stats.begin(), stats.end(),
            [](const CpuStats& a, const CpuStats& b) { return a.cpu < b.cpu; });
  return stats;
}

absl::StatusOr<GlobalStats> Connections::Stats() {
  socket::Request request =
      ConntrackRequest(IPCTNL_MSG_CT_GET_STATS, AF_UNSPEC, "conntrack statistics");
  request.set_read_only(true);
  const auto reply = client_->Transact(request);
  if (!reply.ok()) return Explained(reply.status());
  socket::Message message;
  message.type = reply->type;
  message.payload = reply->payload;
  return ParseGlobalStats(message);
}

absl::StatusOr<CpuStats> ParseCpuStats(const socket::Message& message) {
  SLUICE_ASSIGN_OR_RETURN(const NetfilterMessage netfilter, ParseNetfilterMessage(message));
  SLUICE_ASSIGN_OR_RETURN(CpuStats stats,
                          DecodeStats<CpuStats>(kCpuStatsTable, netfilter.attributes));
  stats.cpu = netfilter.resource;
  return stats;
}

absl::StatusOr<GlobalStats> ParseGlobalStats(const socket::Message& message) {
  SLUICE_ASSIGN_OR_RETURN(const NetfilterMessage netfilter, ParseNetfilterMessage(message));
  return DecodeStats<GlobalStats>(kGlobalStatsTable, netfilter.attributes);
}

}  // namespace sluice::conntrack
