// The network devices as last heard of, by name and by index.
//
// Filled from a list of all links and kept true with events; both orders of the two are fine, as an
// event only repeats or overtakes the list. Not thread-safe.
//
//   links.Replace(*route_links.List());
//   if (const route::Link* link = links.Find("veth0")) ...
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "netlink/route/link_events.h"

namespace sluice::port {

class LinkTable {
 public:
  void Replace(std::vector<route::Link> links);
  // False for an overrun: then the links are to be listed again.
  bool Apply(const route::LinkEvent& event);

  // nullptr when there is none. Holds until the table changes.
  const route::Link* Find(std::string_view name) const;
  const route::Link* Find(int ifindex) const;

 private:
  void Put(route::Link link);
  void Erase(int ifindex);

  absl::flat_hash_map<int, route::Link> links_;
  absl::flat_hash_map<std::string, int> by_name_;
};

}  // namespace sluice::port
