#include <cerrno>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "kmod-compat/features.h"
#include "kmod-compat/probes.h"
#include "kmod-compat/scratch.h"
#include "netlink/base/status.h"

namespace sluice::compat {
namespace {

absl::StatusOr<FeatureSet> ProbeHere() {
  SLUICE_ASSIGN_OR_RETURN(Scratch scratch, Scratch::Open());
  FeatureSet features;
  ProbeFamilies(&scratch, &features);
  ProbeFlows(&scratch, &features);
  ProbePackets(&scratch, &features);
  ProbeConntrack(&scratch, &features);
  ProbeDatapath(&scratch, &features);  // last: it changes how the datapath sends upcalls
  SLUICE_RETURN_IF_ERROR(ovs::Datapaths(scratch.client()).Delete(scratch.dp_ifindex()));
  return features;
}

}  // namespace

Finding Yes() { return {Support::kYes, {}}; }
Finding No(std::string detail) { return {Support::kNo, std::move(detail)}; }
Finding Unknown(std::string detail) { return {Support::kUnknown, std::move(detail)}; }

Finding FromStatus(const absl::Status& status) {
  if (status.ok()) return Yes();
  std::string detail(status.message());
  switch (base::ErrnoOf(status)) {
    case EINVAL:
    case EOPNOTSUPP:
    case ERANGE:
      return No(std::move(detail));
    default:
      return Unknown(std::move(detail));
  }
}

absl::StatusOr<FeatureSet> Probe() {
  std::optional<absl::StatusOr<FeatureSet>> result;
  std::thread([&result] { result = ProbeHere(); }).join();
  return *std::move(result);
}

}  // namespace sluice::compat
