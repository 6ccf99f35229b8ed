// The terminal of `dpctl top`, by way of ncurses: draws lines, reads keys, and leaves the terminal
// as it was. One at a time, in the main thread.
//
//   TopScreen screen;
//   if (!screen.Open()) ...  // no terminal that can be drawn on
//   screen.Draw(view.Screen(screen.width(), screen.height()));
//   while (auto key = screen.Key()) view.Key(*key);
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::dpctl {

class TopScreen {
 public:
  TopScreen();
  TopScreen(const TopScreen&) = delete;
  TopScreen& operator=(const TopScreen&) = delete;
  ~TopScreen();

  // False when standard input or output is no terminal, or nothing is known of its kind.
  bool Open();
  size_t width() const;
  size_t height() const;
  // `heading` is the line that stands out.
  void Draw(const std::vector<std::string>& lines, size_t heading);
  // Whether the terminal was hung up: no key will come any more.
  static bool Gone();
  // A key that was typed, as TopView::Key() takes it; nullopt when there is none.
  std::optional<int> Key();

 private:
  struct Terminal;
  std::unique_ptr<Terminal> terminal_;
};

}  // namespace sluice::dpctl
