#include <bit>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status RunGet(Session* session) {
  std::optional<std::string_view> name;
  if (!session->args().empty()) name = session->args()[0];
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->DatapathOrOnly(name));
  if (session->options().json) {
    session->Print({{"datapath", FullName(datapath)},
                    {"masks_cache_size",
                     datapath.masks_cache_size ? Json(*datapath.masks_cache_size) : Json()}});
    return absl::OkStatus();
  }
  session->out().Write(absl::StrCat(FullName(datapath), ":\n"));
  if (datapath.masks_cache_size)
    session->out().Write(
        absl::StrCat("  caches:\n    masks-cache: size:", *datapath.masks_cache_size, "\n"));
  return absl::OkStatus();
}

absl::Status RunSet(Session* session) {
  const std::vector<std::string>& args = session->args();
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->OpenDatapath(args[0]));
  uint32_t size = 0;
  if (args[1] != "masks-cache")
    return UsageError(absl::StrCat("there is no cache \"", args[1], "\": try masks-cache"));
  if (!absl::SimpleAtoi(args[2], &size))
    return UsageError(absl::StrCat("\"", args[2], "\" is no cache size: expected a number"));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  // The kernel takes powers of two, and 0.
  if (size > 1u << 31) return UsageError(absl::StrCat(args[2], " is too large for a cache"));
  if (size != 0) size = std::bit_ceil(size);
  const auto after = ovs::Datapaths(client).SetMasksCacheSize(datapath.ifindex, size);
  if (!after.ok()) return Failed("setting the cache size", after.status());
  if (session->options().json) {
    session->Print({{"datapath", FullName(datapath)}, {"masks_cache_size", *after}});
  } else {
    session->out().Write(absl::StrCat("Setting cache size successful, new size ", *after, "\n"));
  }
  return absl::OkStatus();
}

}  // namespace

constinit const Command kCacheGetSize = {
    "cache-get-size",
    "[DP]",
    0,
    1,
    false,
    "Prints the size of a datapath's mask cache (Linux 5.9 and later).",
    "  dpctl cache-get-size dp0\n",
    RunGet};
constinit const Command kCacheSetSize = {
    "cache-set-size",
    "DP masks-cache SIZE",
    3,
    3,
    true,
    "Sets the size of a datapath's mask cache; it is rounded up to a power of two. 0 turns\n"
    "the cache off. The datapath's features stay as they are.",
    "  dpctl cache-set-size dp0 masks-cache 512\n",
    RunSet};

}  // namespace sluice::dpctl
