// sluicectl: asks sluiced over its local socket.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/completion.h"
#include "agent/sluicectl/session.h"

namespace sluice::ctl {
namespace {

constexpr const char* kExamples = R"(
Examples:
  sluicectl status             what sluiced does: bridges, ports, flows
  sluicectl counters --all     every counter, also those that are 0
  sluicectl upcalls show       missed packets: of handlers and ports, and what was lost
  sluicectl port add br0 v4 vlan=10
  sluicectl peers              peers of overlays: reachable, or why not
  sluicectl apply -f sluiced.yaml --dry-run
  sluicectl fdb br0 --json     the addresses that br0 knows, for programs
  sluicectl fdb br0 add web 10 0a:1b:2c:3d:4e:5f
  sluicectl mirrors add br0 span select_src_port=[web] output_port=probe
  sluicectl meters add br0 'meter=1 pktps bands=type=drop rate=100'
  sluicectl rules br0          the rules of br0, with what they have done
  sluicectl rules br0 add 'priority=10,tcp,tp_dst=80,actions=output:web'
  sluicectl rules br0 replace -f br0.rules --wait
  sluicectl rules br0 diff -f br0.rules --groups br0.groups
  sluicectl groups br0 add 'group_id=1,type=select,bucket=output:1,bucket=output:2'
  sluicectl ct dump zone=5     connections that the kernel tracks
  sluicectl masks              masks in use, their budget, what was done to keep it
  sluicectl masks br0 --budget 32 --off prefix_tracking --wait
  sluicectl flows br0 verify   does each flow in the kernel do what the rules say?
  sluicectl explain 1910806e   which rules made that flow
  sluicectl trace br0 'in_port=web,tcp,nw_dst=10.0.0.1,tp_dst=80'
  sluicectl packet-ins br0 --hex   packets that rules send to the controller, as they come

Exit status: 0, 1 when sluiced refused or does not answer, 2 for wrong usage,
3 when `status` found sluiced degraded. `rules BRIDGE diff` as diff(1): 1 when they
differ, 2 for trouble.
)";

// In the order of --help.
constexpr AddCommand kCommands[] = {
    AddStatus, AddCounters, AddUpcalls, AddBridge, AddPort,      AddPeers,     AddApply,
    AddConfig, AddFdb,      AddMirrors, AddMeters, AddCt,        AddRules,     AddGroups,
    AddMasks,  AddFlows,    AddExplain, AddTrace,  AddPacketIns, AddCompletion};

int Main(int argc, char** argv) {
  Session session;
  Chosen chosen;
  CLI::App app("Asks sluiced, the agent for the openvswitch datapath.", "sluicectl");
  app.footer(kExamples);
  app.require_subcommand(1);
  app.set_version_flag("-V,--version", SLUICE_VERSION);
  app.add_option("--socket", session.socket, "Socket of sluiced")->capture_default_str();
  app.add_flag("--json", session.json, "JSON for programs");
  app.fallthrough();
  for (const AddCommand add : kCommands) add(&app, &session, &chosen);
  // What a shell asks: the command line so far is only looked at.
  if (argc > 2 && std::string_view(argv[1]) == kCompleteCommand) {
    const std::vector<std::string> words(argv + 3, argv + argc);  // behind the shell's name
    std::fputs(Complete(&app, &session, words).c_str(), stdout);
    return 0;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsage;
  }
  return chosen();
}

}  // namespace
}  // namespace sluice::ctl

// What a library throws for want of memory ends the program: there is nothing to say or to save
// then. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return sluice::ctl::Main(argc, argv); }
