// Samples as lines of text and as JSON. Pure, but for the names of interfaces.
#pragma once

#include <map>
#include <string>

#include "dpctl/session.h"
#include "netlink/ovs/psample.h"

namespace sluice::dpctl {

struct SampleReport {
  ovs::Sample sample;
  uint64_t time_ns = 0;  // since 1970
  uint32_t lost = 0;     // samples of the group between the one before and this one
  std::string in, out;   // names of interfaces; empty when there is none of that number
};

// How many samples of their group came between the one before and this one, and were not seen.
class SampleGaps {
 public:
  uint32_t Take(const ovs::Sample& sample);

 private:
  std::map<uint32_t, uint32_t> next_;  // by group
};

// One line with its end; `more` adds the bytes of the packet.
void AppendSample(const SampleReport& report, bool more, std::string* out);
Json SampleToJson(const SampleReport& report);

}  // namespace sluice::dpctl
