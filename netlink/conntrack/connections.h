// The connections that the kernel tracks, in the network namespace of the client's socket.
//
// Connections borrows a client of NETLINK_NETFILTER (OpenNetfilter()) and is as thread-compatible
// as that. Everything here needs CAP_NET_ADMIN, looking too: the kernel asks for it. Errors are
// those of socket::Client; kUnavailable when nf_conntrack_netlink is not loaded.
//
//   SLUICE_ASSIGN_OR_RETURN(socket::Client client, OpenNetfilter());
//   Connections connections(&client);
//   connections.Dump({.zone = 5}, [](const Connection& c) { ...; return absl::OkStatus(); }, {});
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "netlink/conntrack/connection.h"
#include "netlink/socket/client.h"

namespace sluice::conntrack {

// What the kernel is asked to leave out of a dump. Kernels that do not know such a wish ignore it:
// the caller looks at each connection all the same.
struct DumpWish {
  uint8_t family = 0;            // AF_INET, AF_INET6; 0: both
  std::optional<uint16_t> zone;  // since Linux 6.8
  struct Mark {
    uint32_t value = 0, mask = 0;
  };
  std::optional<Mark> mark;  // since Linux 3.10
};

// Counters of one CPU since the namespace was made.
struct CpuStats {
  Present present;
  uint16_t cpu = 0;
  Be32 found, invalid, insert, insert_failed, drop, early_drop, error, search_restart;
  Be32 clash_resolve;  // since Linux 5.10
  Be32 chain_toolong;  // since Linux 5.15
};

struct GlobalStats {
  Present present;
  Be32 entries;
  Be32 max_entries;  // since Linux 4.18
};

// What became of connections that were to be deleted.
struct DeleteReport {
  size_t deleted = 0;
  size_t gone = 0;      // had ended before the kernel came to them
  size_t failed = 0;    // refused, or their answer was lost
  absl::Status status;  // of the first that failed
};

class Connections {
 public:
  explicit Connections(socket::Client* client);

  // `restart` is called when an interrupted dump begins anew: what was taken before is void.
  using Visitor = absl::FunctionRef<absl::Status(const Connection&)>;
  absl::StatusOr<socket::DumpReport> Dump(const DumpWish& wish, Visitor take,
                                          absl::FunctionRef<void()> restart);

  // The one connection of this tuple, in either direction. errno ENOENT when there is none.
  absl::Status Delete(const Tuple& tuple, Direction direction, uint16_t zone);
  // Those very connections, many in one system call.
  absl::StatusOr<DeleteReport> Delete(std::span<const Connection> connections);

  // All of an address family (AF_INET, AF_INET6; 0: both).
  absl::Status Flush(uint8_t family = 0);
  // All of a zone, in one request. Only on a kernel that has Feature::kConntrackByZone of
  // kmod-compat: an older one takes no notice of the zone and ends every connection there is.
  absl::Status FlushZone(uint16_t zone);

  // Sorted by CPU.
  absl::StatusOr<std::vector<CpuStats>> StatsByCpu();
  absl::StatusOr<GlobalStats> Stats();

 private:
  absl::Status Explained(const absl::Status& status);
  socket::Client* client_;
};

// Messages of the kernel's. kDataLoss, and a counter, when they are malformed.
absl::StatusOr<CpuStats> ParseCpuStats(const socket::Message& message);
absl::StatusOr<GlobalStats> ParseGlobalStats(const socket::Message& message);

}  // namespace sluice::conntrack
