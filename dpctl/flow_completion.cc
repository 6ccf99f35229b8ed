#include "dpctl/flow_completion.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

using attr::Field;
using attr::Format;
using attr::Kind;
using attr::Row;
using attr::Style;
using attr::Table;
using base::ToAbsl;

bool HasWord(const Row& row) {
  return row.kind != Kind::kReserved && !row.internal && !row.name.empty();
}

// Between brackets: what may stand there is rows of a table, or fields of a row.
struct Place {
  const Table* table = nullptr;
  const Row* row = nullptr;
  std::vector<std::string_view> used;  // names of rows and fields that have been given
};

// What stands behind `NAME(` or `NAME=`, in a place.
struct Meaning {
  const Row* row = nullptr;
  const Field* field = nullptr;
};

const Field* FieldOf(const Row& row, std::string_view name) {
  for (const Field& field : row.fields)
    if (!name.empty() && (field.name == name || field.alias == name)) return &field;
  return nullptr;
}

Meaning Find(const Place& place, std::string_view name) {
  if (place.table == nullptr)
    return {nullptr, place.row == nullptr ? nullptr : FieldOf(*place.row, name)};
  for (const Row& row : place.table->rows) {
    if (!HasWord(row)) continue;
    if (row.style == Style::kInline) {
      if (const Field* field = FieldOf(row, name)) return {nullptr, field};
    } else if (row.name == name || (!row.alias.empty() && row.alias == name)) {
      return {&row, row.fields.size() == 1 ? row.fields.data() : nullptr};
    }
  }
  return {};
}

Place Inside(const Place& place, std::string_view name) {
  const Row* row = Find(place, name).row;
  return {row == nullptr ? nullptr : row->nested, row, {}};
}

// How far a text has come: the brackets that are open, and where its last word begins.
struct Progress {
  std::vector<Place> places;
  size_t word = 0;
  std::string_view assigned;  // NAME of an open `NAME=`
  bool closed = false;        // the last word ended with a bracket: a separator is due

  Place& here() { return places.back(); }

  void Open(std::string_view name, size_t next) {
    here().used.push_back(name);
    places.push_back(Inside(here(), name));
    Separate(next);
  }
  void Close(size_t next) {
    if (places.size() > 1) places.pop_back();
    Separate(next);
    closed = true;
  }
  void Separate(size_t next) {
    word = next;
    assigned = {};
    closed = false;
  }
  void Assign(std::string_view name, size_t next) {
    here().used.push_back(name);
    assigned = name;
    word = next;
  }
};

Progress Read(std::string_view text, const Table& table) {
  Progress at;
  at.places.push_back({&table, nullptr, {}});
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view word = text.substr(at.word, i - at.word);
    switch (text[i]) {
      case '(':
      case '{':
        at.Open(word, i + 1);
        break;
      case ')':
      case '}':
        at.Close(i + 1);
        break;
      case '=':
        at.Assign(word, i + 1);
        break;
      case ',':
      case ' ':
        if (!word.empty()) at.here().used.push_back(word);
        at.Separate(i + 1);
        break;
      default:
        break;
    }
  }
  return at;
}

class Collector {
 public:
  Collector(std::string_view text, std::span<const PortChoice> ports)
      : text_(text), ports_(ports) {}

  void Rows(const Place& place, size_t word) {
    const bool once = place.table->empty.empty();  // a list of actions may repeat them
    for (const Row& row : place.table->rows) {
      if (!HasWord(row)) continue;
      if (row.style == Style::kInline) {
        Fields(place, row, word);
      } else if (row.style == Style::kBare) {
        if (row.fields.size() == 1) Values(row.fields[0], word);
      } else if (!once || !Used(place, row.name)) {
        AddRow(row, word);
      }
    }
  }

  void Fields(const Place& place, const Row& row, size_t word) {
    for (const Field& field : row.fields) {
      if (field.name.empty())
        Values(field, word);
      else if (!Used(place, field.name))
        Add(word, absl::StrCat(ToAbsl(field.name), "="), {});
    }
  }

  // Values of a field that have names.
  void Values(const Field& field, size_t word) {
    if (field.format == Format::kPort) return Ports(word);
    if (field.format != Format::kEnum && field.format != Format::kFlags) return;
    const bool flags = field.format == Format::kFlags;
    const size_t sign = flags ? text_.find_last_of("+-|") : std::string_view::npos;
    const bool more = sign != std::string_view::npos && sign >= word;
    const std::string_view plus = flags && !more && word == text_.size() ? "+" : "";
    for (const attr::Name& name : field.names)
      Add(more ? sign + 1 : word, absl::StrCat(ToAbsl(plus), ToAbsl(name.name)), name.constant);
  }

  Candidates Take() && { return std::move(candidates_); }

 private:
  static bool Used(const Place& place, std::string_view name) {
    return std::find(place.used.begin(), place.used.end(), name) != place.used.end();
  }

  void AddRow(const Row& row, size_t word) {
    const std::string name(row.name);
    if (row.style == Style::kAssign) return Add(word, name + "=", row.doc);
    if (row.kind == Kind::kFlag || row.bare_when_empty) Add(word, name, row.doc);
    if (row.kind != Kind::kFlag) Add(word, name + "(", row.doc);
  }

  // By name; by number once a digit is there.
  void Ports(size_t word) {
    const bool digit = word < text_.size() && text_[word] >= '0' && text_[word] <= '9';
    for (const PortChoice& port : ports_) {
      if (digit)
        Add(word, absl::StrCat(port.number), port.name);
      else
        Add(word, port.name, absl::StrCat("port ", port.number));
    }
  }

  void Add(size_t word, const std::string& completed, std::string_view about) {
    const std::string_view typed = text_.substr(word);
    if (completed.compare(0, typed.size(), typed) != 0) return;
    candidates_.push_back({std::string(text_.substr(0, word)) + completed, std::string(about)});
  }

  std::string_view text_;
  std::span<const PortChoice> ports_;
  Candidates candidates_;
};

}  // namespace

Candidates CompleteFlowText(std::string_view text, const attr::Table& table,
                            std::span<const PortChoice> ports) {
  Progress at = Read(text, table);
  if (at.closed) return {};
  Collector collector(text, ports);
  const Place& place = at.here();
  if (!at.assigned.empty()) {
    if (const Field* field = Find(place, at.assigned).field) collector.Values(*field, at.word);
  } else if (place.table != nullptr) {
    collector.Rows(place, at.word);
  } else if (place.row != nullptr) {
    collector.Fields(place, *place.row, at.word);
  }
  return std::move(collector).Take();
}

}  // namespace sluice::dpctl
