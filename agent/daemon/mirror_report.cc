#include "agent/daemon/mirror_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sluice::daemon {
namespace {

using pipeline::BridgePort;
using pipeline::Mirror;
using pipeline::PortTable;

std::string ProblemOf(const Mirror& mirror, const PortTable& ports) {
  if (mirror.output_vlan) {
    const bool goes_somewhere =
        std::any_of(ports.ports().begin(), ports.ports().end(), [&](const BridgePort& port) {
          return port.up && !port.is_mirror_output && port.Carries(*mirror.output_vlan);
        });
    if (!goes_somewhere)
      return absl::StrCat("no port with a link carries VLAN ", *mirror.output_vlan);
  } else {
    const BridgePort* output = ports.MirrorOutput(mirror);
    if (output == nullptr) return absl::StrCat("port ", mirror.output_port, " is not there");
    if (!output->up) return absl::StrCat("port ", mirror.output_port, " has no link");
  }
  for (const auto* names : {&mirror.source_ports, &mirror.destination_ports})
    for (const std::string& name : *names)
      if (!ports.NumberOf(name)) return absl::StrCat("port ", name, " is not there");
  return {};
}

}  // namespace

void AddMirrors(const bridge::Bridge& bridge, v1::ListMirrorsResponse* out) {
  const std::shared_ptr<const PortTable> ports = bridge.ports();
  for (const Mirror& mirror : ports->options().mirrors) {
    v1::Mirror* told = out->add_mirrors();
    told->set_bridge(bridge.name());
    told->set_name(mirror.name);
    told->set_select_all(mirror.all_ports);
    for (const std::string& name : mirror.source_ports) told->add_select_src_ports(name);
    for (const std::string& name : mirror.destination_ports) told->add_select_dst_ports(name);
    for (const uint16_t vlan : mirror.vlans) told->add_select_vlans(vlan);
    told->set_output_port(mirror.output_port);
    told->set_output_vlan(mirror.output_vlan.value_or(0));
    told->set_snaplen(mirror.snaplen);
    if (mirror.stats != nullptr) {
      told->set_packets(mirror.stats->packets.load(std::memory_order_relaxed));
      told->set_bytes(mirror.stats->bytes.load(std::memory_order_relaxed));
    }
    told->set_problem(ProblemOf(mirror, *ports));
  }
}

}  // namespace sluice::daemon
