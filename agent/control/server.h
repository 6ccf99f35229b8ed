// The local API: a gRPC server on a Unix socket.
//
// The server owns its few threads, which ask the Source; so a Source is thread-safe. A lock file
// beside the socket (PATH.lock) makes sure that no two daemons serve one path; the socket of a
// daemon that was killed is replaced. The socket's folder is made with mode 0750 when it is not
// there.
//
//   SLUICE_ASSIGN_OR_RETURN(auto server, Server::Start("/run/sluice/sluiced.sock", &source));
#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/control/sluice.pb.h"
#include "netlink/base/fd.h"

namespace grpc {
class Server;
}

namespace sluice::control {

// One listener to a stream. Used by the thread that serves it.
class PacketInStream {
 public:
  virtual ~PacketInStream() = default;
  // Tells the listener that it has begun. False when it has gone.
  virtual bool Begin() = 0;
  virtual bool IsOpen() const = 0;
  virtual bool Send(const v1::PacketIn& packet) = 0;
};

// Answers what the API is asked. Called by any of the server's threads.
class Source {
 public:
  virtual ~Source() = default;
  virtual v1::GetHealthResponse Health() = 0;
  virtual v1::GetStatusResponse Status() = 0;
  // kNotFound when there is no such bridge; an empty name stands for all.
  virtual absl::StatusOr<v1::ListMacsResponse> Macs(const std::string& bridge) = 0;
  virtual absl::StatusOr<v1::ChangeMacsResponse> ChangeMacs(
      const v1::ChangeMacsRequest& request) = 0;
  virtual absl::StatusOr<v1::ListMirrorsResponse> Mirrors(const std::string& bridge) = 0;
  virtual absl::StatusOr<v1::ListMetersResponse> Meters(const std::string& bridge) = 0;
  // `send` is false when nobody listens any more.
  virtual absl::Status DumpConnections(const v1::DumpConnectionsRequest& request,
                                       absl::FunctionRef<bool(const v1::Connection&)> send) = 0;
  virtual absl::StatusOr<v1::FlushConnectionsResponse> FlushConnections(
      const v1::FlushConnectionsRequest& request) = 0;
  virtual absl::StatusOr<v1::GetConnectionStatsResponse> ConnectionStats(
      const v1::GetConnectionStatsRequest& request) = 0;
  virtual absl::StatusOr<v1::ListConnectionLimitsResponse> ConnectionLimits() = 0;
  virtual absl::StatusOr<v1::GetMasksResponse> Masks(const std::string& bridge) = 0;
  virtual absl::StatusOr<v1::SetMasksResponse> SetMasks(const v1::SetMasksRequest& request) = 0;
  virtual absl::StatusOr<v1::ChangeRulesResponse> ChangeRules(
      const v1::ChangeRulesRequest& request) = 0;
  virtual absl::StatusOr<v1::DumpRulesResponse> DumpRules(const v1::DumpRulesRequest& request) = 0;
  virtual absl::StatusOr<v1::DiffRulesResponse> DiffRules(const v1::DiffRulesRequest& request) = 0;
  virtual absl::StatusOr<v1::TraceResponse> Trace(const v1::TraceRequest& request) = 0;
  virtual absl::StatusOr<v1::ApplyResponse> Apply(const v1::ApplyRequest& request) = 0;
  virtual absl::StatusOr<v1::ApplyResponse> Edit(const v1::EditRequest& request) = 0;
  virtual absl::StatusOr<v1::GetConfigResponse> GetConfig() = 0;
  // Returns when the stream has ended.
  virtual absl::Status WatchPacketIns(const v1::WatchPacketInsRequest& request,
                                      PacketInStream* stream) = 0;
  virtual v1::GetUpcallsResponse Upcalls() = 0;
  // `send` is false when nobody listens any more.
  virtual absl::Status DumpFlows(const v1::DumpFlowsRequest& request,
                                 absl::FunctionRef<bool(const v1::FlowEntry&)> send) = 0;
  virtual absl::StatusOr<v1::VerifyFlowsResponse> VerifyFlows(
      const v1::VerifyFlowsRequest& request) = 0;
  virtual absl::StatusOr<v1::RevalidateFlowsResponse> RevalidateFlows(
      const v1::RevalidateFlowsRequest& request) = 0;
  virtual absl::StatusOr<v1::PurgeFlowsResponse> PurgeFlows(
      const v1::PurgeFlowsRequest& request) = 0;
  virtual absl::StatusOr<v1::ExplainFlowResponse> ExplainFlow(
      const v1::ExplainFlowRequest& request) = 0;
};

class Server {
 public:
  // `source` outlives it. kFailedPrecondition when another daemon serves that path; else the errno
  // of what could not be had.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const std::string& path, Source* source);
  // Answers what is being asked, for at most a second, and takes the socket away.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  class Service;
  Server(std::string path, base::UniqueFd lock, Source* source);
  absl::Status Listen();

  const std::string path_;
  base::UniqueFd lock_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::control
