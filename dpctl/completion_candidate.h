// A word that the shell may put in the place of the one that is being typed.
//
// Text that ends in '(', '=' or ',' wants more behind it: shells add no blank then.
#pragma once

#include <string>
#include <vector>

namespace sluice::dpctl {

struct Candidate {
  std::string text;   // the whole word
  std::string about;  // one line; empty where there is nothing to say
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

using Candidates = std::vector<Candidate>;

}  // namespace sluice::dpctl
