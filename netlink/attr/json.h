// Attributes as JSON, by table: what text.h is for people, for programs.
//
//   set           an object by attribute: {"in_port":1,"ipv4":{"dst":"10.0.0.1","proto":6}}
//   list          an array of objects with one member: [{"pop_vlan":true},{"output":2}]
//   number        a number; an enumerator or, where names are wanted, a port by its name
//   address       a string, as in text; labels too: "0x1f"
//   bits          an object with each bit that matters: {"trk":true,"new":false}; one that has no
//                 name by its value: {"0x100":true}
//   flag          true; the flags of a tunnel key as bits: {"flags":{"df":true,"csum":false,..}}
//   percentage    a number: 50 for half of the packets
//   bytes         hex digits: "0a0b"
//   unknown       {"key99":{"value":"0a0b","mask":"ffff"}}
//
// A value under a partial mask is {"value":..,"mask":..}; under a full one it stands alone; under
// an empty one it is left out, unless `verbose`. An attribute that came twice stands, as in a list,
// in the member "repeated"; bytes that are no attribute in "malformed". Ports, depth and verbosity
// are as in TextOptions. All strings are valid UTF-8. Pure functions.
//
//   std::cout << SetToJson(kKeyTable, flow.key, MaskView::Of(*flow.mask), {}).dump();
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "netlink/attr/table.h"
#include "netlink/attr/text.h"

namespace sluice::attr {

using Json = nlohmann::ordered_json;

Json SetToJson(const Table& table, ByteView attributes, MaskView mask, const TextOptions& options);
Json ListToJson(const Table& table, ByteView attributes, const TextOptions& options);

// Building blocks for hooks.

// The fields of a payload that has the row's shape.
Json FieldsToJson(const Row& row, ByteView value, MaskView mask, const TextOptions& options);
// The value alone, or beside its mask.
Json WithMask(Json value, Json mask, bool full);
// {"value":"0a0b"}, with "mask" unless the value is exact.
Json UnknownToJson(ByteView payload, MaskView mask);

}  // namespace sluice::attr
