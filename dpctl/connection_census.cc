#include "dpctl/connection_census.h"

#include <utility>

#include "dpctl/conntrack_arguments.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_text.h"

namespace sluice::dpctl {
namespace {

using conntrack::Connection;

// Tuple, zone and id: no two connections have all of them in common.
std::string KeyOf(const Connection& connection) {
  base::ByteVector bytes;
  attr::Writer writer(&bytes);
  EncodeIdentity(connection, &writer);
  return {bytes.begin(), bytes.end()};
}

// What an event tells of, in one text: counters and times are not.
std::string StateOf(const Connection& connection) {
  std::string text;
  AppendConnection(connection, {.verbose = true, .statistics = false}, &text);
  return text;
}

}  // namespace

absl::StatusOr<ConnectionCensus::Missed> ConnectionCensus::Read(
    conntrack::Connections* connections) {
  Known now;
  const auto take = [&](const Connection& connection) {
    if (match_.Matches(connection)) now.insert_or_assign(KeyOf(connection), connection);
    return absl::OkStatus();
  };
  SLUICE_RETURN_IF_ERROR(
      connections->Dump(WishFor(match_), take, [&now] { now.clear(); }).status());
  Missed missed;
  for (const auto& [key, connection] : now) {
    const auto before = known_.find(key);
    if (before == known_.end())
      missed.begun.push_back(connection);
    else if (StateOf(before->second) != StateOf(connection))
      missed.changed.push_back(connection);
  }
  for (auto& [key, connection] : known_)
    if (!now.contains(key)) missed.ended.push_back(std::move(connection));
  known_ = std::move(now);
  return missed;
}

void ConnectionCensus::Take(const conntrack::ConnectionEvent& event) {
  if (event.kind == conntrack::EventKind::kOverrun) return;
  if (event.kind == conntrack::EventKind::kDestroy || !match_.Matches(event.connection))
    known_.erase(KeyOf(event.connection));
  else
    known_.insert_or_assign(KeyOf(event.connection), event.connection);
}

}  // namespace sluice::dpctl
