// One run of sluicectl: the connection to sluiced, and where answers go.
//
// Of one thread. A command asks with Ask(), prints with Print() and tells its exit status.
#pragma once

#include <grpcpp/client_context.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "agent/control/sluice.grpc.pb.h"

namespace sluice::ctl {

// Exit statuses, beside 0.
inline constexpr int kRefused = 1;   // sluiced refused, or does not answer
inline constexpr int kUsage = 2;     // wrong usage
inline constexpr int kDegraded = 3;  // `status` found sluiced degraded
// Of commands that compare, as of diff(1).
inline constexpr int kDiffers = 1;
inline constexpr int kTrouble = 2;

class Session {
 public:
  // Options of sluicectl itself, set while the command line is read.
  std::string socket = "/run/sluice/sluiced.sock";
  bool json = false;

  // Asks `method` of the API. False when it failed, which has been said on standard error then.
  template <typename Method, typename Request, typename Response>
  bool Ask(Method method, const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    return Succeeded((Api().*method)(&context, request, response));
  }

  // The status of the bridge of that name, or of all for an empty one. False also when there is no
  // such bridge, which has been said then.
  bool AskBridges(const std::string& only, v1::GetStatusResponse* status);

  // The API itself, for streams; Succeeded() says how one ended.
  v1::Sluice::Stub& Api();
  bool Succeeded(const grpc::Status& status) const;

  // The answer as JSON, or as the text that `text` makes of it.
  void Print(const google::protobuf::Message& message, const std::function<std::string()>& text);

 private:
  static constexpr std::chrono::seconds kPatience{60};  // 100,000 rules take their time

  std::unique_ptr<v1::Sluice::Stub> stub_;
};

// The whole of a file into `text`, `-` being standard input, and what to call it in errors into
// `name`; nothing for an empty path. False when it cannot be read, which has been said then.
bool TakeFile(const std::string& path, std::string* text, std::string* name);

}  // namespace sluice::ctl
