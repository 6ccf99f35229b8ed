// sluicectl counters: what sluiced has counted, all losses and refusals among it.
#include "absl/strings/str_cat.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

std::string ToText(const v1::GetCountersResponse& counters, bool all) {
  Table table;
  for (const v1::Counter& counter : counters.counters())
    if (all || counter.value() > 0)
      table.push_back({counter.name(), absl::StrCat(counter.value()), counter.help()});
  std::string out;
  AppendTable(table, "", &out);
  return out;
}

int Counters(Session* session, bool all) {
  v1::GetCountersResponse counters;
  if (!session->Ask(&v1::Sluice::Stub::GetCounters, v1::GetCountersRequest(), &counters))
    return kRefused;
  session->Print(counters, [&] { return ToText(counters, all); });
  return 0;
}

}  // namespace

void AddCounters(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* command = app->add_subcommand("counters", "What sluiced has counted");
  const auto all = std::make_shared<bool>(false);
  command->add_flag("-a,--all", *all, "Also counters that are 0");
  command->callback([=] { *chosen = [=] { return Counters(session, *all); }; });
}

}  // namespace sluice::ctl
