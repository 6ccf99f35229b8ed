#include "dpctl/selftest_commands.h"

#include <linux/openvswitch.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/samples.h"
#include "dpctl/selftest_dialect.h"
#include "dpctl/selftest_listener.h"
#include "netlink/attr/wire.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

void AppendPort(const ovs::Vport& port, std::string* out) {
  absl::StrAppend(out, "  port ", port.port_no, ": ", port.name, " (",
                  ovs::VportTypeName(port.type));
  for (const attr::Attribute& option : attr::AttributeWalk(port.options))
    if (option.type == OVS_TUNNEL_ATTR_DST_PORT && option.payload.size() == sizeof(uint16_t))
      absl::StrAppend(out, " tnl-dport:", base::Load<uint16_t>(option.payload.data()));
  out->append(")\n");
}

void AppendDatapath(const ovs::Datapath& dp, const std::vector<ovs::Vport>& ports,
                    std::string* out) {
  const uint64_t lookups = dp.stats.n_hit + dp.stats.n_missed;
  const uint64_t mask_hits = dp.megaflow_stats.n_mask_hit;
  absl::StrAppend(out, dp.name, ":\n  lookups: hit:", dp.stats.n_hit, " missed:", dp.stats.n_missed,
                  " lost:", dp.stats.n_lost, "\n  flows:", dp.stats.n_flows, "\n");
  absl::StrAppendFormat(
      out, "  masks: hit:%d total:%d hit/pkt:%f\n", mask_hits, dp.megaflow_stats.n_masks,
      lookups == 0 ? 0.0 : static_cast<double>(mask_hits) / static_cast<double>(lookups));
  if (dp.masks_cache_size)
    absl::StrAppend(out, "  caches:\n    masks-cache: size:", *dp.masks_cache_size, "\n");
  absl::StrAppendFormat(out, "  features: 0x%X\n", dp.user_features);
  for (const ovs::Vport& port : ports) AppendPort(port, out);
}

absl::Status RunShow(Session* session) {
  const std::vector<std::string>& args = session->args();
  std::string& out = session->out().buffer();
  SLUICE_ASSIGN_OR_RETURN(const std::vector<ovs::Datapath> datapaths, session->ListDatapaths());
  bool found = false;
  for (const ovs::Datapath& datapath : datapaths) {
    if (!args.empty() && args[0] != datapath.name) continue;
    SLUICE_ASSIGN_OR_RETURN(const std::vector<ovs::Vport> ports, session->ListPorts(datapath));
    AppendDatapath(datapath, ports, &out);
    found = true;
  }
  if (!found) absl::StrAppend(&out, "No DP found", args.empty() ? "" : ":'" + args[0] + "'", "\n");
  return absl::OkStatus();
}

absl::Status RunAddDp(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const std::string name, DatapathName(session->args()[0]));
  ovs::DatapathConfig config{.name = name, .user_features = OVS_DP_F_DISPATCH_UPCALL_PER_CPU};
  if (const auto text = session->Value("--versioning")) {
    SLUICE_ASSIGN_OR_RETURN(const SelftestVersion version, ParseSelftestVersion(*text));
    config.interface_version = version.version;
    config.user_features = version.features;
  }
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  SLUICE_ASSIGN_OR_RETURN(UpcallSocket socket, UpcallSocket::Open());
  if (session->Given("--upcall")) {
    config.upcall_pid = socket.pid();
    if ((config.user_features & OVS_DP_F_DISPATCH_UPCALL_PER_CPU) != 0)
      config.per_cpu_pids.assign(static_cast<size_t>(::sysconf(_SC_NPROCESSORS_CONF)),
                                 socket.pid());
  }
  const auto datapath = ovs::Datapaths(client).Create(config);
  if (!datapath.ok() && base::ErrnoOf(datapath.status()) != EEXIST)
    return Failed(absl::StrCat("adding datapath \"", name, "\""), datapath.status());
  session->out().Write(
      absl::StrCat("DP '", name, "' ", datapath.ok() ? "added" : "already exists", "\n"));
  if (!datapath.ok() || !session->Given("--upcall")) return absl::OkStatus();
  return PrintSelftestUpcalls(&socket, session);
}

constexpr CommandOption kAddDpOptions[] = {{"--upcall", "", ""}, {"--versioning", "VERSION", ""}};

}  // namespace

constinit const Command kSelftestShow = {.name = "show",
                                         .arguments = "[DP]",
                                         .min_args = 0,
                                         .max_args = 1,
                                         .changes = false,
                                         .about = "Prints datapaths.",
                                         .examples = "",
                                         .run = RunShow};
constinit const Command kSelftestAddDp = {.name = "add-dp",
                                          .arguments = "[-u] [-V VERSION[:FEATURES]] DP",
                                          .min_args = 1,
                                          .max_args = 1,
                                          .changes = true,
                                          .about = "Creates a datapath.",
                                          .examples = "",
                                          .run = RunAddDp,
                                          .options = kAddDpOptions};

}  // namespace sluice::dpctl
