// Names of ports for tests of rules: web is 7, db 8, and a name that needs quotes 9.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "netlink/attr/text.h"

namespace sluice::pipeline {

class FakePorts final : public attr::PortNames {
 public:
  std::string_view NameOf(uint32_t port) const override {
    return port >= kFirst && port < kFirst + kNames.size() ? kNames[port - kFirst]
                                                           : std::string_view();
  }
  std::optional<uint32_t> NumberOf(std::string_view name) const override {
    for (uint32_t i = 0; i < kNames.size(); ++i)
      if (kNames[i] == name) return kFirst + i;
    return std::nullopt;
  }

 private:
  static constexpr uint32_t kFirst = 7;
  static constexpr std::array<std::string_view, 3> kNames = {"web", "db", "a b,c"};
};

}  // namespace sluice::pipeline
