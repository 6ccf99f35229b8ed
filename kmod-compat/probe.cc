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

absl::StatusOr<Finding> ProbeZoneHere() {
  SLUICE_ASSIGN_OR_RETURN(Scratch scratch, Scratch::Open());
  FeatureSet features;
  ProbeConntrack(&scratch, &features);
  SLUICE_RETURN_IF_ERROR(ovs::Datapaths(scratch.client()).Delete(scratch.dp_ifindex()));
  return features.Of(Feature::kConntrackByZone);
}

// Runs it in a thread of its own, which takes its network namespace with it when it ends.
template <typename Run>
auto InThread(Run run) {
  std::optional<decltype(run())> result;
  std::thread([&result, run] { result = run(); }).join();
  return *std::move(result);
}

absl::StatusOr<Finding> ProbeFlowHere(Feature feature) {
  SLUICE_ASSIGN_OR_RETURN(Scratch scratch, Scratch::Open());
  Finding finding = TryFlow(&scratch, InfoOf(feature));
  SLUICE_RETURN_IF_ERROR(ovs::Datapaths(scratch.client()).Delete(scratch.dp_ifindex()));
  return finding;
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

absl::StatusOr<FeatureSet> Probe() { return InThread(ProbeHere); }
absl::StatusOr<Finding> ProbeConntrackByZone() { return InThread(ProbeZoneHere); }
absl::StatusOr<Finding> ProbeFlow(Feature feature) {
  return InThread([feature] { return ProbeFlowHere(feature); });
}

}  // namespace sluice::compat
