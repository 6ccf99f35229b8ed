// What commands share to print answers for people. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/control/sluice.pb.h"

namespace sluice::ctl {

using Table = std::vector<std::vector<std::string>>;

// Columns as wide as their widest cell, two blanks between them, none at the end of a line.
void AppendTable(const Table& table, std::string_view indent, std::string* out);

std::string Uptime(uint64_t ms);          // "2 h 5 min"
std::string Seconds(uint64_t ms);         // "12.3s"
std::string BudgetText(uint64_t budget);  // " of at most 64"; 0: there is none
// "vlan 10", "trunk 10,20": what a port carries; empty when it is not ours.
std::string VlansText(const v1::Port& port);

}  // namespace sluice::ctl
