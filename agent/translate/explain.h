// Why a datapath flow is what it is: the rules that its packets meet, the addresses that were asked
// for, and for each part of the mask who read it.
//
//   const Explanation why = Explain(key, sight.view(), ports.get());
#pragma once

#include <string>
#include <vector>

#include "agent/pipeline/ports.h"
#include "agent/translate/translate.h"

namespace sluice::translate {

struct Explanation {
  struct RuleUsed {
    uint8_t table = 0;
    const pipeline::TableRule* rule = nullptr;  // of the view; null: no rule matched
  };
  struct Address {  // in the MAC table
    base::Mac mac;
    uint16_t vlan = 0;
    std::optional<uint32_t> port_no{};  // where it was seen; none: nowhere
    bool learned = false;               // the source, which packets of the flow keep alive
  };
  struct Part {                          // of the mask
    std::string match;                   // "nw_dst=10.0.0.0/24"
    std::vector<std::string> because{};  // who read it
  };
  Translation translation;
  std::vector<RuleUsed> rules;
  std::vector<Address> addresses;
  std::vector<Part> mask;
  std::string steps;  // as Trace() has them
};

// `names` may be null. Nothing is learned and nothing counted.
Explanation Explain(const ovs::FlowKey& key, const View& view, const pipeline::PortNames* names);

}  // namespace sluice::translate
