// sluice-reference [FILE]: writes the reference page of attributes to FILE, or to standard output.
#include <fstream>
#include <iostream>

#include "netlink/ovs/reference.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cout << sluice::ovs::ReferencePage();
    return 0;
  }
  std::ofstream file(argv[1]);
  file << sluice::ovs::ReferencePage();
  file.close();
  if (file) return 0;
  std::cerr << "sluice-reference: cannot write " << argv[1] << "\n";
  return 1;
}
