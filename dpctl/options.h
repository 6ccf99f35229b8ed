// What the command line said, but for the command and its arguments. These options every command
// takes; those of one command are in its Command::options.
#pragma once

#include <functional>
#include <map>
#include <string>

namespace sluice::dpctl {

struct Options {
  bool statistics = false;  // -s
  int verbosity = 0;        // -m, each time
  bool names = false;       // --names
  bool no_names = false;    // --no-names
  bool clear = false;       // --clear: mod-flow sets the statistics to zero
  bool may_create = false;  // --may-create: mod-flow creates what is not there
  bool atomic = false;      // --atomic: a file of flows is carried out whole or not at all
  bool read_only = false;   // --read-only: commands that change something are refused
  bool json = false;        // --json
  bool help = false;        // -h
  bool version = false;     // -V
  unsigned timeout = 0;     // -t: seconds until SIGALRM; 0: none

  // Ports are written by name with -m, unless told otherwise.
  bool wants_names() const { return names || (verbosity > 0 && !no_names); }
};

// What was given of a command's own options, by name with its dashes.
using CommandOptions = std::map<std::string, std::string, std::less<>>;

}  // namespace sluice::dpctl
