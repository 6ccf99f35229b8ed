// Text and JSON of the actions push_nsh(flags=0,ttl=63,..) and pop_nsh().

#include <nlohmann/json.hpp>

#include "netlink/attr/json.h"
#include "netlink/attr/parser.h"
#include "netlink/attr/text.h"
#include "netlink/attr/wire.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/text_hooks.h"

namespace sluice::ovs {
namespace {

using attr::MaskView;
using attr::ParsedAttribute;
using attr::Parser;
using attr::Row;
using attr::TextOptions;
using base::ByteView;

// The header is in an attribute of its own, as in a key, although the comments of the kernel's
// header say otherwise (flow_netlink.c, validate_nsh). Text passes over that level.
bool FormatPushNsh(const Row& row, ByteView value, MaskView, const TextOptions& options,
                   std::string* out) {
  TextOptions inner = options;
  if (++inner.depth > attr::kMaxTextDepth) return false;
  const size_t start = out->size() + row.name.size();
  out->append(row.name).push_back('(');
  attr::AppendSet(kNshTable, attr::Find(value, OVS_KEY_ATTR_NSH), {}, inner, out);
  out->push_back(')');
  return attr::ReadsBack(row, std::string_view(*out).substr(start), options, value);
}

bool ParsePushNsh(Parser& parser, const Row&, ParsedAttribute* out) {
  base::ByteVector header;
  if (!parser.Expect('(') || !parser.SetTo(kNshTable, &header, nullptr, nullptr)) return false;
  attr::Writer writer(&out->value);
  writer.Put(OVS_KEY_ATTR_NSH, header);
  return writer.ok() ? parser.Expect(')') : parser.Fail("less than 64 KiB");
}

void PushNshToJson(const Row&, ByteView value, MaskView, const TextOptions& options,
                   attr::Json* out) {
  TextOptions inner = options;
  if (++inner.depth > attr::kMaxTextDepth) {
    *out = attr::UnknownToJson(value, {});
    return;
  }
  *out = attr::SetToJson(kNshTable, attr::Find(value, OVS_KEY_ATTR_NSH), {}, inner);
}

bool FormatPopNsh(const Row& row, ByteView, MaskView, const TextOptions&, std::string* out) {
  out->append(row.name).append("()");
  return true;
}

}  // namespace

const attr::TextHook kPushNshHook{FormatPushNsh, ParsePushNsh, PushNshToJson};
const attr::TextHook kPopNshHook{.format = FormatPopNsh};

}  // namespace sluice::ovs
