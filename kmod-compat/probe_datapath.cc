// Features that show in what the kernel tells of families, datapaths and ports.

#include <linux/openvswitch.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "kmod-compat/probes.h"
#include "netlink/base/status.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/family_request.h"
#include "netlink/ovs/vport.h"

namespace sluice::compat {
namespace {

Finding HasFamily(socket::Client* client, const FeatureInfo& info) {
  const auto family = ovs::Resolve(client, info.flow);
  if (family.ok()) return Yes();
  return absl::IsUnavailable(family.status())
             ? No(absl::StrCat("there is no family \"", base::ToAbsl(info.flow), "\""))
             : Unknown(std::string(family.status().message()));
}

Finding HasAttribute(socket::Client* client, const FeatureInfo& info) {
  const auto family = ovs::Resolve(client, info.flow);
  if (!family.ok()) return Unknown(std::string(family.status().message()));
  const uint32_t highest = (*family)->max_attribute;
  return highest >= info.attribute
             ? Yes()
             : No(absl::StrCat("the family's highest attribute is ", highest));
}

Finding SetFeature(ovs::Datapaths* datapaths, int ifindex, uint32_t feature) {
  const auto after = datapaths->ChangeFeatures(ifindex, feature, 0);
  if (!after.ok()) return FromStatus(after.status());
  return (*after & feature) != 0 ? Yes() : No("the kernel took the feature and forgot it");
}

Finding TryVportPids(Scratch* scratch, uint32_t pid) {
  ovs::Datapaths datapaths(scratch->client());
  const auto features = datapaths.ChangeFeatures(scratch->dp_ifindex(), OVS_DP_F_VPORT_PIDS, 0);
  if (!features.ok()) return FromStatus(features.status());
  if ((*features & OVS_DP_F_VPORT_PIDS) == 0)
    return No("the kernel took the feature and forgot it");
  ovs::Vports vports(scratch->client());
  // Newer kernels take no more sockets than there are CPUs.
  const size_t count = ::sysconf(_SC_NPROCESSORS_CONF) > 1 ? 2 : 1;
  const std::vector<uint32_t> pids(count, pid);
  const absl::Status set = vports.SetUpcallPids(scratch->dp_ifindex(), OVSP_LOCAL, pids);
  if (!set.ok()) return FromStatus(set);
  const auto port = vports.Get(scratch->dp_ifindex(), OVSP_LOCAL);
  if (!port.ok()) return Unknown(std::string(port.status().message()));
  return port->upcall_pids == pids ? Yes() : No("the kernel kept other sockets");
}

// Kernels before 5.15 store feature bits that they do not know, or refuse them; only the family's
// highest attribute says that the list of sockets was read.
Finding TryPerCpu(Scratch* scratch, uint32_t pid) {
  const auto family = ovs::Resolve(scratch->client(), OVS_DATAPATH_FAMILY);
  if (!family.ok()) return Unknown(std::string(family.status().message()));
  if ((*family)->max_attribute < OVS_DP_ATTR_PER_CPU_PIDS)
    return No(absl::StrCat("the family's highest attribute is ", (*family)->max_attribute));
  ovs::Datapaths datapaths(scratch->client());
  const uint32_t pids[] = {pid};
  const absl::Status set = datapaths.SetPerCpuPids(scratch->dp_ifindex(), pids);
  if (!set.ok()) return FromStatus(set);
  const auto datapath = datapaths.Get(scratch->dp_ifindex());
  if (!datapath.ok()) return Unknown(std::string(datapath.status().message()));
  return (datapath->user_features & OVS_DP_F_DISPATCH_UPCALL_PER_CPU) != 0
             ? Yes()
             : No("the kernel took the feature and forgot it");
}

}  // namespace

void ProbeFamilies(Scratch* scratch, FeatureSet* features) {
  for (const FeatureInfo& info : Features()) {
    if (info.method == Method::kFamily)
      features->Set(info.feature, HasFamily(scratch->client(), info));
    if (info.method == Method::kAttribute)
      features->Set(info.feature, HasAttribute(scratch->client(), info));
  }
}

void ProbeDatapath(Scratch* scratch, FeatureSet* features) {
  if (scratch->datapath().masks_cache_size) {
    features->Set(Feature::kMaskCache, Yes());
    features->Set(Feature::kMaskCacheSize, Yes());
  } else {
    features->Set(Feature::kMaskCache, Unknown("kernels before 5.9 do not tell"));
    features->Set(Feature::kMaskCacheSize, No("the kernel does not tell the size"));
  }
  ovs::Vports vports(scratch->client());
  const auto port = vports.Get(scratch->dp_ifindex(), OVSP_LOCAL);
  if (!port.ok()) {
    features->Set(Feature::kVportUpcallCounters, Unknown(std::string(port.status().message())));
  } else {
    features->Set(Feature::kVportUpcallCounters,
                  port->upcalls ? Yes() : No("the kernel does not tell them"));
  }
  ovs::Datapaths datapaths(scratch->client());
  features->Set(Feature::kTcRecircSharing,
                SetFeature(&datapaths, scratch->dp_ifindex(), OVS_DP_F_TC_RECIRC_SHARING));
  const uint32_t pid = scratch->client()->transport().port_id();
  features->Set(Feature::kVportPids, TryVportPids(scratch, pid));
  features->Set(Feature::kPerCpuUpcalls, TryPerCpu(scratch, pid));
}

}  // namespace sluice::compat
