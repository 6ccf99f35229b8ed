#include <cerrno>

#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/meter_arguments.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status RunDump(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const MeterArguments arguments, ReadMeterArguments(session));
  std::optional<ovs::MeterIdRange> ids;
  if (arguments.meter) {
    SLUICE_ASSIGN_OR_RETURN(ids, ovs::ParseMeterIds(*arguments.meter));
  }
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const auto meters = ListMeters(client, arguments.datapath, ids);
  if (!meters.ok()) return Failed("listing meters", meters.status());
  if (ids && ids->first == ids->last && meters->empty())
    return Failed(absl::StrCat("getting meter ", ids->first, " of ", FullName(arguments.datapath)),
                  base::KernelError(ENOENT, "meter get"));
  const base::MonotonicMs now = base::SystemClock().Now();
  if (session->options().json) {
    Json list = Json::array();
    for (const ovs::Meter& meter : *meters) list.push_back(MeterToJson(meter, now));
    session->Print({{"datapath", FullName(arguments.datapath)}, {"meters", std::move(list)}});
    return absl::OkStatus();
  }
  for (const ovs::Meter& meter : *meters) session->out().Write(MeterToText(meter, now) + "\n");
  return absl::OkStatus();
}

absl::Status RunFeatures(Session* session) {
  std::optional<std::string_view> name;
  if (!session->args().empty()) name = session->args()[0];
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->DatapathOrOnly(name));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const auto features = ovs::Meters(client).GetFeatures(datapath.ifindex);
  if (!features.ok()) return Failed("asking for the features of meters", features.status());
  Json types = Json::array();
  std::string words;
  for (const uint32_t type : features->band_types) {
    types.push_back(ovs::MeterBandTypeName(type));
    absl::StrAppend(&words, " ", ovs::MeterBandTypeName(type));
  }
  if (session->options().json) {
    session->Print({{"datapath", FullName(datapath)},
                    {"max_meters", features->max_meters},
                    {"max_bands", features->max_bands},
                    {"band_types", std::move(types)}});
    return absl::OkStatus();
  }
  session->out().Write(absl::StrCat("max_meter:", features->max_meters,
                                    " max_bands:", features->max_bands, "\nband_types:", words,
                                    "\ncapabilities: kbps pktps burst stats\n"));
  return absl::OkStatus();
}

}  // namespace

constinit const Command kDumpMeters = {
    .name = "dump-meters",
    .arguments = "[DP] [meter=N[-M]]",
    .min_args = 0,
    .max_args = 2,
    .changes = false,
    .about =
        "Prints meters: packets and bytes that came to each, when one last came (or the meter was\n"
        "made), and for each band what it dropped. The kernel does not tell rates, and can only "
        "be\n"
        "asked for one number after the other: without meter= numbers up to 65535 are looked at,\n"
        "and twice as many as long as the upper half of them has meters.",
    .examples =
        "  dpctl dump-meters dp0\n"
        "  dpctl dump-meters dp0 meter=3\n"
        "  dpctl --json dump-meters | jq '.meters[] | {id, dropped: .bands[0].packets}'\n",
    .run = RunDump};

constinit const Command kMeterFeatures = {
    .name = "meter-features",
    .arguments = "[DP]",
    .min_args = 0,
    .max_args = 1,
    .changes = false,
    .about = "Prints how many meters and bands the kernel takes, and which bands it knows.",
    .examples = "  dpctl meter-features dp0\n",
    .run = RunFeatures};

}  // namespace sluice::dpctl
