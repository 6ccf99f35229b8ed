// Text and JSON of the few attributes that no general rule describes. Used by the tables of this
// folder only.
#pragma once

#include "netlink/attr/table.h"

namespace sluice::ovs {

extern const attr::TextHook kGeneveHook;      // geneve({class=0x102,type=0x80,len=4,0x7f}{..})
extern const attr::TextHook kErspanHook;      // erspan(ver=2,dir=1,hwid=0x7)
extern const attr::TextHook kHashHook;        // hash(sym_l4(0))
extern const attr::TextHook kSetHook;         // set(eth(..)), masked or not
extern const attr::TextHook kSetMaskedHook;   // set(eth(dst=../..)), set_masked(..)
extern const attr::TextHook kCtHook;          // ct(commit,zone=5)
extern const attr::TextHook kNatHook;         // nat(src=10.0.0.1-10.0.0.9:10-20,random)
extern const attr::TextHook kNatAddressHook;  // addresses of a nat in JSON
extern const attr::TextHook kUserdataHook;    // userdata(0a0b), slow_path(cfm), sFlow(..)
extern const attr::TextHook kPushNshHook;     // push_nsh(flags=0,ttl=63,..)
extern const attr::TextHook kPopNshHook;      // pop_nsh()

}  // namespace sluice::ovs
