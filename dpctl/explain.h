// A flow in words: what a packet must be like, what is done with it, and which kernel that needs.
//
// Everything comes from the attribute tables: an attribute that they do not have is told with the
// newest that they have. Pure functions.
//
//   Explanation words = Explain(key, attr::MaskView::Of(mask), actions, {});
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netlink/attr/text.h"

namespace sluice::dpctl {

// One attribute, of a match or of an action.
struct ExplainedPart {
  std::string text;                     // as in a flow: ipv4(dst=10.0.0.0/255.0.0.0)
  std::string constant;                 // OVS_KEY_ATTR_IPV4; empty where the tables have none
  std::string since;                    // release of Linux; empty where nobody knows
  std::string about;                    // a sentence
  std::vector<std::string> statements;  // of a match: "dst is in 10.0.0.0/8"
  std::vector<ExplainedPart> parts;     // what is nested in it
};

struct Explanation {
  std::vector<ExplainedPart> match;
  std::optional<std::vector<ExplainedPart>> actions;
  std::string since;                // the newest release that any part needs
  std::vector<std::string> newest;  // the texts of the parts that need it
};

Explanation Explain(base::ByteView key, attr::MaskView mask, std::optional<base::ByteView> actions,
                    const attr::TextOptions& options);

// Lines, the last with its end.
std::string ToText(const Explanation& explanation);

}  // namespace sluice::dpctl
