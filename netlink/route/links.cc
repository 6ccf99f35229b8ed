#include "netlink/route/links.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/route/link.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"

namespace sluice::route {
namespace {

struct MessageFree {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using UniqueMessage = std::unique_ptr<nl_msg, MessageFree>;

struct LinkFree {
  void operator()(rtnl_link* link) const { rtnl_link_put(link); }
};
using UniqueLink = std::unique_ptr<rtnl_link, LinkFree>;

// The errors that libnl gives when building and parsing; none is of the kernel.
absl::Status LibraryError(int error, std::string_view context) {
  return absl::InternalError(absl::StrCat(base::ToAbsl(context), ": ", nl_geterror(error)));
}

void TakeLink(nl_object* object, void* out) {
  nl_object_get(object);
  static_cast<UniqueLink*>(out)->reset(reinterpret_cast<rtnl_link*>(object));
}

Link FromLibrary(rtnl_link* link) {
  Link result;
  result.ifindex = rtnl_link_get_ifindex(link);
  if (const char* name = rtnl_link_get_name(link)) result.name = name;
  if (const nl_addr* address = rtnl_link_get_addr(link);
      address != nullptr && nl_addr_get_len(address) == 6) {
    base::Mac mac;
    std::memcpy(mac.bytes.data(), nl_addr_get_binary_addr(address), mac.bytes.size());
    result.mac = mac;
  }
  result.mtu = rtnl_link_get_mtu(link);
  const unsigned flags = rtnl_link_get_flags(link);
  result.up = (flags & IFF_UP) != 0;
  result.running = (flags & IFF_RUNNING) != 0;
  result.master = rtnl_link_get_master(link);
  if (const char* kind = rtnl_link_get_type(link)) result.kind = kind;
  int32_t netns = 0;
  if (rtnl_link_get_link_netnsid(link, &netns) == 0) result.peer_netns = netns;
  return result;
}

socket::Request RequestOf(nl_msg* message) {
  const nlmsghdr* header = nlmsg_hdr(message);
  return socket::Request::FromMessage({reinterpret_cast<const uint8_t*>(header), header->nlmsg_len},
                                      sizeof(nlmsghdr) + sizeof(ifinfomsg));
}

absl::Status Change(socket::Client* client, int ifindex, rtnl_link* changes,
                    std::string_view label) {
  const UniqueLink link(rtnl_link_alloc());
  if (link == nullptr) return absl::ResourceExhaustedError("no memory for a link");
  rtnl_link_set_ifindex(link.get(), ifindex);
  nl_msg* built = nullptr;
  const int error = rtnl_link_build_change_request(link.get(), changes, 0, &built);
  if (error < 0) return LibraryError(error, label);
  const UniqueMessage message(built);
  socket::Request request = RequestOf(built);
  request.set_label(label);
  return client->Transact(request).status();
}

}  // namespace

absl::StatusOr<Link> ParseLink(const socket::Message& message) {
  if ((message.type != RTM_NEWLINK && message.type != RTM_DELLINK) ||
      message.payload.size() < sizeof(ifinfomsg))
    return absl::DataLossError("not a link message");
  // A copy: the library wants it aligned and writable.
  base::ByteVector copy(message.bytes.begin(), message.bytes.end());
  const UniqueMessage converted(nlmsg_convert(reinterpret_cast<nlmsghdr*>(copy.data())));
  if (converted == nullptr) return absl::ResourceExhaustedError("no memory for a link message");
  nlmsg_set_proto(converted.get(), NETLINK_ROUTE);
  UniqueLink link;
  const int error = nl_msg_parse(converted.get(), TakeLink, &link);
  if (error < 0 || link == nullptr)
    return absl::DataLossError(absl::StrCat("malformed link message: ", nl_geterror(error)));
  return FromLibrary(link.get());
}

absl::StatusOr<Links> Links::Open(const socket::ClientOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_ROUTE, options));
  return Links(std::move(client));
}

absl::StatusOr<Link> Links::Get(int ifindex, std::string_view name) {
  const std::string terminated(name);
  nl_msg* built = nullptr;
  const int error = rtnl_link_build_get_request(
      ifindex, terminated.empty() ? nullptr : terminated.c_str(), &built);
  if (error < 0) return LibraryError(error, "link get");
  const UniqueMessage message(built);
  socket::Request request = RequestOf(built);
  request.set_label("link get");
  request.set_read_only(true);
  SLUICE_ASSIGN_OR_RETURN(const socket::Reply reply, client_.Transact(request));
  socket::Message answer;
  answer.type = reply.type;
  answer.payload = reply.payload;
  base::ByteVector whole(sizeof(nlmsghdr));
  whole.insert(whole.end(), reply.payload.begin(), reply.payload.end());
  base::Store(whole.data(), nlmsghdr{.nlmsg_len = static_cast<uint32_t>(whole.size()),
                                     .nlmsg_type = reply.type,
                                     .nlmsg_flags = reply.flags,
                                     .nlmsg_seq = 0,
                                     .nlmsg_pid = 0});
  answer.bytes = whole;
  return ParseLink(answer);
}

absl::StatusOr<Link> Links::Get(std::string_view name) {
  if (name.empty() || name.size() >= IFNAMSIZ || name.find('\0') != std::string_view::npos)
    return base::KernelError(
        ENODEV, absl::StrCat("link \"", base::ToAbsl(name), "\": names have 1 to 15 characters"));
  absl::StatusOr<Link> link = Get(0, name);
  if (link.ok()) return link;
  return base::Annotate(link.status(), absl::StrCat("link \"", base::ToAbsl(name), "\""));
}

absl::StatusOr<Link> Links::Get(int ifindex) {
  if (ifindex <= 0) return base::KernelError(ENODEV, absl::StrCat("link ", ifindex));
  absl::StatusOr<Link> link = Get(ifindex, {});
  if (link.ok()) return link;
  return base::Annotate(link.status(), absl::StrCat("link ", ifindex));
}

absl::StatusOr<std::vector<Link>> Links::List() {
  const ifinfomsg header{};
  socket::Request request(RTM_GETLINK, 0, base::AsBytes(header));
  request.set_label("link list");
  request.set_read_only(true);
  std::vector<Link> links;
  const absl::StatusOr<socket::DumpReport> report = client_.DumpInto(request, &links, ParseLink);
  if (!report.ok()) return report.status();
  return links;
}

absl::Status Links::SetUp(int ifindex, bool up) {
  const UniqueLink changes(rtnl_link_alloc());
  if (changes == nullptr) return absl::ResourceExhaustedError("no memory for a link");
  if (up)
    rtnl_link_set_flags(changes.get(), IFF_UP);
  else
    rtnl_link_unset_flags(changes.get(), IFF_UP);
  return base::Annotate(Change(&client_, ifindex, changes.get(), "link set"),
                        absl::StrCat("link ", ifindex, up ? " up" : " down"));
}

absl::Status Links::SetMtu(int ifindex, uint32_t mtu) {
  const UniqueLink changes(rtnl_link_alloc());
  if (changes == nullptr) return absl::ResourceExhaustedError("no memory for a link");
  rtnl_link_set_mtu(changes.get(), mtu);
  return base::Annotate(Change(&client_, ifindex, changes.get(), "link set"),
                        absl::StrCat("link ", ifindex, " mtu ", mtu));
}

}  // namespace sluice::route
