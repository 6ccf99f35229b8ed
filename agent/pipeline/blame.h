// What is wrong with a text, and where: how the parsers of rules report.
//
// They work on views into one text and return false when they fail, having set a Blame; whoever
// holds the whole text makes a status of it, with the line and a caret.
//
//   if (!ParseThing(word, &thing, &blame)) return blame.ToStatus(text);
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "netlink/attr/scanner.h"
#include "netlink/base/status.h"

namespace sluice::pipeline {

struct Blame {
  std::string_view at;  // into the text that is being parsed
  std::string what;

  // `parts` are what absl::StrCat() takes. Returns false, for `return blame->Set(...)`.
  template <typename... Parts>
  bool Set(std::string_view place, const Parts&... parts) {
    at = place;
    what = absl::StrCat(parts...);
    return false;
  }

  // kInvalidArgument: "WHAT\n  TEXT\n     ^".
  absl::Status ToStatus(std::string_view text) const {
    const bool inside = at.data() >= text.data() && at.data() <= text.data() + text.size();
    return attr::TextError(text, inside ? static_cast<size_t>(at.data() - text.data()) : 0, what);
  }
};

using base::ToAbsl;

}  // namespace sluice::pipeline
