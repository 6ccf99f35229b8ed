// docs/reference/attributes.md, as a string.
#pragma once

#include <string>

namespace sluice::ovs {

// The whole page: a section for each of AllTables(). It is written to the tree by sluice-reference;
// a test compares the two.
std::string ReferencePage();

}  // namespace sluice::ovs
