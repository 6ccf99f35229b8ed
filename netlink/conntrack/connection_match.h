// Which connections are meant: the words of ovs-dpctl(8) for flush-conntrack, and more.
//
//   zone=5 mark=0x1/0xf labels=0x1 ct_nw_src=10.0.0.0/8,ct_nw_proto=6,ct_tp_dst=80 ct_tp_src=80
//
// Fields stand in arguments, separated by commas or blanks. The first argument that has fields of a
// tuple, or is empty, means the original direction, the second the reply. Pure functions; a
// ConnectionMatch is a value.
//
//   ConnectionMatch match;
//   for (const std::string& argument : arguments)
//     SLUICE_RETURN_IF_ERROR(match.Add(argument));
//   if (match.Matches(connection)) ...
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/conntrack/connection.h"

namespace sluice::conntrack {

// An address under a mask; `family` 0 matches any.
struct AddressMatch {
  uint8_t family = 0;  // AF_INET, with the first four bytes, or AF_INET6
  std::array<uint8_t, 16> value{}, mask{};
};

struct TupleMatch {
  AddressMatch src, dst;
  std::optional<uint8_t> protocol;
  std::optional<uint16_t> src_port, dst_port;
  std::optional<uint16_t> icmp_id;
  std::optional<uint8_t> icmp_type, icmp_code;

  bool empty() const;
  bool Matches(const Tuple& tuple) const;
  // The one tuple that is meant, when addresses, protocol and ports are all given in full.
  std::optional<Tuple> Whole() const;
};

struct ConnectionMatch {
  std::optional<uint16_t> zone;
  uint32_t mark = 0, mark_mask = 0;
  std::array<uint8_t, 16> labels{}, labels_mask{};
  uint32_t status = 0, status_mask = 0;  // IPS_*
  std::string state;                     // of TCP, SCTP or DCCP, in upper case; empty for any
  TupleMatch original, reply;
  int tuples = 0;  // arguments that had one

  // Takes one argument. An error shows it, with a caret at the place.
  absl::Status Add(std::string_view argument);
  bool Matches(const Connection& connection) const;
  // Whether only the zone is asked for, or nothing.
  bool only_zone() const;
  // AF_INET or AF_INET6 when all that match are of that family; else 0.
  uint8_t family() const;
};

// What an argument may name: "zone", "ct_nw_src" and so on.
std::vector<std::string_view> MatchFieldNames();

// "tcp", or the number for protocols without a word.
std::string ProtocolName(uint8_t protocol);
// Of a name or a number.
std::optional<uint8_t> ProtocolNumber(std::string_view text);

// The state of a connection whose protocol has one, in the words of ovs-dpctl(8); empty without.
std::string_view StateName(const Connection& connection);
// The state as it is told unless more is asked for: SYN_RECV counts as ESTABLISHED, FIN_WAIT_2 as
// TIME_WAIT.
std::string_view FoldedState(std::string_view state);

}  // namespace sluice::conntrack
