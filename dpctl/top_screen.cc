#include "dpctl/top_screen.h"

#define NCURSES_NOMACROS 1  // NOLINT(cppcoreguidelines-macro-usage): "timeout" and the like
#include <curses.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "dpctl/top_view.h"

namespace sluice::dpctl {

struct TopScreen::Terminal {
  SCREEN* screen = nullptr;
  ~Terminal() {
    ::endwin();
    ::delscreen(screen);
  }
};

TopScreen::TopScreen() = default;
TopScreen::~TopScreen() = default;

bool TopScreen::Open() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) return false;
  SCREEN* screen = ::newterm(nullptr, stdout, stdin);
  if (screen == nullptr) return false;
  terminal_ = std::make_unique<Terminal>();
  terminal_->screen = screen;
  ::cbreak();
  ::noecho();
  ::curs_set(0);
  ::set_escdelay(50);
  ::keypad(stdscr, TRUE);
  ::nodelay(stdscr, TRUE);
  return true;
}

size_t TopScreen::width() const { return static_cast<size_t>(std::max(::getmaxx(stdscr), 1)); }
size_t TopScreen::height() const { return static_cast<size_t>(std::max(::getmaxy(stdscr), 1)); }

void TopScreen::Draw(const std::vector<std::string>& lines, size_t heading) {
  ::werase(stdscr);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i == heading) ::wattr_on(stdscr, A_REVERSE, nullptr);
    ::mvwaddnstr(stdscr, static_cast<int>(i), 0, lines[i].c_str(),
                 static_cast<int>(lines[i].size()));
    if (i == heading) ::wattr_off(stdscr, A_REVERSE, nullptr);
  }
  ::wrefresh(stdscr);
}

bool TopScreen::Gone() {
  pollfd keyboard{.fd = STDIN_FILENO, .events = 0, .revents = 0};
  return ::poll(&keyboard, 1, 0) > 0;
}

std::optional<int> TopScreen::Key() {
  const int key = ::wgetch(stdscr);
  switch (key) {
    case ERR:
      return std::nullopt;
    case KEY_UP:
      return TopView::kUp;
    case KEY_DOWN:
      return TopView::kDown;
    case KEY_PPAGE:
      return TopView::kPageUp;
    case KEY_NPAGE:
      return TopView::kPageDown;
    case KEY_HOME:
      return TopView::kHome;
    case KEY_ENTER:
      return TopView::kEnter;
    case KEY_BACKSPACE:
      return TopView::kErase;
    case 27:
      return TopView::kEscape;
    default:
      return key >= KEY_MIN ? 0 : key;  // KEY_RESIZE among them: the caller draws anew
  }
}

}  // namespace sluice::dpctl
