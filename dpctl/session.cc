#include "dpctl/session.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {

using base::ToAbsl;

std::string FullName(const ovs::Datapath& datapath) {
  return absl::StrCat("system@", datapath.name);
}

absl::StatusOr<std::string> DatapathName(std::string_view argument) {
  const size_t at = argument.find('@');
  if (at != std::string_view::npos) {
    const std::string_view type = argument.substr(0, at);
    if (!type.empty() && type != "system")
      return UsageError(absl::StrCat("datapath type \"", ToAbsl(type),
                                     "\" is not known: the kernel's is \"system\""));
    argument.remove_prefix(at + 1);
  }
  if (argument.empty()) return UsageError("the name of the datapath is empty");
  if (argument.size() > 15)
    return UsageError(
        absl::StrCat("\"", ToAbsl(argument), "\": a datapath's name has at most 15 bytes"));
  return std::string(argument);
}

void Session::Warn(std::string_view text) {
  std::fprintf(stderr, "dpctl: warning: %.*s\n", static_cast<int>(text.size()), text.data());
}

void Session::Print(const Json& json) {
  out_->Write(json.dump(2, ' ', false, Json::error_handler_t::replace));
  out_->Write("\n");
}

std::optional<std::string_view> Session::Value(std::string_view option) const {
  const auto found = own_options_.find(option);
  if (found == own_options_.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<socket::Client*> Session::client() {
  if (!client_) {
    auto client = socket::Client::Open(NETLINK_GENERIC);
    if (!client.ok()) return Failed("opening a netlink socket", client.status());
    client_.emplace(*std::move(client));
  }
  return &*client_;
}

absl::StatusOr<ovs::Datapath> Session::OpenDatapath(std::string_view argument) {
  SLUICE_ASSIGN_OR_RETURN(const std::string name, DatapathName(argument));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * kernel, client());
  auto datapath = ovs::Datapaths(kernel).Get(name);
  if (!datapath.ok())
    return Failed(absl::StrCat("opening datapath \"", name, "\""), datapath.status());
  return datapath;
}

absl::StatusOr<ovs::Datapath> Session::DatapathOrOnly(std::optional<std::string_view> argument) {
  if (argument) return OpenDatapath(*argument);
  SLUICE_ASSIGN_OR_RETURN(std::vector<ovs::Datapath> datapaths, ListDatapaths());
  if (datapaths.empty()) return absl::NotFoundError("no datapaths exist");
  if (datapaths.size() > 1) {
    std::string names;
    for (const ovs::Datapath& datapath : datapaths) absl::StrAppend(&names, " ", datapath.name);
    return WithHint(UsageError("multiple datapaths, specify one"),
                    absl::StrCat("there are:", names));
  }
  return std::move(datapaths.front());
}

absl::StatusOr<std::vector<ovs::Datapath>> Session::ListDatapaths() {
  SLUICE_ASSIGN_OR_RETURN(socket::Client * kernel, client());
  auto datapaths = ovs::Datapaths(kernel).List();
  if (!datapaths.ok()) return Failed("listing datapaths", datapaths.status());
  std::sort(datapaths->begin(), datapaths->end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return datapaths;
}

absl::StatusOr<std::vector<ovs::Vport>> Session::ListPorts(const ovs::Datapath& datapath) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client * kernel, client());
  auto ports = ovs::Vports(kernel).List(datapath.ifindex);
  if (!ports.ok())
    return Failed(absl::StrCat("listing ports of \"", datapath.name, "\""), ports.status());
  std::sort(ports->begin(), ports->end(),
            [](const auto& a, const auto& b) { return a.port_no < b.port_no; });
  return ports;
}

}  // namespace sluice::dpctl
