// The reference page of attribute sets, from their tables.
#pragma once

#include <string>

#include "netlink/attr/table.h"

namespace sluice::attr {

// A section of Markdown: what the set is, a row for each number of it, and the named values of its
// fields. Every constant of the kernel's header that the table knows stands in it.
std::string ReferenceSection(const Table& table);

}  // namespace sluice::attr
