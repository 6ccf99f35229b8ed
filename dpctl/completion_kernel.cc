#include "dpctl/completion_kernel.h"

#include <net/if.h>

#include <memory>

#include "netlink/ovs/meter.h"

namespace sluice::dpctl {

std::vector<std::string> CompletionKernel::Datapaths() {
  std::vector<std::string> names;
  const auto datapaths = session_.ListDatapaths();
  if (!datapaths.ok()) return names;
  for (const ovs::Datapath& datapath : *datapaths) names.push_back(datapath.name);
  return names;
}

std::vector<PortChoice> CompletionKernel::Ports(const std::string& datapath) {
  std::vector<PortChoice> choices;
  if (datapath.empty()) return choices;
  const auto opened = session_.OpenDatapath(datapath);
  if (!opened.ok()) return choices;
  const auto ports = session_.ListPorts(*opened);
  if (!ports.ok()) return choices;
  for (const ovs::Vport& port : *ports) choices.push_back({port.port_no, port.name});
  return choices;
}

std::vector<uint32_t> CompletionKernel::Meters(const std::string& datapath) {
  constexpr uint32_t kFirst = 0, kLast = 1023;  // each is asked for
  std::vector<uint32_t> ids;
  if (datapath.empty()) return ids;
  const auto opened = session_.OpenDatapath(datapath);
  const auto client = session_.client();
  if (!opened.ok() || !client.ok()) return ids;
  const auto meters = ovs::Meters(*client).List(opened->ifindex, kFirst, kLast);
  if (!meters.ok()) return ids;
  for (const ovs::Meter& meter : *meters) ids.push_back(meter.id);
  return ids;
}

std::vector<std::string> CompletionKernel::Links() {
  std::vector<std::string> names;
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> list(if_nameindex(),
                                                                               &if_freenameindex);
  for (const struct if_nameindex* one = list.get(); one != nullptr && one->if_index != 0; ++one)
    names.emplace_back(one->if_name);
  return names;
}

}  // namespace sluice::dpctl
