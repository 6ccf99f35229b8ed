// sluice-features-reference: prints the reference page of kernel features.
#include <iostream>

#include "kmod-compat/features.h"

int main() {
  std::cout << sluice::compat::FeaturesReference() << std::flush;
  return std::cout ? 0 : 1;
}
