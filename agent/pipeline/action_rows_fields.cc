// Rows of actions that change fields: set_field, load, mod_*, move, push, pop, write_metadata,
// check_pkt_larger.
#include <algorithm>

#include "agent/pipeline/action_table.h"
#include "agent/pipeline/field_text.h"

namespace sluice::pipeline::rows {
namespace {

// `LEFT->RIGHT`.
bool SplitArrow(const ActionReader& reader, std::string_view* left, std::string_view* right) {
  const std::string_view text = reader.word.value;
  const size_t arrow = text.rfind("->");
  if (arrow == std::string_view::npos)
    return reader.Fail(reader.word.all, "expected ", ToAbsl(reader.row.name), ":",
                       ToAbsl(reader.row.syntax));
  *left = Trim(text.substr(0, arrow));
  *right = Trim(text.substr(arrow + 2));
  return true;
}

bool CheckKnown(const ActionReader& reader, Needs needs, const FieldRow& row,
                std::string_view place) {
  if (reader.known == nullptr || Holds(needs, reader.known->value, reader.known->mask)) return true;
  return reader.Fail(place, ToAbsl(row.name), " needs ", ToAbsl(Words(needs)), " in the match");
}

bool CheckWritable(const ActionReader& reader, const FieldRow& row, std::string_view place) {
  if (reader.inside == ActionPlace::kConntrackExec) {
    if (row.offset == offsetof(Fields, ct_mark) || row.offset == offsetof(Fields, ct_label))
      return true;
    return reader.Fail(place, "exec() changes ct_mark and ct_label alone");
  }
  if (!row.writable)
    return reader.Fail(
        place, ToAbsl(row.name), " cannot be changed",
        row.name == "ct_mark" || row.name == "ct_label" ? " but by ct(commit,exec(..))" : "");
  return CheckKnown(reader, SetNeeds(row), row, place);
}

bool ParseSource(const ActionReader& reader, std::string_view text, Subfield* subfield) {
  return ParseSubfield(text, subfield, reader.blame) &&
         CheckKnown(reader, SetNeeds(subfield->row()), subfield->row(), text);
}

bool ParseDestination(const ActionReader& reader, std::string_view text, Subfield* subfield) {
  return ParseSubfield(text, subfield, reader.blame) &&
         CheckWritable(reader, subfield->row(), text);
}

// VALUE[/MASK] of a whole field, into a kSetField.
bool SetTo(const ActionReader& reader, const FieldRow& row, std::string_view text, bool lenient) {
  FieldBits bits;
  if (!ParseFieldBits(row, text, reader.options.ports, &bits, reader.blame)) return false;
  if (row.format == FieldFormat::kTos && (bits.value & 3) != 0)
    return reader.Fail(text, ToAbsl(row.name), " must be a multiple of 4");
  if ((bits.mask & FullMask(row)) == 0) return reader.Fail(text, "the mask has no bit to set");
  AppendSetField(row, bits.value, bits.mask, lenient, reader.list);
  return true;
}

// The mod_* of a field; nullptr for a field that has none.
const ActionRow* ModOf(const FieldRow& field) {
  for (const ActionRow& row : ActionTable())
    if (row.parse == ParseMod && FindField(row.field) == &field) return &row;
  return nullptr;
}

absl::uint128 WholeMask(const FieldRow& row) {
  return row.format == FieldFormat::kTos ? FullMask(row) & ~absl::uint128(3) : FullMask(row);
}

}  // namespace

bool ParseSetField(const ActionReader& reader) {
  std::string_view value, name;
  if (!SplitArrow(reader, &value, &name)) return false;
  if (name.size() > 2 && name.substr(name.size() - 2) == "[]") name.remove_suffix(2);
  const FieldRow* row = FindFieldOrBlame(name.substr(0, name.find('[')), reader.blame);
  if (row == nullptr) return false;
  if (name.find('[') != std::string_view::npos)
    return reader.Fail(name, "set_field takes a whole field: use a mask, or load");
  return CheckWritable(reader, *row, name) && SetTo(reader, *row, value, /*lenient=*/false);
}

bool ParseLoad(const ActionReader& reader) {
  std::string_view text, name;
  Subfield subfield;
  if (!SplitArrow(reader, &text, &name) || !ParseDestination(reader, name, &subfield)) return false;
  absl::uint128 value = 0;
  if (!ParseWideNumber(text, &value) || (value & ~LowBits(subfield.bits)) != 0)
    return reader.Fail(text, ToAbsl(text), " is no number of ", subfield.bits,
                       subfield.bits == 1 ? " bit" : " bits");
  const absl::uint128 mask = LowBits(subfield.bits) << subfield.first;
  AppendSetField(subfield.row(), value << subfield.first, mask, /*lenient=*/false, reader.list);
  return true;
}

bool ParseMod(const ActionReader& reader) {
  const std::string_view text = reader.word.value;
  if (text.find('/') != std::string_view::npos)
    return reader.Fail(text, ToAbsl(reader.row.name), " takes no mask");
  return SetTo(reader, *FindField(reader.row.field), text, /*lenient=*/true);
}

bool ParseMove(const ActionReader& reader) {
  std::string_view from, to;
  MoveAction action;
  if (!SplitArrow(reader, &from, &to) || !ParseSource(reader, from, &action.source) ||
      !ParseDestination(reader, to, &action.destination))
    return false;
  if (action.source.bits != action.destination.bits)
    return reader.Fail(reader.word.value, "the source has ", action.source.bits,
                       " bits, the destination ", action.destination.bits);
  reader.list->Append(action);
  return true;
}

bool ParsePush(const ActionReader& reader) {
  PushAction action;
  if (!ParseSource(reader, reader.word.value, &action.source)) return false;
  reader.list->Append(action);
  return true;
}

bool ParsePop(const ActionReader& reader) {
  PopAction action;
  if (!ParseDestination(reader, reader.word.value, &action.destination)) return false;
  reader.list->Append(action);
  return true;
}

bool ParseWriteMetadata(const ActionReader& reader) {
  FieldBits bits;
  if (!ParseFieldBits(*FindField("metadata"), reader.word.value, nullptr, &bits, reader.blame))
    return false;
  reader.list->Append(WriteMetadataAction{.value = absl::Uint128Low64(bits.value),
                                          .mask = absl::Uint128Low64(bits.mask)});
  return true;
}

bool ParseCheckPktLarger(const ActionReader& reader) {
  CheckPktLargerAction action;
  uint64_t length = 0;
  std::string_view number = Trim(reader.word.value), target = reader.word.target;
  if (target.data() == nullptr && !SplitArrow(reader, &number, &target)) return false;
  if (!reader.Number(number, 0xffff, &length) ||
      !ParseDestination(reader, target, &action.destination))
    return false;
  if (action.destination.bits != 1)
    return reader.Fail(target, "check_pkt_larger tells one bit, and that are ",
                       action.destination.bits);
  action.length = static_cast<uint16_t>(length);
  reader.list->Append(action);
  return true;
}

void FormatSetField(const Action& action, const PortNames* ports, std::string* out) {
  const auto set = action.Get<SetFieldAction>();
  const FieldRow& row = FieldAt(set.field);
  FieldBits bits = {.value = SetFieldValue(action), .mask = SetFieldMask(action)};
  if (bits.mask == WholeMask(row)) bits.mask = FullMask(row);
  const ActionRow* const mod = set.lenient != 0 ? ModOf(row) : nullptr;
  if (mod != nullptr) {
    absl::StrAppend(out, ToAbsl(mod->name), ":");
    return AppendFieldBits(row, bits, ports, out);
  }
  out->append("set_field:");
  if (row.format == FieldFormat::kVlanVid && bits.mask == FullMask(row)) {
    // With the bit that says there is a tag, as Open vSwitch wants it.
    absl::StrAppend(out, absl::Uint128Low64(bits.value) | kVlanPresent);
  } else {
    AppendFieldBits(row, bits, ports, out);
  }
  absl::StrAppend(out, "->", ToAbsl(row.name));
}

void FormatMove(const Action& action, const PortNames*, std::string* out) {
  const auto move = action.Get<MoveAction>();
  out->append("move:");
  AppendSubfield(move.source, out);
  out->append("->");
  AppendSubfield(move.destination, out);
}

void FormatPush(const Action& action, const PortNames*, std::string* out) {
  out->append("push:");
  AppendSubfield(action.Get<PushAction>().source, out);
}

void FormatPop(const Action& action, const PortNames*, std::string* out) {
  out->append("pop:");
  AppendSubfield(action.Get<PopAction>().destination, out);
}

void FormatWriteMetadata(const Action& action, const PortNames*, std::string* out) {
  const auto write = action.Get<WriteMetadataAction>();
  out->append("write_metadata:");
  AppendHexNumber(write.value, out);
  if (write.mask == ~uint64_t{0}) return;
  out->push_back('/');
  AppendHexNumber(write.mask, out);
}

void FormatCheckPktLarger(const Action& action, const PortNames*, std::string* out) {
  const auto check = action.Get<CheckPktLargerAction>();
  absl::StrAppend(out, "check_pkt_larger(", check.length, ")->");
  AppendSubfield(check.destination, out);
}

}  // namespace sluice::pipeline::rows
