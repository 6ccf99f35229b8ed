// Ten lines against the installed library.
#include <cstdio>

#include "netlink/base/address.h"
#include "netlink/base/counters.h"

int main() {
  const auto mac = sluice::base::ParseMac("0A:1b:2C:3d:4E:5f");
  sluice::base::Counters::Get("install_test", "Counted once.").Add(mac.has_value() ? 1 : 0);
  std::puts(sluice::base::ToString(mac.value_or(sluice::base::Mac{})).c_str());
  return sluice::base::Counters::Read().at(0).value == 1 ? 0 : 1;
}
