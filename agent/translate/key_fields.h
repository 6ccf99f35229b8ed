// Between the kernel's flow key and the fields that rules match.
//
// A FlowKey says which attributes there are; Fields are flat, and what is absent is zero. Both ways
// lose nothing of a key as the kernel makes it, but for what no field covers (NSH, IPv6 extension
// headers, the rest of ERSPAN metadata), which KeyOfFields() takes from another key. Of Geneve
// options, fields cover what TunnelOptions say; without these, nothing.
//
//   const Fields packet = FieldsOfKey(upcall_key);
//   ... translation reads `packet`, and marks what it read ...
//   const ovs::FlowKey mask = MaskOfFields(read, upcall_key);
//   ovs::EncodeFlowMask(upcall_key, mask, &writer);
#pragma once

#include <array>

#include "agent/pipeline/fields.h"
#include "agent/pipeline/tunnel_options.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::translate {

using pipeline::Fields;

Fields FieldsOfKey(const ovs::FlowKey& key, const pipeline::TunnelOptions& options = {});

// The key of a packet with these fields, as the kernel would write it: metadata always, the port
// unless it is kInPortNone, and of the layers what the types in front of them ask for. `rest` has
// what Fields do not cover; where it has Geneve options, these stay.
ovs::FlowKey KeyOfFields(const Fields& fields, const ovs::FlowKey& rest = {},
                         const pipeline::TunnelOptions& options = {});

// The mask of the flow of `key` that matches those packets which agree with it in `bits`, or fewer
// of them: ports, Ethernet types, fragment types and the shape of a tag are matched whole, as the
// kernel knows no less. Where the key lacks what bits ask for, the types in front of it are matched
// in its stead.
ovs::FlowKey MaskOfFields(const Fields& bits, const ovs::FlowKey& key,
                          const pipeline::TunnelOptions& options = {});

// The bits that a mask of the flow of `key` matches, with those that the kernel matches in any case
// (that there is no tag, or no Ethernet header). Flows with the same bits have one mask in the
// kernel, whatever their keys; and MaskOfFields() of them gives that mask again.
Fields BitsOfMask(const ovs::FlowKey& mask, const ovs::FlowKey& key,
                  const pipeline::TunnelOptions& options = {});

// OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS as tun_erspan_* say it.
std::array<uint8_t, 12> ErspanOfFields(const Fields& fields);

// All bits that a packet like `key` has, but for what the kernel or the datapath's own actions put
// beside it (priority, hash).
Fields ExactBits(const ovs::FlowKey& key, const pipeline::TunnelOptions& options = {});

}  // namespace sluice::translate
