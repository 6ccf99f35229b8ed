#include "agent/upcall/overload_guard.h"

#include <algorithm>

namespace sluice::upcall {

std::vector<OverloadGuard::Change> OverloadGuard::Review(
    std::span<const std::shared_ptr<PortAccount>> accounts, base::MonotonicMs now) {
  std::vector<Change> changes;
  for (auto it = cut_off_.begin(); it != cut_off_.end();) {
    PortAccount& account = *it->second.account;
    if (!account.retired() && now < it->second.until) {
      ++it;
      continue;
    }
    // What had been received before the kernel began to drop may have pleaded on.
    account.TakePlea();
    account.SetCutOff(false);
    changes.push_back({it->first, false});
    it = cut_off_.erase(it);
  }
  for (const std::shared_ptr<PortAccount>& account : accounts) {
    if (cut_off_.contains(account->id()) || account->retired() || !account->TakePlea()) continue;
    if (cut_off_ms_ == 0) continue;
    account->SetCutOff(true);
    cut_off_[account->id()] = {account, now + cut_off_ms_};
    changes.push_back({account->id(), true});
  }
  return changes;
}

std::vector<OverloadGuard::Change> OverloadGuard::LetAllIn() {
  std::vector<Change> changes;
  for (const auto& [port, cut_off] : cut_off_) {
    cut_off.account->SetCutOff(false);
    changes.push_back({port, false});
  }
  cut_off_.clear();
  return changes;
}

std::optional<base::MonotonicMs> OverloadGuard::deadline() const {
  std::optional<base::MonotonicMs> first;
  for (const auto& [port, cut_off] : cut_off_)
    first = std::min(first.value_or(cut_off.until), cut_off.until);
  return first;
}

}  // namespace sluice::upcall
