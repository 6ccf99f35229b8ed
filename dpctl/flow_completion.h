// What can stand at the end of a piece of flow text: fields, actions and their parts, out of the
// tables that read the text. Pure functions.
//
//   CompleteFlowText("in_port(1),eth_ty", ovs::kKeyTable, {})
//       -> {{"in_port(1),eth_type(", "Ethernet type."}}
#pragma once

#include <span>
#include <string_view>

#include "dpctl/completion_candidate.h"
#include "netlink/attr/table.h"

namespace sluice::dpctl {

// A port of the datapath that the text is for.
struct PortChoice {
  uint32_t number;
  std::string name;
};

// `table` is kKeyTable or kActionTable. A candidate is all of `text` with its last word completed.
Candidates CompleteFlowText(std::string_view text, const attr::Table& table,
                            std::span<const PortChoice> ports);

}  // namespace sluice::dpctl
