#include "tests/support/test.h"

int main(int argc, char** argv) { return sluice::testing::RunTests(argc, argv); }
