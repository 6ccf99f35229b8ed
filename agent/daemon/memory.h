// How much memory the daemon has.
//
// What is resident can grow while nothing is lost: the allocator keeps pieces between others that
// are in use. What the heap has in use tells of a leak.
#pragma once

#include <cstdint>

namespace sluice::daemon {

struct MemoryUse {
  uint64_t resident_bytes = 0;  // 0 when it cannot be read
  uint64_t heap_bytes = 0;      // in use, of malloc()
};

// Takes some microseconds, and the allocator's locks one after the other.
MemoryUse ReadMemoryUse();

// Gives pages that the heap keeps, and does not use, back to the kernel when they are many. Takes
// some milliseconds then, and each of the allocator's locks for as long: for once a minute.
void ReturnFreeMemory();

}  // namespace sluice::daemon
