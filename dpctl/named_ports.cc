#include "dpctl/named_ports.h"

#include <algorithm>

namespace sluice::dpctl {

std::optional<uint32_t> NamedPorts::NumberOf(std::string_view name) const {
  constexpr size_t kLongest = 15;  // IFNAMSIZ, and a NUL
  const bool digit = !name.empty() && name[0] >= '0' && name[0] <= '9';
  if (name.empty() || name.size() > kLongest || digit) return std::nullopt;
  if (name.find_first_of("()/{}") != std::string_view::npos) return std::nullopt;
  const std::scoped_lock lock(mutex_);
  const auto found = std::find(names_.begin(), names_.end(), name);
  const auto index = static_cast<uint32_t>(found - names_.begin());
  if (found == names_.end()) names_.emplace_back(name);
  return kFirst + index;
}

}  // namespace sluice::dpctl
