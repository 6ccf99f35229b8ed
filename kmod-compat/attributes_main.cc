// sluice-reference [FILE]: writes the reference page of attributes to FILE, or to standard output.
// It is here as this is the lowest folder that sees the tables of all families.
#include <fstream>
#include <iostream>

#include "netlink/conntrack/reference.h"
#include "netlink/ovs/reference.h"

int main(int argc, char** argv) {
  const std::string page = sluice::ovs::ReferencePage() + sluice::conntrack::ReferencePart();
  if (argc < 2) {
    std::cout << page;
    return 0;
  }
  std::ofstream file(argv[1]);
  file << page;
  file.close();
  if (file) return 0;
  std::cerr << "sluice-reference: cannot write " << argv[1] << "\n";
  return 1;
}
