#include <cerrno>

#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/meter_arguments.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

struct Change {
  ovs::Datapath datapath;
  ovs::MeterConfig config;
  std::optional<ovs::Meter> there;  // the meter that has this id now
};

// Reads the arguments, and sees what is there: the kernel's only command makes a meter or puts it
// in the place of another, whichever fits.
absl::StatusOr<Change> ReadChange(Session* session) {
  Change change;
  const std::vector<std::string>& args = session->args();
  SLUICE_ASSIGN_OR_RETURN(change.config, ovs::ParseMeterText(args.back()));
  std::optional<std::string_view> name;
  if (args.size() > 1) name = args[0];
  SLUICE_ASSIGN_OR_RETURN(change.datapath, session->DatapathOrOnly(name));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  ovs::Meters meters(client);
  const auto features = meters.GetFeatures(change.datapath.ifindex);
  if (!features.ok()) return Failed("asking for the features of meters", features.status());
  if (change.config.bands.size() > features->max_bands)
    return UsageError(absl::StrCat("the meter has ", change.config.bands.size(),
                                   " bands; this kernel takes ", features->max_bands));
  const auto there = meters.Get(change.datapath.ifindex, change.config.id);
  if (there.ok()) {
    change.there = *there;
  } else if (base::ErrnoOf(there.status()) != ENOENT) {
    return Failed("looking for the meter", there.status());
  }
  return change;
}

std::string NameOf(const Change& change) {
  return absl::StrCat("meter ", change.config.id, " of ", FullName(change.datapath));
}

absl::Status Set(Session* session, std::string_view what, const Change& change) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const absl::Status set = ovs::Meters(client).Set(change.datapath.ifindex, change.config);
  absl::Status failure = Failed(absl::StrCat(base::ToAbsl(what), " ", NameOf(change)), set);
  switch (base::ErrnoOf(set)) {
    case EBUSY:
      return WithHint(failure,
                      "another meter has the place that the kernel keeps for this number: "
                      "take numbers from 1 on, one after the other");
    case EFBIG:
      return WithHint(failure, "there are as many meters as the kernel takes: see meter-features");
    default:
      return failure;
  }
}

absl::Status RunAdd(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const Change change, ReadChange(session));
  if (change.there)
    return WithHint(
        Failed(absl::StrCat("adding ", NameOf(change)), base::KernelError(EEXIST, "meter set")),
        "mod-meter changes a meter that is there");
  return Set(session, "adding", change);
}

absl::Status RunMod(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(Change change, ReadChange(session));
  if (!change.there && !session->options().may_create)
    return WithHint(
        Failed(absl::StrCat("changing ", NameOf(change)), base::KernelError(ENOENT, "meter set")),
        "add-meter, or --may-create, makes one that is not there");
  if (change.there && !session->options().clear) change.config.stats = change.there->stats;
  return Set(session, "changing", change);
}

}  // namespace

constinit const Command kAddMeter = {
    .name = "add-meter",
    .arguments = "[DP] METER",
    .min_args = 1,
    .max_args = 2,
    .changes = true,
    .about =
        "Makes a meter, which the action meter(N) sends packets through. There must be none with\n"
        "its number yet. METER is meter=N, one of kbps and pktps (kilobits or packets a second),\n"
        "and bands=type=drop,rate=R[,burst_size=B]: what comes faster than R, after B at once, is\n"
        "dropped. Without a burst_size it is R. Without a band the meter only counts. `burst` and\n"
        "`stats` may stand there, as for ovs-ofctl.",
    .examples =
        "  dpctl add-meter dp0 meter=1,kbps,bands=type=drop,rate=1000\n"
        "  dpctl add-meter meter=2,pktps,burst,stats,bands=type=drop,rate=100,burst_size=10\n"
        "  dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x0800),ipv4()' 'meter(1),2'\n",
    .run = RunAdd};

constinit const Command kModMeter = {
    .name = "mod-meter",
    .arguments = "[--clear] [--may-create] [DP] METER",
    .min_args = 1,
    .max_args = 2,
    .changes = true,
    .about =
        "Puts METER, written as for add-meter, in the place of the meter with its number. The\n"
        "meter's statistics go on, with --clear they begin at zero; those of its bands always do.\n"
        "A meter that is not there is refused, or made with --may-create.",
    .examples = "  dpctl mod-meter dp0 meter=1,kbps,bands=type=drop,rate=2000,burst_size=500\n",
    .run = RunMod};

}  // namespace sluice::dpctl
