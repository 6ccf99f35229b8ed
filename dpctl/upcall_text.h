// Upcalls as `listen` shows them.
//
//   14:03:07.123456 miss recirc_id(0),in_port(1),eth(..),.. length:98 hash:0x24d4a3b1
//   14:03:07.123470 action in_port(1),.. length:98 userdata(0a0b) actions:2
//
// Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dpctl/session.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/packet.h"

namespace sluice::dpctl {

struct UpcallReport {
  const ovs::Upcall& upcall;
  uint64_t time_ns = 0;                    // since 1970, UTC
  const attr::PortNames* ports = nullptr;  // null: ports are numbers
  bool more = false;                       // the packet's bytes too; in text
};

// A line with its end.
void AppendUpcall(const UpcallReport& report, std::string* out);
// Without time, bytes and line end.
void AppendUpcallWords(const UpcallReport& report, std::string* out);
Json UpcallToJson(const UpcallReport& report);

// The port that a packet came in by, from its flow key; nullopt when the key has none.
std::optional<uint32_t> InPortOf(const ovs::Upcall& upcall);

}  // namespace sluice::dpctl
