// The part of the Client that knows families.

#include "absl/strings/str_cat.h"
#include "netlink/attr/wire.h"
#include "netlink/base/status.h"
#include "netlink/socket/client.h"
#include "netlink/socket/client_counters.h"

namespace sluice::socket {
namespace {

constexpr size_t kMaxFormerIds = 16;

}  // namespace

const Client::CachedFamily* Client::FamilyOf(uint16_t type) const {
  // Ids in use first: a number that one family gave up can be another's now.
  for (const auto& [name, cached] : families_)
    if (cached->family.id == type) return cached.get();
  for (const auto& [name, cached] : families_)
    for (uint16_t former : cached->former_ids)
      if (former == type) return cached.get();
  return nullptr;
}

uint16_t Client::CurrentType(uint16_t type) const {
  const CachedFamily* cached = FamilyOf(type);
  return cached == nullptr ? type : cached->family.id;
}

absl::StatusOr<Family> Client::QueryFamily(std::string_view name, std::string_view module) {
  const genlmsghdr header{.cmd = CTRL_CMD_GETFAMILY, .version = 2, .reserved = 0};
  Request request(GENL_ID_CTRL, 0, base::AsBytes(header));
  request.attributes().PutString(CTRL_ATTR_FAMILY_NAME, name);
  request.set_label("looking up a generic netlink family");
  request.set_read_only(true);
  absl::StatusOr<Reply> reply = Transact(request);
  if (base::ErrnoOf(reply.status()) == ENOENT) {
    std::string text = absl::StrCat("the kernel has no \"", base::ToAbsl(name), "\" family");
    if (!module.empty())
      absl::StrAppend(&text, ": is the ", base::ToAbsl(module), " module loaded? (modprobe ",
                      base::ToAbsl(module), ")");
    return absl::UnavailableError(text);
  }
  if (!reply.ok()) return reply.status();
  const std::optional<GenericMessage> message = reply->Generic(0);
  if (!message) return absl::DataLossError("no description of a generic netlink family");
  return ParseFamily(message->attributes);
}

absl::StatusOr<const Family*> Client::ResolveFamily(std::string_view name,
                                                    std::string_view module) {
  const auto found = families_.find(base::ToAbsl(name));
  if (found != families_.end()) return &found->second->family;
  SLUICE_ASSIGN_OR_RETURN(Family family, QueryFamily(name, module));
  auto cached = std::make_unique<CachedFamily>();
  cached->family = std::move(family);
  cached->module = module;
  const Family* result = &cached->family;
  families_[std::string(name)] = std::move(cached);
  return result;
}

absl::StatusOr<uint16_t> Client::Refresh(uint16_t type) {
  const CachedFamily* known = FamilyOf(type);
  if (known == nullptr) return type;
  CachedFamily* cached = families_.find(known->family.name)->second.get();
  SLUICE_ASSIGN_OR_RETURN(Family family, QueryFamily(cached->family.name, cached->module));
  if (family.id == cached->family.id) return type;
  TheClientCounters().resolved_anew.Add();
  if (cached->former_ids.size() == kMaxFormerIds)
    cached->former_ids.erase(cached->former_ids.begin());
  cached->former_ids.push_back(cached->family.id);
  cached->family = std::move(family);
  return cached->family.id;
}

}  // namespace sluice::socket
