// Commands as a user types them at a shell, for tests of programs; and a datapath to try them on.
//
//   const testing::TwoPorts fixture;
//   CHECK(Has(Succeed("dpctl show dp0"), "port 7: veth1"));
//   CHECK(Has(Fail("dpctl add-dp dp0"), "(File exists)"));
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

#include "tests/support/test.h"

namespace sluice::testing {

struct Outcome {
  int status = -1;   // 128 when a signal ended it
  std::string text;  // both streams
};

// `command` is a list of commands for sh(1), without `;` at its end.
inline Outcome Run(const std::string& command) {
  Outcome outcome;
  FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> piece{};
  while (size_t n = std::fread(piece.data(), 1, piece.size(), pipe))
    outcome.text.append(piece.data(), n);
  const int ended = ::pclose(pipe);
  outcome.status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128;
  return outcome;
}

// Checks that the exit status is 0; what it printed.
inline std::string Succeed(const std::string& command) {
  Outcome outcome = Run(command);
  INFO(command << "\n" << outcome.text);
  CHECK(outcome.status == 0);
  return outcome.text;
}

// Checks that the exit status is `status`; what it printed.
inline std::string Fail(const std::string& command, int status = 1) {
  Outcome outcome = Run(command);
  INFO(command << "\n" << outcome.text);
  CHECK(outcome.status == status);
  return outcome.text;
}

inline bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A file of this name and content.
inline void WriteFile(const std::string& path, const std::string& text) {
  FILE* file = std::fopen(path.c_str(), "w");
  REQUIRE(file != nullptr);
  const size_t written = std::fwrite(text.data(), 1, text.size(), file);
  REQUIRE(std::fclose(file) == 0);
  REQUIRE(written == text.size());
}

// A datapath `dp0` with the ports veth0 (1) and veth1 (7), and what goes with it. Their other ends
// are peer0 and peer1. For kernel tests.
class TwoPorts {
 public:
  TwoPorts() {
    Succeed(
        "ip link add veth0 type veth peer name peer0; ip link add veth1 type veth peer name peer1");
    Succeed("dpctl add-dp dp0 veth0,port_no=1 veth1,port_no=7");
  }
  ~TwoPorts() { Run("dpctl del-dp dp0; ip link del veth0; ip link del veth1"); }
  TwoPorts(const TwoPorts&) = delete;
  TwoPorts& operator=(const TwoPorts&) = delete;
};

}  // namespace sluice::testing
