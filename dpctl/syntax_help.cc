#include "dpctl/syntax_help.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "absl/strings/str_cat.h"
#include "netlink/attr/table.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {
namespace {

using attr::Field;
using attr::Format;
using attr::Kind;
using attr::Row;
using attr::Style;
using attr::Table;
using base::ToAbsl;

// What no general rule writes (Row::hook), by the name of the attribute.
struct Syntax {
  std::string_view name;
  std::string_view text;
};
constexpr Syntax kOwnSyntax[] = {
    {"geneve", "geneve({class=0xN,type=0xN,len=N,HEX}...)"},
    {"erspan", "erspan(ver=1,idx=0xN) or erspan(ver=2,dir=N,hwid=0xN)"},
    {"hash", "hash(l4(SEED)) or hash(sym_l4(SEED))"},
    {"set", "set(FIELD)"},
    {"set_masked", "set_masked(FIELD)"},
    {"nat", "nat or nat(src|dst[=IP[-IP][:PORT[-PORT]]][,persistent][,hash|,random])"},
    {"userdata", "userdata(HEX)"},
    {"push_nsh", "push_nsh(flags=N,ttl=N,mdtype=N,np=N,spi=0xN,si=N,c1=0xN..c4=0xN|md2=0xHEX)"},
    {"pop_nsh", "pop_nsh()"},
};

std::string NamesOf(const Field& field, std::string_view separator) {
  std::string names;
  for (const attr::Name& name : field.names)
    absl::StrAppend(&names, names.empty() ? "" : ToAbsl(separator), ToAbsl(name.name));
  return names;
}

std::string ValueOf(const Field& field) {
  switch (field.format) {
    case Format::kPort:
      return "PORT";
    case Format::kMac:
      return "MAC";
    case Format::kIpv4:
      return "IPV4";
    case Format::kIpv6:
      return "IPV6";
    case Format::kEnum:
      return NamesOf(field, "|");
    case Format::kFlags:
      return "FLAGS";
    case Format::kFraction:
      return "PERCENT%";
    case Format::kDec:
      return "N";
    case Format::kHex:
    case Format::kHex4:
    case Format::kBigHex:
      return "0xN";
  }
  return "N";
}

std::string FieldsOf(const Row& row) {
  std::string text;
  for (const Field& field : row.fields) {
    const std::string item =
        field.name.empty() ? ValueOf(field) : absl::StrCat(ToAbsl(field.name), "=", ValueOf(field));
    const char* comma = text.empty() ? "" : ",";
    absl::StrAppend(&text, field.implied ? "[" : "", comma, item, field.implied ? "]" : "");
  }
  if (row.paired) text.append("[/MASK]");
  return text;
}

std::string InsideOf(const Row& row) {
  switch (row.kind) {
    case Kind::kFields:
      return FieldsOf(row);
    case Kind::kArray:
      return FieldsOf(row) + "[,...]";
    case Kind::kString:
      return "NAME";
    case Kind::kBytes:
      return "HEX";
    case Kind::kSet:
      return "...";
    case Kind::kList:
      return "ACTIONS";
    case Kind::kFlag:
    case Kind::kReserved:
      break;
  }
  return "";
}

std::optional<std::string_view> OwnSyntax(const Row& row) {
  const auto* own = std::find_if(std::begin(kOwnSyntax), std::end(kOwnSyntax),
                                 [&row](const Syntax& s) { return s.name == row.name; });
  if (row.hook == nullptr || own == std::end(kOwnSyntax)) return std::nullopt;
  return own->text;
}

std::string SyntaxOf(const Row& row) {
  if (const auto own = OwnSyntax(row)) return std::string(*own);
  if (row.kind == Kind::kFlag) return std::string(row.name);
  switch (row.style) {
    case Style::kAssign:
      return absl::StrCat(ToAbsl(row.name), "=", InsideOf(row));
    case Style::kBare:
      return absl::StrCat(InsideOf(row), " or ", ToAbsl(row.name), "(", InsideOf(row), ")");
    case Style::kInline:
      return InsideOf(row);
    case Style::kCall:
      break;
  }
  return absl::StrCat(ToAbsl(row.name), "(", InsideOf(row), ")");
}

void AppendRows(const Table& table, const std::string& indent, std::string* out) {
  for (const Row& row : table.rows) {
    if (row.kind == Kind::kReserved || row.internal || row.name.empty()) continue;
    absl::StrAppend(out, indent, SyntaxOf(row), "\n");
    absl::StrAppend(out, indent, "    ", ToAbsl(row.doc), row.doc.empty() ? "" : " ");
    if (!row.since.empty()) absl::StrAppend(out, "Since Linux ", ToAbsl(row.since), ".");
    out->push_back('\n');
    for (const Field& field : row.fields)
      if (field.format == Format::kFlags && !field.names.empty())
        absl::StrAppend(out, indent, "    FLAGS: ", NamesOf(field, " "), "\n");
    const bool lists =
        row.kind == Kind::kSet && row.nested != &ovs::kKeyTable && &table != row.nested;
    if (lists && !OwnSyntax(row)) AppendRows(*row.nested, indent + "  ", out);
  }
}

}  // namespace

std::string FieldsHelp() {
  std::string text =
      "Fields of a flow, separated by commas. What is not named is not looked at. Most values "
      "take\n"
      "a mask behind a slash: dst=10.0.0.0/255.0.0.0, or /8; tcp(src=80/0xfff0). Numbers are\n"
      "decimal, 0x.. or octal 0..; PORT is a number or a name; FLAGS are names: a|b for these and\n"
      "no others, +a-b for these whatever the others, or a number with a mask. What dpctl does "
      "not\n"
      "know is keyNUMBER(HEX/HEX).\n\n";
  AppendRows(ovs::kKeyTable, "  ", &text);
  return text;
}

std::string ActionsHelp() {
  std::string text =
      "Actions, separated by commas, taken in their order. No actions drop the packet: '' or "
      "drop.\n"
      "FIELD is one of `dpctl help fields`, with a mask where only some bits are written. What "
      "dpctl\n"
      "does not know is actionNUMBER(HEX).\n\n";
  AppendRows(ovs::kActionTable, "  ", &text);
  return text;
}

}  // namespace sluice::dpctl
