// What `dpctl top` shows of a report, as lines of text, and what its keys do. Knows no terminal.
// Not thread-safe.
//
//   TopView view({.sort = TopSort::kBytes});
//   view.Show(Compare(before, now));
//   for (const std::string& line : view.Screen(80, 24)) ...
//   if (view.Key('q') == TopKey::kQuit) return;
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dpctl/output.h"
#include "dpctl/session.h"
#include "dpctl/top_rates.h"

namespace sluice::dpctl {

enum class TopPanel { kFlows, kMasks, kPorts };
enum class TopSort { kPackets, kBytes, kUsed };

// By the words of the command line; nullopt for others.
std::optional<TopPanel> PanelOf(std::string_view word);
std::optional<TopSort> SortOf(std::string_view word);

struct TopSettings {
  TopPanel panel = TopPanel::kFlows;
  TopSort sort = TopSort::kPackets;
  std::string filter{};  // only rows whose text has this
  bool names = false;    // ports in flows by name
};

enum class TopKey { kNone, kQuit };

class TopView {
 public:
  // Keys that are no characters.
  enum Special : int { kUp = 0x10000, kDown, kPageUp, kPageDown, kHome, kEnter, kEscape, kErase };

  explicit TopView(TopSettings settings) : settings_(std::move(settings)) {}

  void Show(TopReport report) { report_ = std::move(report); }
  TopKey Key(int key);
  bool paused() const { return paused_; }

  // A whole screen: at most `height` lines of at most `width` columns. Line kHeading is that of the
  // columns.
  static constexpr size_t kHeading = 3;
  std::vector<std::string> Screen(size_t width, size_t height) const;

  // The same for a reader of lines: what is known of the datapath, and the first rows of the panel.
  void AppendLines(size_t rows, std::string* out) const;
  Json ToJson(size_t rows) const;

 private:
  struct RowOrder {
    size_t index;  // in the panel's list
    double packets, bytes;
    base::MonotonicMs used;
  };
  std::vector<RowOrder> Rows() const;
  std::vector<RowOrder> Sorted(size_t most) const;
  std::string RowText(size_t index) const;
  std::string RowLine(const RowOrder& row, size_t width) const;
  std::string Heading(size_t width) const;
  Json RowJson(const RowOrder& row) const;
  std::string DatapathLine() const;
  std::string ModeLine() const;
  // Whether the key was meant for that.
  bool EditFilter(int key);
  bool Scroll(int key);
  void ShowPanel(size_t panel);

  TopSettings settings_;
  TopReport report_;
  bool paused_ = false;
  bool help_ = false;
  std::optional<std::string> editing_{};  // the filter while it is typed
  size_t scroll_ = 0;
};

// Four places at most: "999", "1.2k", "34M".
std::string ShortNumber(double number);

}  // namespace sluice::dpctl
