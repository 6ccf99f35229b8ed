// Inside of random_pipeline: lists of actions as text.
#pragma once

#include <string>

#include "agent/pipeline/match.h"
#include "tests/support/random_pipeline.h"

namespace sluice::testing {

class RandomActions {
 public:
  // Neither is owned.
  RandomActions(const RandomPipelineOptions* options, Random* random)
      : options_(*options), random_(*random) {}

  // Of a rule with this match, in this table.
  std::string OfRule(uint8_t table, const pipeline::MatchBuilder& match);
  std::string OfBucket(uint32_t group);

 private:
  enum Place : unsigned { kList = 1, kSet = 2, kBucket = 4 };
  struct Context {
    Place place = kList;
    unsigned table = 0, group = 0, depth = 0;
    bool leads_nowhere = false;               // no resubmits and groups
    pipeline::MatchBuilder* known = nullptr;  // null: the parser does not check fields
  };
  struct Kind;

  std::string List(Context context, uint64_t length);
  std::string One(const Context& context);
  std::string OfKind(pipeline::ActionKind kind, const Context& context);
  bool Allowed(const Kind& kind, const Context& context) const;
  bool Has(pipeline::ActionKind kind) const {
    return (options_.exclude >> static_cast<unsigned>(kind) & 1) == 0;
  }

  std::string Output();
  std::string OutputRegister();
  std::string Controller();
  std::string SetField(const Context& context);
  std::string Mod();
  std::string Load(const pipeline::FieldRow& row, absl::uint128 value);
  std::string Move(const Context& context);
  std::string PushOrPop(bool push, const Context& context);
  std::string Resubmit(const Context& context);
  std::string Conntrack(const Context& context);
  std::string CheckPktLarger(const Context& context);
  std::string Group(const Context& context);
  std::string Sample();

  const pipeline::FieldRow* Source(const Context& context);
  const pipeline::FieldRow* Destination(const Context& context);
  bool MaySet(const pipeline::FieldRow& row, const pipeline::MatchBuilder* known) const;
  absl::uint128 ValueFor(const pipeline::FieldRow& row);
  std::string Part(const pipeline::FieldRow& row, unsigned bits);

  uint64_t Below(uint64_t n) { return random_.Below(n); }
  bool Percent(unsigned percent) { return random_.Percent(percent); }
  template <typename T, size_t kSize>
  const T& Pick(const T (&values)[kSize]) {
    return values[Below(kSize)];
  }

  const RandomPipelineOptions& options_;
  Random& random_;
};

}  // namespace sluice::testing
