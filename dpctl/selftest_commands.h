// Commands of the selftest dialect (selftest_dialect.h) that are not dpctl's own: their options and
// what they print is what the kernel's scripts expect. Nobody calls them by another name.
#pragma once

#include "dpctl/command.h"

namespace sluice::dpctl {

extern const Command kSelftestShow;
extern const Command kSelftestAddDp;  // --upcall --versioning
extern const Command kSelftestAddIf;  // --upcall --ptype --dport --lwt --no-lwt
extern const Command kSelftestDelIf;  // --dellink
extern const Command kSelftestPsampleEvents;

}  // namespace sluice::dpctl
