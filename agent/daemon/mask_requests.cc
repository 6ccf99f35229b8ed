#include "agent/daemon/mask_requests.h"

#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

using pipeline::kOptimisations;
using pipeline::MaskBudget;
using pipeline::MaskOptions;
using pipeline::Optimisation;

absl::Status Switch(const google::protobuf::RepeatedPtrField<std::string>& names, bool on,
                    MaskOptions* options) {
  for (const std::string& name : names) {
    const Optimisation* optimisation = pipeline::FindOptimisation(name);
    if (optimisation == nullptr) {
      std::string all;
      for (const Optimisation& known : kOptimisations)
        absl::StrAppend(&all, all.empty() ? "" : ", ", std::string(known.name));
      return absl::InvalidArgumentError(
          absl::StrCat("there is no optimisation \"", name, "\"; there are ", all));
    }
    options->classifier.*optimisation->on = on;
  }
  return absl::OkStatus();
}

}  // namespace

v1::Masks MasksOf(const bridge::Bridge& bridge) {
  v1::Masks out;
  const MaskOptions options = bridge.mask_options();
  const MaskBudget::Stats stats = bridge.masks()->stats();
  out.set_bridge(bridge.name());
  out.set_in_use(stats.masks);
  out.set_budget(options.budget.masks);
  out.set_reuse_bits(options.budget.reuse_bits);
  out.set_megaflows(!options.budget.exact);
  out.set_bits_added(stats.bits_added);
  for (const Optimisation& optimisation : kOptimisations) {
    v1::MaskOptimisation* one = out.add_optimisations();
    one->set_name(std::string(optimisation.name));
    one->set_on(options.classifier.*optimisation.on);
  }
  for (size_t i = 0; i < pipeline::kMaskFits; ++i) {
    v1::MaskFits* fits = out.add_fits();
    fits->set_name(std::string(pipeline::ToString(static_cast<pipeline::MaskFit>(i))));
    fits->set_flows(stats.fits[i]);
  }
  const bridge::Sight sight(&bridge);
  for (size_t i = 0; i < pipeline::kTables; ++i) {
    const auto table = static_cast<uint8_t>(i);
    if (bridge.pipeline().rules(table) == 0) continue;
    v1::TableMasks* masks = out.add_tables();
    masks->set_table(table);
    masks->set_rules(bridge.pipeline().rules(table));
    masks->set_masks(bridge.pipeline().masks(table));
  }
  return out;
}

absl::Status SetMasks(const v1::SetMasksRequest& request, bridge::Bridge* bridge) {
  MaskOptions options = bridge->mask_options();
  if (request.has_budget()) {
    if (request.budget() > pipeline::kMostMasks)
      return absl::InvalidArgumentError(
          absl::StrCat("a budget has at most ", pipeline::kMostMasks, " masks"));
    options.budget.masks = request.budget();
  }
  if (request.has_reuse_bits()) options.budget.reuse_bits = request.reuse_bits();
  if (request.has_megaflows()) options.budget.exact = !request.megaflows();
  SLUICE_RETURN_IF_ERROR(Switch(request.on(), true, &options));
  SLUICE_RETURN_IF_ERROR(Switch(request.off(), false, &options));
  bridge->SetMaskOptions(options);
  return absl::OkStatus();
}

}  // namespace sluice::daemon
