// Kernel tests make datapaths, links and namespaces: only in a kernel that is there for them.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/support/test.h"

int main(int argc, char** argv) {
  const char* guest = std::getenv("SLUICE_GUEST");
  if (guest == nullptr || std::string_view(guest) != "1") {
    std::fprintf(stderr, "%s changes the kernel it runs on; run it as: tools/vm run -- %s\n",
                 argv[0], argv[0]);
    return 2;
  }
  return sluice::testing::RunTests(argc, argv);
}
