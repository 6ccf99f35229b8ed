#include "agent/port/link_table.h"

#include "netlink/base/status.h"

namespace sluice::port {

void LinkTable::Replace(std::vector<route::Link> links) {
  links_.clear();
  by_name_.clear();
  for (route::Link& link : links) Put(std::move(link));
}

bool LinkTable::Apply(const route::LinkEvent& event) {
  if (event.kind == route::LinkEventKind::kOverrun) return false;
  if (event.kind == route::LinkEventKind::kRemoved) {
    Erase(event.link.ifindex);
  } else {
    Put(event.link);
  }
  return true;
}

const route::Link* LinkTable::Find(std::string_view name) const {
  const auto it = by_name_.find(base::ToAbsl(name));
  return it == by_name_.end() ? nullptr : Find(it->second);
}

const route::Link* LinkTable::Find(int ifindex) const {
  const auto it = links_.find(ifindex);
  return it == links_.end() ? nullptr : &it->second;
}

void LinkTable::Put(route::Link link) {
  Erase(link.ifindex);  // it may have had another name
  by_name_[link.name] = link.ifindex;
  const int ifindex = link.ifindex;
  links_[ifindex] = std::move(link);
}

void LinkTable::Erase(int ifindex) {
  const auto it = links_.find(ifindex);
  if (it == links_.end()) return;
  // Another device may have taken the name meanwhile.
  const auto named = by_name_.find(it->second.name);
  if (named != by_name_.end() && named->second == ifindex) by_name_.erase(named);
  links_.erase(it);
}

}  // namespace sluice::port
