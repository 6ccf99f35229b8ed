#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/meter_arguments.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Delete(Session* session, const ovs::Datapath& datapath, uint32_t id) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  return Failed(absl::StrCat("deleting meter ", id, " of ", FullName(datapath)),
                ovs::Meters(client).Delete(datapath.ifindex, id).status());
}

absl::Status RunOne(Session* session) {
  const std::vector<std::string>& args = session->args();
  SLUICE_ASSIGN_OR_RETURN(const ovs::MeterIdRange ids, ovs::ParseMeterIds(args.back()));
  if (ids.first != ids.last) return UsageError("del-meter deletes one meter: see del-meters");
  std::optional<std::string_view> name;
  if (args.size() > 1) name = args[0];
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->DatapathOrOnly(name));
  return Delete(session, datapath, ids.first);
}

absl::Status RunMany(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const MeterArguments arguments, ReadMeterArguments(session));
  std::optional<ovs::MeterIdRange> ids;
  if (arguments.meter) {
    SLUICE_ASSIGN_OR_RETURN(ids, ovs::ParseMeterIds(*arguments.meter));
  }
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const auto meters = ListMeters(client, arguments.datapath, ids);
  if (!meters.ok()) return Failed("listing meters", meters.status());
  size_t deleted = 0;
  for (const ovs::Meter& meter : *meters) {
    const absl::Status status = Delete(session, arguments.datapath, meter.id);
    // Somebody else was faster: it is gone, as it should be.
    if (!status.ok() && !absl::IsNotFound(status))
      return WithHint(status, absl::StrCat(deleted, " of ", meters->size(), " were deleted"));
    ++deleted;
  }
  return absl::OkStatus();
}

}  // namespace

constinit const Command kDelMeter = {
    .name = "del-meter",
    .arguments = "[DP] meter=N",
    .min_args = 1,
    .max_args = 2,
    .changes = true,
    .about = "Deletes a meter. Flows may still name it: then meter(N) lets every packet through.",
    .examples = "  dpctl del-meter dp0 meter=1\n",
    .run = RunOne};

constinit const Command kDelMeters = {
    .name = "del-meters",
    .arguments = "[DP] [meter=N[-M]]",
    .min_args = 0,
    .max_args = 2,
    .changes = true,
    .about =
        "Deletes all meters of a datapath, or those whose numbers are from N to M. Which\n"
        "meters there are is found out as for dump-meters.",
    .examples =
        "  dpctl del-meters dp0\n"
        "  dpctl del-meters dp0 meter=10-20\n",
    .run = RunMany};

}  // namespace sluice::dpctl
