// What completion asks the kernel: names that may stand in arguments. Errors are empty lists.
#pragma once

#include <string>
#include <vector>

#include "dpctl/flow_completion.h"
#include "dpctl/session.h"

namespace sluice::dpctl {

class CompletionKernel {
 public:
  explicit CompletionKernel(Output* out) : session_({}, {}, out) {}

  std::vector<std::string> Datapaths();
  std::vector<PortChoice> Ports(const std::string& datapath);
  std::vector<uint32_t> Meters(const std::string& datapath);
  // Network devices of the namespace.
  static std::vector<std::string> Links();

 private:
  Session session_;
};

}  // namespace sluice::dpctl
