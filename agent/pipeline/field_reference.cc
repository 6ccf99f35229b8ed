// docs/reference/fields.md, from the table.
#include "absl/strings/str_cat.h"
#include "agent/pipeline/field_table.h"
#include "netlink/base/status.h"

namespace sluice::pipeline {
namespace {

using base::ToAbsl;

std::string_view FormatText(FieldFormat format) {
  switch (format) {
    case FieldFormat::kDecimal:
      return "decimal";
    case FieldFormat::kHex:
    case FieldFormat::kVlanTci:
      return "hexadecimal";
    case FieldFormat::kPort:
      return "port";
    case FieldFormat::kMac:
      return "Ethernet address";
    case FieldFormat::kIpv4:
      return "IPv4 address";
    case FieldFormat::kIpv6:
      return "IPv6 address";
    case FieldFormat::kVlanId:
    case FieldFormat::kVlanVid:
      return "VLAN id";
    case FieldFormat::kTos:
      return "multiple of 4";
    case FieldFormat::kFragment:
      return "word";
    case FieldFormat::kTcpFlags:
    case FieldFormat::kCtState:
    case FieldFormat::kTunnelFlags:
      return "flags";
    case FieldFormat::kPacketType:
      return "(namespace,type)";
  }
  return "";
}

std::string Aliases(const FieldRow& row) {
  std::string text;
  for (const std::string_view alias : row.aliases)
    if (!alias.empty()) absl::StrAppend(&text, text.empty() ? "`" : ", `", ToAbsl(alias), "`");
  return text;
}

std::string RowText(const FieldRow& row) {
  return absl::StrCat("| `", ToAbsl(row.name), "` | ", Aliases(row), " | ", row.bits, " | ",
                      ToAbsl(FormatText(row.format)), " | ",
                      row.masking == Masking::kExact ? "no" : "any", " | ",
                      ToAbsl(Words(row.needs)), " | ", row.writable ? "yes" : "no", " | ",
                      ToAbsl(row.since), " | ", ToAbsl(row.doc), " |\n");
}

}  // namespace

std::string FieldReferencePage() {
  std::string page =
      "# Match fields\n\n"
      "<!-- Generated from agent/pipeline/field_table.cc by the target `fields-page`. Do not edit. "
      "-->\n\n"
      "What rules can match and change. *Needs* is what a rule must match too, so that the field\n"
      "has a meaning. *Mask* says whether `VALUE/MASK` is allowed; an IP address also takes the\n"
      "length of a prefix. *Set* says whether actions may write it. *Since* is the release of "
      "Linux\n"
      "whose kernel can match it; fields without one are the agent's own and cost the kernel "
      "nothing.\nHow a rule is written is told in [rules.md](rules.md).\n\n"
      "| field | aliases | bits | value | mask | needs | set | since | meaning |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
  for (const FieldRow& row : FieldTable()) page += RowText(row);
  page +=
      "\n## Shorthands\n\nA word alone that stands for an Ethernet type and perhaps a protocol; "
      "`eth` stands for\n`packet_type=(0,0)`.\n\n"
      "| word | dl_type | nw_proto | meaning |\n| --- | --- | --- | --- |\n";
  for (const Shorthand& row : Shorthands()) {
    absl::StrAppend(
        &page, "| `", ToAbsl(row.name), "` | 0x", absl::Hex(row.eth_type, absl::kZeroPad4), " | ",
        row.proto == 0 ? std::string() : absl::StrCat(row.proto), " | ", ToAbsl(row.doc), " |\n");
  }
  return page;
}

}  // namespace sluice::pipeline
