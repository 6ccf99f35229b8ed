// Between the Geneve options of a tunnel key and the fields that stand for them.
//
// The kernel matches options as bytes at their places. So whatever is said of one option holds for
// keys that have the same options in front of it; and that there is none of a kind, for keys with
// the same options throughout. Pure functions; they take whatever bytes there are.
#pragma once

#include "agent/pipeline/fields.h"
#include "agent/pipeline/tunnel_options.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::translate {

void GeneveToFields(const ovs::TunnelKey& key, const pipeline::TunnelOptions& options,
                    pipeline::Fields* fields);

// Options with the values of the fields; none where all are zero.
void GeneveFromFields(const pipeline::Fields& fields, const pipeline::TunnelOptions& options,
                      ovs::TunnelKey* key);

// What of the options of `key` a mask of the fields asks for. `mask` has the attributes of `key`
// already, and its size of options, with no bit of them. True when the mask must say that there are
// no options at all, and that is left to the caller.
bool GeneveMask(const pipeline::Fields& bits, const pipeline::TunnelOptions& options,
                const ovs::TunnelKey& key, ovs::TunnelKey* mask);

// The bits of the fields that such a mask matches, with those that it matches in any case. Where
// the key has no options, a mask that names any kind of them says so.
void GeneveBits(const ovs::TunnelKey& mask, const pipeline::TunnelOptions& options,
                const ovs::TunnelKey& key, pipeline::Fields* bits);

}  // namespace sluice::translate
