// The revalidator's thread, and what others ask of it. Rounds are in revalidator_round.cc.
#include "agent/flowcache/revalidator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/flowcache/revalidator_round.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::flowcache {
namespace {

// Rounds that are kicked follow each other at least this much apart.
constexpr uint64_t kMinIntervalMs = 10;

absl::Status TooLate(absl::Duration patience) {
  return absl::DeadlineExceededError(absl::StrCat("flows were not looked at again for ",
                                                  absl::ToInt64Seconds(patience), " seconds"));
}

}  // namespace

Revalidator::Revalidator(const RevalidatorOptions& options, Datapaths* datapaths,
                         const base::Clock* clock, socket::Client client,
                         install::Installer installer)
    : options_(options),
      datapaths_(datapaths),
      clock_(clock),
      client_(std::move(client)),
      installer_(std::move(installer)) {}

absl::StatusOr<std::unique_ptr<Revalidator>> Revalidator::Create(const RevalidatorOptions& options,
                                                                 Datapaths* datapaths,
                                                                 const base::Clock* clock) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_GENERIC));
  SLUICE_ASSIGN_OR_RETURN(install::Installer installer, install::Installer::Open());
  return std::unique_ptr<Revalidator>(
      new Revalidator(options, datapaths, clock, std::move(client), std::move(installer)));
}

Revalidator::~Revalidator() { Stop(); }

void Revalidator::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Revalidator::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Revalidator::Kick() {
  const base::MonotonicMs now = clock_->Now();
  absl::MutexLock lock(&mutex_);
  if (!kicked_) kicked_at_ = now;
  kicked_ = true;
}

absl::Status Revalidator::AwaitRound(absl::Duration patience) {
  Kick();
  absl::MutexLock lock(&mutex_);
  const uint64_t wanted = begun_ + 1;
  auto ended = [this, wanted]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ended_ >= wanted; };
  return mutex_.AwaitWithTimeout(absl::Condition(&ended), patience) ? absl::OkStatus()
                                                                    : TooLate(patience);
}

absl::StatusOr<RoundReport> Revalidator::Revalidate(int dp_ifindex, absl::Duration patience) {
  return Ask(Job::kRevalidate, dp_ifindex, patience);
}

absl::StatusOr<RoundReport> Revalidator::Purge(int dp_ifindex, absl::Duration patience) {
  return Ask(Job::kPurge, dp_ifindex, patience);
}

absl::StatusOr<RoundReport> Revalidator::Ask(Job job, int dp_ifindex, absl::Duration patience) {
  // Not a Kick(): nothing has changed that the round's lag would be told of.
  auto request = std::make_shared<Request>(
      Request{job, dp_ifindex, false, absl::NotFoundError("the bridge has no datapath any more")});
  absl::MutexLock lock(&mutex_);
  requests_.push_back(request);
  auto served = [&request] { return request->served; };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&served), patience)) return TooLate(patience);
  return request->answer;
}

void Revalidator::RunRound() {
  static base::Counter& rounds =
      base::Counters::Get("revalidator_rounds", "Rounds over all flows.");
  Requests requests;
  base::MonotonicMs changed = 0;
  {
    absl::MutexLock lock(&mutex_);
    requests.swap(requests_);
    if (kicked_) changed = kicked_at_;
    kicked_ = false;
    ++begun_;
  }
  const auto datapaths = datapaths_->Get();
  for (const std::shared_ptr<DatapathFlows>& datapath : *datapaths) {
    Round round{.datapath = datapath.get(),
                .report = {.number = this->rounds() + 1, .began = clock_->Now()}};
    RunRound(&round, requests);
    const base::MonotonicMs now = clock_->Now();
    round.report.duration_ms = now - round.report.began;
    if (changed != 0) round.report.lag_ms = now - changed;
    Finish(&round);
    for (const std::shared_ptr<Request>& request : requests) {
      if (request->dp_ifindex != datapath->dp_ifindex) continue;
      request->answer = round.report;
      if (!round.report.failure.empty())
        request->answer = absl::UnavailableError(round.report.failure);
    }
  }
  rounds_.fetch_add(1, std::memory_order_relaxed);
  rounds.Add();
  absl::MutexLock lock(&mutex_);
  for (const std::shared_ptr<Request>& request : requests) request->served = true;
  ++ended_;
}

void Revalidator::Loop() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      auto stop = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_; };
      auto wake = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stop_ || kicked_ || !requests_.empty();
      };
      mutex_.AwaitWithTimeout(absl::Condition(&stop), absl::Milliseconds(kMinIntervalMs));
      mutex_.AwaitWithTimeout(absl::Condition(&wake), absl::Milliseconds(options_.interval_ms));
      if (stop_) return;
    }
    RunRound();
  }
}

}  // namespace sluice::flowcache
