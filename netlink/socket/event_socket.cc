#include "netlink/socket/event_socket.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"
#include "netlink/socket/client.h"

namespace sluice::socket {
namespace {

using base::Counter;
using base::Counters;

constexpr size_t kSlots = 16;
constexpr size_t kBytesEach = 64 * 1024;

// The group of nlctrl that tells of families; its number is fixed (GENL_ID_CTRL).
constexpr uint32_t kControlGroup = GENL_ID_CTRL;

struct EventCounters {
  Counter& overruns = Counters::Get("netlink_event_overruns",
                                    "Times that events were lost: their owner had to look again.");
  Counter& malformed =
      Counters::Get("netlink_malformed_events", "Events that were cut short or nonsense.");
  Counter& rejoined = Counters::Get("netlink_event_families_back",
                                    "Families that came back and whose groups were joined again.");
  Counter& rejoin_failed = Counters::Get("netlink_event_rejoin_failures",
                                         "Families that came back and whose groups were refused.");
};

EventCounters& TheCounters() {
  static EventCounters* counters = new EventCounters;
  return *counters;
}

}  // namespace

EventSocket::EventSocket(std::unique_ptr<Transport> transport)
    : transport_(std::move(transport)), buffers_(kSlots, kBytesEach) {}

absl::StatusOr<EventSocket> EventSocket::OpenGroups(int protocol,
                                                    const std::vector<uint32_t>& groups,
                                                    const EventOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(NetlinkSocket opened, NetlinkSocket::Open(protocol, options.socket));
  auto socket = std::make_unique<NetlinkSocket>(std::move(opened));
  NetlinkSocket* borrowed = socket.get();
  EventSocket events(std::move(socket));
  events.socket_ = borrowed;
  for (uint32_t group : groups) SLUICE_RETURN_IF_ERROR(borrowed->JoinGroup(group));
  return events;
}

absl::StatusOr<EventSocket> EventSocket::OpenGeneric(std::vector<GroupName> groups,
                                                     const EventOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(EventSocket events,
                          OpenGroups(NETLINK_GENERIC, {kControlGroup}, options));
  SLUICE_RETURN_IF_ERROR(events.Subscribe(std::move(groups), options));
  return events;
}

absl::Status EventSocket::Subscribe(std::vector<GroupName> groups, const EventOptions& options) {
  for (GroupName& name : groups) {
    Subscription* found = nullptr;
    for (Subscription& subscription : subscriptions_)
      if (subscription.family == name.family) found = &subscription;
    if (found == nullptr) {
      subscriptions_.push_back({.family = name.family, .id = 0, .groups = {}});
      found = &subscriptions_.back();
    }
    found->groups.push_back(std::move(name.group));
  }
  SLUICE_ASSIGN_OR_RETURN(Client client, Client::Open(NETLINK_GENERIC));
  for (Subscription& subscription : subscriptions_) {
    SLUICE_ASSIGN_OR_RETURN(const Family* family,
                            client.ResolveFamily(subscription.family, options.module));
    SLUICE_RETURN_IF_ERROR(Join(&subscription, *family));
  }
  return absl::OkStatus();
}

absl::Status EventSocket::Join(Subscription* subscription, const Family& family) {
  subscription->id = family.id;
  for (const std::string& group : subscription->groups) {
    const std::optional<uint32_t> id = family.GroupId(group);
    if (!id)
      return absl::NotFoundError(absl::StrCat("the family \"", subscription->family,
                                              "\" has no multicast group \"", group, "\""));
    if (socket_ != nullptr)
      SLUICE_RETURN_IF_ERROR(
          base::Annotate(socket_->JoinGroup(*id), absl::StrCat(subscription->family, "/", group)));
  }
  return absl::OkStatus();
}

uint64_t EventSocket::dropped() const {
  std::array<uint32_t, SK_MEMINFO_VARS> memory{};  // newer kernels have more: it is cut
  socklen_t size = sizeof(memory);
  if (socket_ == nullptr ||
      ::getsockopt(socket_->fd(), SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0)
    return 0;
  return memory[SK_MEMINFO_DROPS];
}

absl::StatusOr<size_t> EventSocket::Receive(std::chrono::milliseconds timeout,
                                            absl::FunctionRef<void(const Event&)> take) {
  const Event overrun{.kind = EventKind::kOverrun, .family = {}, .message = {}};
  size_t events = 0;
  // Until there is something to tell: control messages of other families are not.
  for (; events == 0; timeout = std::chrono::milliseconds(0)) {
    const ReceiveResult result = transport_->Receive(&buffers_, timeout);
    if (result.outcome == ReceiveOutcome::kNothing) return 0;
    if (result.outcome == ReceiveOutcome::kFailed)
      return base::ErrnoError(result.error, "receiving netlink events");
    if (result.outcome == ReceiveOutcome::kOverrun) {
      TheCounters().overruns.Add();
      Resubscribe();
      take(overrun);
      return 1;
    }
    bool lost = false;
    for (size_t i = 0; i < buffers_.size(); ++i) {
      const MessageWalk walk(buffers_.datagram(i));
      for (const Message& message : walk) events += Take(message, take);
      lost |= buffers_.truncated(i) || !walk.leftover().empty();
    }
    if (lost) {  // what was in it cannot be known, so it is as good as an overrun
      TheCounters().malformed.Add();
      take(overrun);
      ++events;
    }
  }
  return events;
}

void EventSocket::Resubscribe() {
  if (socket_ == nullptr || subscriptions_.empty()) return;
  absl::StatusOr<Client> client = Client::Open(NETLINK_GENERIC);
  if (!client.ok()) return TheCounters().rejoin_failed.Add();
  for (Subscription& subscription : subscriptions_) {
    const absl::StatusOr<const Family*> family = client->ResolveFamily(subscription.family);
    if (!family.ok()) {
      subscription.id = 0;
    } else if ((*family)->id != subscription.id && !Join(&subscription, **family).ok()) {
      TheCounters().rejoin_failed.Add();
    }
  }
}

size_t EventSocket::Take(const Message& message, absl::FunctionRef<void(const Event&)> take) {
  if (message.type < NLMSG_MIN_TYPE) return 0;
  if (message.type == GENL_ID_CTRL && !subscriptions_.empty()) return TakeControl(message, take);
  std::string_view family;
  for (const Subscription& subscription : subscriptions_)
    if (subscription.id == message.type) family = subscription.family;
  take(Event{.kind = EventKind::kMessage, .family = family, .message = message});
  return 1;
}

size_t EventSocket::TakeControl(const Message& message,
                                absl::FunctionRef<void(const Event&)> take) {
  const std::optional<GenericMessage> control = ParseGeneric(message, 0);
  if (!control ||
      (control->command != CTRL_CMD_NEWFAMILY && control->command != CTRL_CMD_DELFAMILY))
    return 0;
  const absl::StatusOr<Family> family = ParseFamily(control->attributes);
  if (!family.ok()) {
    TheCounters().malformed.Add();
    return 0;
  }
  for (Subscription& subscription : subscriptions_) {
    if (subscription.family != family->name) continue;
    Event event{.kind = EventKind::kFamilyGone, .family = subscription.family, .message = {}};
    if (control->command == CTRL_CMD_DELFAMILY) {
      subscription.id = 0;
    } else if (subscription.id == family->id) {
      return 0;  // old news from before it was joined
    } else if (Join(&subscription, *family).ok()) {
      event.kind = EventKind::kFamilyBack;
      TheCounters().rejoined.Add();
    } else {
      TheCounters().rejoin_failed.Add();
      return 0;
    }
    take(event);
    return 1;
  }
  return 0;
}

}  // namespace sluice::socket
