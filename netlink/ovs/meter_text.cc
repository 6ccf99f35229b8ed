#include "netlink/ovs/meter_text.h"

#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "netlink/attr/scanner.h"
#include "netlink/base/status.h"

namespace sluice::ovs {
namespace {

constexpr uint32_t kMax32 = std::numeric_limits<uint32_t>::max();

// Reads items from left to right, remembering which were there.
class MeterParser {
 public:
  explicit MeterParser(std::string_view text) : scanner_(text) {}

  absl::StatusOr<MeterConfig> Parse() {
    while (!scanner_.AtEnd() && Item())
      while (scanner_.Accept(',')) continue;
    if (!scanner_.failed()) Complete();
    if (scanner_.failed()) return scanner_.status();
    return config_;
  }

 private:
  struct Band {
    std::optional<uint32_t> rate, burst;
    size_t position;
  };

  bool Once(bool* seen, size_t at, std::string_view item) {
    if (*seen) return scanner_.FailAt(at, "\"" + std::string(item) + "\" only once");
    *seen = true;
    return true;
  }

  bool Value(uint32_t least, std::string_view expected, uint32_t* out) {
    uint64_t value = 0;
    if (!scanner_.Expect('=')) return false;
    const size_t at = scanner_.position();
    if (!scanner_.Number(kMax32, &value)) return false;
    if (value < least) return scanner_.FailAt(at, expected);
    *out = static_cast<uint32_t>(value);
    return true;
  }

  bool Item() {
    scanner_.Peek();  // skips blanks
    const size_t at = scanner_.position();
    const std::string_view word = scanner_.Word();
    if (word == "meter") return Once(&has_id_, at, word) && Value(0, "", &config_.id);
    if (word == "kbps" || word == "pktps") {
      config_.kbps = word == "kbps";
      return Once(&has_unit_, at, "kbps or pktps");
    }
    if (word == "burst") return Once(&has_burst_, at, word);
    if (word == "stats") return Once(&has_stats_, at, word);
    if (word == "bands" || word == "band")
      return Once(&has_bands_, at, word) && scanner_.Expect('=') && BandType();
    if (word == "type" && has_bands_) {
      scanner_.Rewind(at);
      return BandType();
    }
    if (word == "rate" && !bands_.empty()) return BandValue(at, word, 1, &bands_.back().rate);
    if (word == "burst_size" && !bands_.empty())
      return BandValue(at, word, 0, &bands_.back().burst);
    return scanner_.FailAt(at, has_bands_ ? "\"type=\", \"rate=\" or \"burst_size=\""
                                          : "\"meter=\", \"kbps\", \"pktps\", \"burst\", "
                                            "\"stats\" or \"bands=\"");
  }

  bool BandType() {
    scanner_.Peek();
    const size_t at = scanner_.position();
    if (scanner_.Word() != "type") return scanner_.FailAt(at, "\"type=drop\"");
    if (!scanner_.Expect('=')) return false;
    const size_t value = scanner_.position();
    if (scanner_.Word() != "drop")
      return scanner_.FailAt(value, "\"drop\": the kernel knows no other band");
    bands_.push_back({.rate = {}, .burst = {}, .position = at});
    return true;
  }

  bool BandValue(size_t at, std::string_view word, uint32_t least, std::optional<uint32_t>* out) {
    bool seen = out->has_value();
    uint32_t value = 0;
    if (!Once(&seen, at, word) || !Value(least, "a rate above 0", &value)) return false;
    *out = value;
    return true;
  }

  void Complete() {
    const size_t end = scanner_.position();
    if (!has_id_) {
      scanner_.FailAt(end, "\"meter=\", the number of the meter");
    } else if (!has_unit_) {
      scanner_.FailAt(end, "\"kbps\" or \"pktps\"");
    }
    for (const Band& band : bands_) {
      if (!band.rate) {
        scanner_.FailAt(band.position, "a band with \"rate=\"");
      } else if (has_burst_ && !band.burst) {
        scanner_.FailAt(band.position, "a band with \"burst_size=\", as \"burst\" is there");
      } else {
        config_.bands.push_back({.rate = *band.rate, .burst = band.burst.value_or(*band.rate)});
      }
    }
  }

  attr::Scanner scanner_;
  MeterConfig config_;
  std::vector<Band> bands_;
  bool has_id_ = false, has_unit_ = false, has_burst_ = false, has_stats_ = false;
  bool has_bands_ = false;
};

}  // namespace

absl::StatusOr<MeterConfig> ParseMeterText(std::string_view text) {
  return MeterParser(text).Parse();
}

std::string ToText(const MeterConfig& meter) {
  bool burst = false;
  for (const MeterBand& band : meter.bands) burst |= band.burst != band.rate;
  std::string text =
      absl::StrCat("meter=", meter.id, meter.kbps ? " kbps" : " pktps", burst ? " burst" : "",
                   " stats", meter.bands.empty() ? "" : " bands=");
  for (size_t i = 0; i < meter.bands.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " ", "type=drop rate=", meter.bands[i].rate);
    if (burst) absl::StrAppend(&text, " burst_size=", meter.bands[i].burst);
  }
  return text;
}

absl::StatusOr<MeterIdRange> ParseMeterIds(std::string_view text) {
  attr::Scanner scanner(text);
  uint64_t first = 0, last = 0;
  if (scanner.AcceptWord("meter")) scanner.Expect('=');
  if (!scanner.failed() && scanner.Number(kMax32, &first)) {
    last = first;
    const size_t at = scanner.position();
    if (scanner.Accept('-') && scanner.Number(kMax32, &last) && last < first)
      scanner.FailAt(at + 1, "a number that is not below the first");
    if (!scanner.failed() && !scanner.AtEnd()) scanner.Fail("the end");
  }
  if (scanner.failed()) return scanner.status();
  return MeterIdRange{static_cast<uint32_t>(first), static_cast<uint32_t>(last)};
}

}  // namespace sluice::ovs
