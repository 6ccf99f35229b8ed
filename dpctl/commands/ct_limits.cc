#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "netlink/attr/scanner.h"
#include "netlink/base/status.h"
#include "netlink/ovs/ct_limit.h"

namespace sluice::dpctl {
namespace {

// `[DP] ARGUMENT...`
struct LimitArguments {
  ovs::Datapath datapath;
  std::vector<std::string> rest;
};

absl::StatusOr<LimitArguments> ReadArguments(Session* session) {
  LimitArguments arguments;
  arguments.rest = session->args();
  std::optional<std::string> name;
  if (!arguments.rest.empty() && arguments.rest[0].find('=') == std::string::npos &&
      arguments.rest[0] != "default") {
    name = arguments.rest[0];
    arguments.rest.erase(arguments.rest.begin());
  }
  SLUICE_ASSIGN_OR_RETURN(arguments.datapath, session->DatapathOrOnly(name));
  return arguments;
}

bool ReadNumber(attr::Scanner* in, std::string_view key, uint64_t max, uint64_t* out) {
  const size_t start = in->position();
  if (in->Word() != key) return in->FailAt(start, absl::StrCat("'", base::ToAbsl(key), "='"));
  return in->Expect('=') && in->Number(max, out);
}

// `default=L` or `zone=N,limit=L`
absl::StatusOr<ovs::ZoneLimit> ParseLimit(std::string_view text) {
  constexpr uint64_t kMaxLimit = std::numeric_limits<uint32_t>::max();
  attr::Scanner in(text);
  ovs::ZoneLimit limit;
  uint64_t zone = 0, number = 0;
  bool ok = true;
  if (text.substr(0, 7) == "default") {
    ok = ReadNumber(&in, "default", kMaxLimit, &number);
  } else {
    ok = ReadNumber(&in, "zone", UINT16_MAX, &zone) && in.Expect(',') &&
         ReadNumber(&in, "limit", kMaxLimit, &number);
    limit.zone = static_cast<int>(zone);
  }
  limit.limit = static_cast<uint32_t>(number);
  if (ok && !in.AtEnd()) ok = in.Fail("the end");
  if (!ok) return in.status();
  return limit;
}

// `zone=N[,N]...`
absl::Status ParseZones(std::string_view text, std::vector<uint16_t>* zones) {
  attr::Scanner in(text);
  uint64_t zone = 0;
  bool ok = ReadNumber(&in, "zone", UINT16_MAX, &zone);
  if (ok) zones->push_back(static_cast<uint16_t>(zone));
  while (ok && in.Accept(',')) {
    ok = in.Number(UINT16_MAX, &zone);
    if (ok) zones->push_back(static_cast<uint16_t>(zone));
  }
  if (ok && !in.AtEnd()) ok = in.Fail("',' or the end");
  return ok ? absl::OkStatus() : in.status();
}

absl::Status RunSet(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const LimitArguments arguments, ReadArguments(session));
  std::vector<ovs::ZoneLimit> limits;
  for (const std::string& text : arguments.rest) {
    auto limit = ParseLimit(text);
    if (!limit.ok()) return Failed("parsing a limit", limit.status());
    limits.push_back(*limit);
  }
  if (limits.empty()) return UsageError("no limit is given: default=LIMIT or zone=N,limit=LIMIT");
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  return Failed("failed to set conntrack limit",
                ovs::CtLimits(client).Set(arguments.datapath.ifindex, limits));
}

absl::Status RunDelete(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const LimitArguments arguments, ReadArguments(session));
  std::vector<uint16_t> zones;
  std::vector<int> ids;
  for (const std::string& text : arguments.rest) {
    if (text == "default")
      ids.push_back(ovs::kDefaultZone);
    else
      SLUICE_RETURN_IF_ERROR(Failed("parsing zones", ParseZones(text, &zones)));
  }
  ids.insert(ids.end(), zones.begin(), zones.end());
  if (ids.empty()) return UsageError("no limit is named: default or zone=N[,N]...");
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  return Failed("failed to delete conntrack limit",
                ovs::CtLimits(client).Delete(arguments.datapath.ifindex, ids));
}

void Print(const std::vector<ovs::ZoneLimit>& limits, Session* session) {
  Json json = {{"default_limit", Json()}, {"zones", Json::array()}};
  std::string text;
  for (const ovs::ZoneLimit& limit : limits) {
    if (limit.zone == ovs::kDefaultZone) {
      json["default_limit"] = limit.limit;
      absl::StrAppend(&text, "default limit=", limit.limit, "\n");
    } else {
      json["zones"].push_back(
          {{"zone", limit.zone}, {"limit", limit.limit}, {"count", limit.count}});
      absl::StrAppend(&text, "zone=", limit.zone, ",limit=", limit.limit, ",count=", limit.count,
                      "\n");
    }
  }
  if (session->options().json)
    session->Print(json);
  else
    session->out().Write(text);
}

absl::Status RunGet(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const LimitArguments arguments, ReadArguments(session));
  std::vector<uint16_t> zones;
  for (const std::string& text : arguments.rest)
    SLUICE_RETURN_IF_ERROR(Failed("parsing zones", ParseZones(text, &zones)));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  auto limits = ovs::CtLimits(client).Get(arguments.datapath.ifindex, zones);
  if (!limits.ok()) return Failed("failed to get conntrack limit", limits.status());
  // Those that were named stay in that order; the kernel's own order of all means nothing.
  if (zones.empty())
    std::sort(limits->begin(), limits->end(),
              [](const auto& a, const auto& b) { return a.zone < b.zone; });
  Print(*limits, session);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kCtSetLimits = {
    .name = "ct-set-limits",
    .arguments = "[DP] [default=LIMIT] [zone=N,limit=LIMIT]...",
    .min_args = 1,
    .max_args = kAnyNumber,
    .changes = true,
    .about =
        "Sets how many connections a zone may have, and those without a limit of their own;\n"
        "0 is no limit. Limits hold for all datapaths of the network namespace.",
    .examples = "  dpctl ct-set-limits dp0 default=1000 zone=5,limit=10 zone=6,limit=0\n",
    .run = RunSet,
};

constinit const Command kCtDelLimits = {
    .name = "ct-del-limits",
    .arguments = "[DP] [default] [zone=N[,N]...]",
    .min_args = 1,
    .max_args = kAnyNumber,
    .changes = true,
    .about = "Removes limits of zones: the default holds for them again. `default` removes that.",
    .examples =
        "  dpctl ct-del-limits dp0 zone=5,6\n"
        "  dpctl ct-del-limits default\n",
    .run = RunDelete,
};

constinit const Command kCtGetLimits = {
    .name = "ct-get-limits",
    .arguments = "[DP] [zone=N[,N]...]",
    .min_args = 0,
    .max_args = kAnyNumber,
    .changes = false,
    .about =
        "Prints the default limit, then those of zones with their connections: all that have "
        "a limit,\n"
        "or those that are named. No privilege is needed.",
    .examples =
        "  dpctl ct-get-limits zone=5,6\n"
        "  dpctl ct-get-limits --json | jq '.zones[] | select(.count >= .limit)'\n",
    .run = RunGet,
};

}  // namespace sluice::dpctl
