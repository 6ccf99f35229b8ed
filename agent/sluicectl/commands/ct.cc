// sluicectl ct: connections that the kernel tracks, their numbers and limits; ends them.
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/sluicectl/commands/commands.h"

namespace sluice::ctl {
namespace {

constexpr const char* kExamples = R"(
FILTERs are those of ovs-dpctl(8): zone=N, mark=N[/MASK], labels=N[/MASK], and the fields
ct_nw_src, ct_nw_dst, ct_ipv6_src, ct_ipv6_dst, ct_nw_proto, ct_tp_src, ct_tp_dst, icmp_id, icmp_type
and icmp_code of a tuple, separated by commas. The first argument with fields of a tuple is about the
original direction, the second about replies; '' stands for no original.

Examples:
  sluicectl ct dump zone=5
  sluicectl ct dump -s ct_nw_src=10.0.0.0/8,ct_nw_proto=6,ct_tp_dst=80
  sluicectl ct flush zone=5
  sluicectl ct flush zone=5 ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=17,ct_tp_src=2,ct_tp_dst=1
  sluicectl ct flush --all
  sluicectl ct stats -m zone=5     by protocol and state
  sluicectl ct limits              of zones, and timeout policies
)";

struct Given {
  std::vector<std::string> filters;
  bool verbose = false, statistics = false, all = false;
};

// Each connection as it comes: there may be a million.
int Dump(Session* session, const Given& given) {
  v1::DumpConnectionsRequest request;
  for (const std::string& filter : given.filters) request.add_filters(filter);
  request.set_verbose(given.verbose);
  request.set_statistics(given.statistics);
  grpc::ClientContext context;
  const auto stream = session->Api().DumpConnections(&context, request);
  v1::Connection entry;
  const char* before = "{\"connections\": [\n";
  bool any = false, twice = false;
  while (stream->Read(&entry)) {
    if (entry.again()) {
      twice = any;
      continue;
    }
    any = true;
    if (session->json) std::fputs(std::exchange(before, ","), stdout);
    session->Print(entry.connection(), [&] { return entry.text() + "\n"; });
  }
  if (!session->Succeeded(stream->Finish())) return kRefused;
  if (session->json) std::printf("%s]}\n", any ? "" : before);
  if (twice)
    std::fputs("sluicectl: the table changed during the dump: some connections are listed twice\n",
               stderr);
  return 0;
}

int Flush(Session* session, const Given& given) {
  v1::FlushConnectionsRequest request;
  for (const std::string& filter : given.filters) request.add_filters(filter);
  request.set_all(given.all);
  v1::FlushConnectionsResponse response;
  if (!session->Ask(&v1::Sluice::Stub::FlushConnections, request, &response)) return kRefused;
  session->Print(response, [&] {
    std::string text = absl::StrCat("ended ", response.deleted(), " connection",
                                    response.deleted() == 1 ? "" : "s");
    if (response.gone() > 0) absl::StrAppend(&text, ", ", response.gone(), " had ended before");
    return text + "\n";
  });
  return 0;
}

int Stats(Session* session, const Given& given) {
  v1::GetConnectionStatsRequest request;
  for (const std::string& filter : given.filters) request.add_filters(filter);
  request.set_states(given.verbose);
  request.set_kernel(given.statistics);
  v1::GetConnectionStatsResponse response;
  if (!session->Ask(&v1::Sluice::Stub::GetConnectionStats, request, &response)) return kRefused;
  session->Print(response.stats(), [&] { return response.text(); });
  return 0;
}

std::string ToText(const v1::ListConnectionLimitsResponse& response) {
  std::string out;
  for (const v1::ZoneLimit& limit : response.limits()) {
    if (limit.has_zone()) {
      absl::StrAppend(&out, "zone=", limit.zone(), ",limit=", limit.limit(),
                      ",count=", limit.count());
    } else {
      absl::StrAppend(&out, "default limit=", limit.limit());
    }
    if (limit.has_zone() && !limit.configured()) absl::StrAppend(&out, "  (somebody else's)");
    absl::StrAppend(&out, "\n");
    if (!limit.problem().empty()) absl::StrAppend(&out, "  NOT RIGHT: ", limit.problem(), "\n");
  }
  for (const v1::TimeoutPolicy& policy : response.timeouts()) {
    absl::StrAppend(&out, "timeout=", policy.name(), ": ", policy.family(), " ", policy.protocol(),
                    " ", policy.timeouts(), " (", policy.kernel_name(), ")\n");
    if (!policy.problem().empty()) absl::StrAppend(&out, "  NOT RIGHT: ", policy.problem(), "\n");
  }
  return out;
}

int Limits(Session* session) {
  v1::ListConnectionLimitsResponse response;
  if (!session->Ask(&v1::Sluice::Stub::ListConnectionLimits, v1::ListConnectionLimitsRequest(),
                    &response))
    return kRefused;
  session->Print(response, [&] { return ToText(response); });
  return 0;
}

}  // namespace

void AddCt(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* ct =
      app->add_subcommand("ct", "Connections that the kernel tracks: shows or ends them");
  ct->footer(kExamples);
  ct->require_subcommand(1);
  const auto given = std::make_shared<Given>();
  const auto add = [&](const char* word, const char* about, int (*run)(Session*, const Given&)) {
    CLI::App* command = ct->add_subcommand(word, about);
    command->footer(kExamples);
    command->add_option("FILTER", given->filters,
                        "Which connections; all that are named must hold");
    command->callback([=] { *chosen = [=] { return run(session, *given); }; });
    return command;
  };
  CLI::App* dump = add("dump", "One a line, as ovs-dpctl dump-conntrack has them", Dump);
  dump->add_flag("-m,--more", given->verbose, "Also id, status, both states of TCP");
  dump->add_flag("-s,--statistics", given->statistics, "Also packets, bytes, and the timeout");
  add("flush", "Ends those that match", Flush)
      ->add_flag("--all", given->all, "Ends all of the network namespace");
  CLI::App* stats = add("stats", "How many there are, by protocol", Stats);
  stats->add_flag("-m,--more", given->verbose, "Also by state");
  stats->add_flag("-s,--statistics", given->statistics, "Also the kernel's own counters");
  ct->add_subcommand("limits", "Limits of zones, and timeout policies")->callback([=] {
    *chosen = [=] { return Limits(session); };
  });
}

}  // namespace sluice::ctl
