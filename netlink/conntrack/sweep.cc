#include "netlink/conntrack/sweep.h"

#include <vector>

#include "netlink/base/status.h"

namespace sluice::conntrack {
namespace {

// So many are held in memory before they are deleted.
constexpr size_t kAtOnce = 4096;

}  // namespace

DumpWish WishFor(const ConnectionMatch& match) {
  DumpWish wish{.family = match.family(), .zone = match.zone, .mark = {}};
  if (match.mark_mask != 0) wish.mark = {.value = match.mark, .mask = match.mark_mask};
  return wish;
}

std::optional<OneTuple> TheTuple(const ConnectionMatch& match) {
  ConnectionMatch rest = match;
  rest.original = rest.reply = {};
  if (!rest.only_zone()) return std::nullopt;
  if (const auto tuple = match.original.Whole(); tuple && match.reply.empty())
    return OneTuple{*tuple, Direction::kOriginal};
  if (const auto tuple = match.reply.Whole(); tuple && match.original.empty())
    return OneTuple{*tuple, Direction::kReply};
  return std::nullopt;
}

absl::Status Sweep(const ConnectionMatch& match, socket::Client* reader, socket::Client* writer,
                   absl::FunctionRef<void(std::span<const Connection>)> each, DeleteReport* total) {
  Connections deleter(writer);
  std::vector<Connection> found;
  const auto end_them = [&]() -> absl::Status {
    SLUICE_ASSIGN_OR_RETURN(const DeleteReport report, deleter.Delete(found));
    total->deleted += report.deleted;
    total->gone += report.gone;
    total->failed += report.failed;
    if (total->status.ok()) total->status = report.status;
    each(found);
    found.clear();
    return absl::OkStatus();
  };
  const auto take = [&](const Connection& connection) {
    if (!match.Matches(connection)) return absl::OkStatus();
    found.push_back(connection);
    return found.size() < kAtOnce ? absl::OkStatus() : end_them();
  };
  // An interrupted dump begins anew; what was deleted is not listed again.
  SLUICE_RETURN_IF_ERROR(Connections(reader).Dump(WishFor(match), take, [] {}).status());
  SLUICE_RETURN_IF_ERROR(end_them());
  return total->status;
}

}  // namespace sluice::conntrack
