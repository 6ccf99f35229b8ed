#include "agent/daemon/memory.h"

#include <malloc.h>
#include <unistd.h>

#include <fstream>

namespace sluice::daemon {
namespace {

constexpr uint64_t kFewBytes = 1 << 20;  // free ones, that do not matter
constexpr uint64_t kShareKept = 8;       // of the heap in use, one part in so many may be free

}  // namespace

MemoryUse ReadMemoryUse() {
  uint64_t all_pages = 0, resident_pages = 0;
  std::ifstream("/proc/self/statm") >> all_pages >> resident_pages;
  const struct mallinfo2 heap = mallinfo2();
  return {.resident_bytes = resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)),
          .heap_bytes = heap.uordblks + heap.hblkhd};
}

void ReturnFreeMemory() {
  const struct mallinfo2 heap = mallinfo2();
  if (heap.fordblks > kFewBytes + heap.uordblks / kShareKept) ::malloc_trim(0);
}

}  // namespace sluice::daemon
