// The part of docs/reference/attributes.md that is about connection tracking.
#pragma once

#include <string>

namespace sluice::conntrack {

std::string ReferencePart();

}  // namespace sluice::conntrack
