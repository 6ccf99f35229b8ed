#include "netlink/base/counters.h"

#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::base {
namespace {

struct Entry {
  std::string help;
  Counter counter;
};

struct Registry {
  absl::Mutex mutex;
  // A map: entries stay where they are, and reading is in order of the names.
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries ABSL_GUARDED_BY(mutex);
};

Registry& TheRegistry() {
  static Registry* registry = new Registry;  // never destroyed: counted until the last thread ends
  return *registry;
}

}  // namespace

Counter& Counters::Get(std::string_view name, std::string_view help) {
  Registry& registry = TheRegistry();
  absl::MutexLock lock(&registry.mutex);
  auto it = registry.entries.find(name);
  if (it == registry.entries.end()) {
    auto entry = std::make_unique<Entry>();
    entry->help = help;
    it = registry.entries.emplace(name, std::move(entry)).first;
  }
  return it->second->counter;
}

std::vector<CounterReading> Counters::Read() {
  Registry& registry = TheRegistry();
  absl::MutexLock lock(&registry.mutex);
  std::vector<CounterReading> readings;
  readings.reserve(registry.entries.size());
  for (const auto& [name, entry] : registry.entries)
    readings.push_back({name, entry->help, entry->counter.value()});
  return readings;
}

}  // namespace sluice::base
