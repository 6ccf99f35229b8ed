// sluice-fields-reference: writes docs/reference/fields.md to standard output.
#include <iostream>

#include "agent/pipeline/field_table.h"

int main() {
  std::cout << sluice::pipeline::FieldReferencePage();
  return std::cout.good() ? 0 : 1;
}
