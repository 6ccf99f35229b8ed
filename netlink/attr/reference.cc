#include "netlink/attr/reference.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "netlink/attr/text.h"
#include "netlink/base/status.h"

namespace sluice::attr {
namespace {

using base::ToAbsl;

std::string Code(std::string_view text) {
  return text.empty() ? std::string() : absl::StrCat("`", ToAbsl(text), "`");
}

std::string Integer(const Field& field) {
  const bool network = field.order == Order::kNetwork && field.size > 1;
  std::string type = absl::StrCat(network ? "be" : "u", 8 * field.size);
  if (field.bits != 0) {
    type = absl::StrCat(field.bits, field.bits == 1 ? " bit" : " bits", " of ", type, " from bit ",
                        field.shift);
  }
  return type;
}

std::string TypeOf(const Field& field) {
  switch (field.format) {
    case Format::kMac:
      return "MAC";
    case Format::kIpv4:
      return "IPv4";
    case Format::kIpv6:
      return "IPv6";
    case Format::kBigHex:
      return absl::StrCat(field.order == Order::kNetwork ? "be" : "u", 8 * field.size);
    case Format::kPort:
      return "u32, port";
    case Format::kEnum:
      return Integer(field) + ", enumeration";
    case Format::kFlags:
      return Integer(field) + ", bits";
    case Format::kFraction:
      return "u32, of 2^32-1";
    default:
      return Integer(field);
  }
}

std::string FieldsOf(const Row& row) {
  if (row.fields.size() == 1 && row.fields[0].name.empty()) return TypeOf(row.fields[0]);
  std::string text;
  for (const Field& field : row.fields) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", Code(field.name), " ", TypeOf(field), " at ",
                    field.offset);
  }
  return absl::StrCat(row.size, " bytes: ", text);
}

std::string LinkTo(const Table& table) {
  return absl::StrCat("[", ToAbsl(table.name), "](#", ToAbsl(table.name), ")");
}

std::string Payload(const Row& row) {
  switch (row.kind) {
    case Kind::kFlag:
      return "flag";
    case Kind::kFields: {
      std::string text = FieldsOf(row);
      if (row.paired) text += ", then a mask of the same size";
      if (row.grows) text += ", and more on newer kernels";
      return text;
    }
    case Kind::kArray:
      return "array of " + FieldsOf(row);
    case Kind::kString:
      return "string";
    case Kind::kBytes:
      return row.size != 0 ? absl::StrCat(row.size, " bytes") : "bytes";
    case Kind::kSet:
      return "set of " + LinkTo(*row.nested);
    case Kind::kList:
      return "list of " + LinkTo(*row.nested);
    case Kind::kReserved:
      return "";
  }
  return "";
}

std::string Meaning(const Row& row) {
  if (!row.doc.empty()) return std::string(row.doc);
  return row.type == 0 ? "No attribute." : "Not used.";
}

void AppendValues(const Row& row, const Field& field, std::string* out) {
  absl::StrAppend(out, "\nValues of ", Code(field.name.empty() ? row.name : field.name), " in ",
                  Code(row.constant), ":\n\n| constant | value | text |\n| --- | --- | --- |\n");
  for (const Name& name : field.names) {
    std::string value;
    AppendNumber(name.value, field.format == Format::kFlags ? Format::kHex : Format::kDec, &value);
    absl::StrAppend(out, "| ", Code(name.constant), " | ", value, " | ", Code(name.name), " |\n");
  }
}

}  // namespace

std::string ReferenceSection(const Table& table) {
  std::string out = absl::StrCat("## ", ToAbsl(table.name), "\n\n", ToAbsl(table.doc),
                                 "\n\n| constant | number | text | payload | since | meaning |\n"
                                 "| --- | --- | --- | --- | --- | --- |\n");
  std::vector<const Row*> rows;
  for (const Row& row : table.rows) rows.push_back(&row);
  std::sort(rows.begin(), rows.end(), [](const Row* a, const Row* b) { return a->type < b->type; });
  unsigned highest = 0;
  for (const Row* row : rows) {
    if (!row->internal) highest = row->type;
    std::string text = Code(row->name);
    if (!row->alias.empty()) absl::StrAppend(&text, ", ", Code(row->alias));
    absl::StrAppend(&out, "| ", Code(row->constant), " | ", row->type, " | ", text, " | ",
                    Payload(*row), " | ", ToAbsl(row->since), " | ", Meaning(*row), " |\n");
  }
  if (!table.prefix.empty()) {
    absl::StrAppend(&out, "| `", ToAbsl(table.prefix), "MAX` | ", highest,
                    " | | | | The highest number above that may be sent. |\n");
  }
  for (const Row* row : rows)
    for (const Field& field : row->fields)
      if (!field.names.empty()) AppendValues(*row, field, &out);
  return out;
}

}  // namespace sluice::attr
