// What is busy in a datapath: two samples of its counters, compared. Pure functions.
//
//   auto before = std::make_shared<TopSample>(Look()), now = std::make_shared<TopSample>(Look());
//   const TopReport report = Compare(before.get(), now);
//   printf("%.0f packets/s\n", report.hit + report.missed);
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netlink/base/clock.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/flow.h"
#include "netlink/ovs/vport.h"

namespace sluice::dpctl {

// All counters at one time.
struct TopSample {
  base::MonotonicMs time = 0;
  ovs::Datapath datapath;
  std::map<uint32_t, ovs::Vport> ports;  // by number
  std::vector<ovs::Flow> flows;
};

// A second.
struct Rate {
  double packets = 0, bytes = 0;
};
struct FlowRate {
  const ovs::Flow* flow = nullptr;  // of TopReport::sample
  Rate rate;
};
// All flows with the same mask; the kernel counts nothing for masks themselves.
struct MaskRate {
  std::string text;
  size_t flows = 0;
  Rate rate;
  base::MonotonicMs used = 0;  // by the flow that was used last; 0: never
};
struct PortRate {
  const ovs::Vport* port = nullptr;  // of TopReport::sample
  Rate rx, tx;
  double dropped = 0;  // both ways
  // Packets; since Linux 6.2.
  std::optional<double> upcalls_queued{}, upcalls_lost{};
};

struct TopReport {
  std::shared_ptr<const TopSample> sample;
  double seconds = 0;  // between the samples; 0: there was only one, and all rates are 0
  double hit = 0, missed = 0, lost = 0;      // packets a second
  std::optional<double> masks_per_packet{};  // looked at, on average; absent without packets
  std::optional<double> cached{};            // fraction found through the cache of masks
  std::vector<FlowRate> flows;
  std::vector<MaskRate> masks;
  std::vector<PortRate> ports;
};

// A counter that went back was set to zero in between, so that all it shows is of this interval;
// and so is all of a flow or port that was not there before. `before` may be null.
TopReport Compare(const TopSample* before, std::shared_ptr<const TopSample> now);

// A flow's mask in a few words: "in_port,eth_type,ipv4.dst/255.0.0.0".
std::string MaskText(base::ByteView mask);

}  // namespace sluice::dpctl
