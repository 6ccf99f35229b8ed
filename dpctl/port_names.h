// The names of a datapath's ports, asked for when the first is wanted.
//
// Borrows the client. A number is never taken for a name, even if a port is called so. Load() early
// where the client is busy while names are wanted: within a dump.
//
//   DatapathPorts ports(client, dp.ifindex);
//   SLUICE_ASSIGN_OR_RETURN(auto flow, ovs::ParseFlowText(text, &ports));
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "netlink/attr/text.h"
#include "netlink/socket/client.h"

namespace sluice::dpctl {

class DatapathPorts final : public attr::PortNames {
 public:
  DatapathPorts(socket::Client* client, int dp_ifindex)
      : client_(client), dp_ifindex_(dp_ifindex) {}

  absl::Status Load() const;

  std::string_view NameOf(uint32_t port) const override;
  std::optional<uint32_t> NumberOf(std::string_view name) const override;

 private:
  socket::Client* client_;
  int dp_ifindex_;
  mutable std::once_flag once_;
  mutable absl::Status status_;
  mutable absl::flat_hash_map<uint32_t, std::string> names_;
  mutable absl::flat_hash_map<std::string, uint32_t> numbers_;
};

}  // namespace sluice::dpctl
