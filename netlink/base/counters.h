// Named counters: every loss, refusal and retry of the project has one.
//
// A Counter is made once, where it is counted, and lives as long as the process:
//
//   Counter& lost = Counters::Get("upcall_overrun", "Upcalls that a full socket lost (ENOBUFS).");
//   lost.Add();
//
// Add() is one relaxed atomic addition on a cache line of its own; it may be called from any
// thread. Get() takes a lock: keep the reference. The same name gives the same counter.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::base {

class alignas(64) Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct CounterReading {
  std::string name;
  std::string help;
  uint64_t value = 0;
};

// The registry: the one global of the project.
class Counters {
 public:
  static Counter& Get(std::string_view name, std::string_view help);
  // All counters, sorted by name.
  static std::vector<CounterReading> Read();
};

}  // namespace sluice::base
