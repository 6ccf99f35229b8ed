// Samples of psample groups, followed: for `samples`, and for the selftest dialect.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "dpctl/session.h"
#include "netlink/ovs/psample.h"

namespace sluice::dpctl {

// Hands each sample to `take` until that returns false, a signal comes, or the output cannot be
// written; it is flushed after each batch. `ready` is called once samples can come. Samples that
// the socket lost are told on standard error, as far as is known.
absl::Status FollowSamples(Session* session, absl::FunctionRef<void()> ready,
                           absl::FunctionRef<bool(const ovs::Sample&)> take);

}  // namespace sluice::dpctl
