// Actions that wait for the end of the pipeline: at most one of each kind, carried out in an order
// of their own, whatever the order in which they were written (OpenFlow 1.5, 5.6).
//
//   ActionSet set;
//   set.Write(action.nested());
//   for (const Action& action : set.InOrder()) ...
//
// Borrows the actions: they must live as long. Not thread-safe.
#pragma once

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "agent/pipeline/action.h"

namespace sluice::translate {

class ActionSet {
 public:
  void Clear() { actions_.clear(); }
  bool empty() const { return actions_.empty(); }
  // What is there of the same kind gives way; of fields, each write counts, in its turn.
  void Write(pipeline::ActionSpan actions);

  // As they were written.
  void CopyTo(pipeline::ActionList* list) const {
    for (const pipeline::Action& action : actions_) list->AppendCopy(action.alone());
  }

  using List = absl::InlinedVector<pipeline::Action, 8>;
  // In the order in which they are carried out, with only one of those that send the packet: a
  // group before an output before a resubmit. Empty when none does, as nobody would see the rest.
  List InOrder() const;
  // Where it would send the packet: kPortNone for nowhere, a group, or wherever a register says.
  uint32_t OutputPort() const;

 private:
  List actions_;
};

}  // namespace sluice::translate
