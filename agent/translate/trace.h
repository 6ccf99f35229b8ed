// A translation in words: each table, rule and action, which bits of the packet each search asked
// for, and the datapath flow that results.
//
//   std::cout << Trace(key, view, &ports);
#pragma once

#include <string>

#include "agent/pipeline/ports.h"
#include "agent/translate/translate.h"

namespace sluice::translate {

// `names` may be null. Nothing is learned and nothing counted. With View::packet_length it says
// which way the packet goes where lengths are compared.
std::string Trace(const ovs::FlowKey& key, const View& view, const pipeline::PortNames* names);

// What Trace() writes each step with, to `out`.
std::unique_ptr<Observer> MakeTraceWriter(const pipeline::PortNames* names, std::string* out);

}  // namespace sluice::translate
