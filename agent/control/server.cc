#include "agent/control/server.h"

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>

#include "absl/cleanup/cleanup.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "agent/control/sluice.grpc.pb.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::control {
namespace {

// The longest request is a bridge's rules: 100,000 of them are some ten megabytes.
constexpr int kMaxRequestBytes = 64 << 20;
constexpr size_t kMaxBufferedBytes = 256 << 20;
constexpr int kMaxThreads = 8;
// Streams that are served at once: each takes a thread.
constexpr int kMaxStreams = 4;

absl::Status MakeFolderOf(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  if (folder.empty() || mkdir(folder.c_str(), 0750) == 0 || errno == EEXIST)
    return absl::OkStatus();
  return base::ErrnoError(errno, absl::StrCat("making the control socket's folder ", folder));
}

absl::StatusOr<base::UniqueFd> Lock(const std::string& path) {
  const std::string file = path + ".lock";
  base::UniqueFd lock(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!lock.valid()) return base::ErrnoError(errno, file);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return base::ErrnoError(errno, file);
  return absl::FailedPreconditionError(
      absl::StrCat("another sluiced serves ", path,
                   ": stop it, or give this one another path with control.socket"));
}

}  // namespace

namespace {

class GrpcPacketInStream final : public PacketInStream {
 public:
  GrpcPacketInStream(grpc::ServerContext* context, grpc::ServerWriter<v1::PacketIn>* writer,
                     const std::atomic<bool>* stopping)
      : context_(context), writer_(writer), stopping_(stopping) {}

  bool Begin() override {
    writer_->SendInitialMetadata();
    return IsOpen();
  }
  bool IsOpen() const override { return !context_->IsCancelled() && !*stopping_; }
  bool Send(const v1::PacketIn& packet) override { return writer_->Write(packet); }

 private:
  grpc::ServerContext* const context_;
  grpc::ServerWriter<v1::PacketIn>* const writer_;
  const std::atomic<bool>* const stopping_;
};

}  // namespace

class Server::Service final : public v1::Sluice::Service {
 public:
  explicit Service(Source* source) : source_(source) {}

  grpc::Status GetHealth(grpc::ServerContext*, const v1::GetHealthRequest*,
                         v1::GetHealthResponse* response) override {
    requests_.Add();
    *response = source_->Health();
    return grpc::Status::OK;
  }
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    requests_.Add();
    *response = source_->Status();
    return grpc::Status::OK;
  }
  grpc::Status GetCounters(grpc::ServerContext*, const v1::GetCountersRequest*,
                           v1::GetCountersResponse* response) override {
    requests_.Add();
    for (const base::CounterReading& reading : base::Counters::Read()) {
      v1::Counter* counter = response->add_counters();
      counter->set_name(reading.name);
      counter->set_help(reading.help);
      counter->set_value(reading.value);
    }
    return grpc::Status::OK;
  }
  grpc::Status ListMacs(grpc::ServerContext*, const v1::ListMacsRequest* request,
                        v1::ListMacsResponse* response) override {
    return Answer(source_->Macs(request->bridge()), response);
  }
  grpc::Status ChangeMacs(grpc::ServerContext*, const v1::ChangeMacsRequest* request,
                          v1::ChangeMacsResponse* response) override {
    return Answer(source_->ChangeMacs(*request), response);
  }
  grpc::Status ListMirrors(grpc::ServerContext*, const v1::ListMirrorsRequest* request,
                           v1::ListMirrorsResponse* response) override {
    return Answer(source_->Mirrors(request->bridge()), response);
  }
  grpc::Status ListMeters(grpc::ServerContext*, const v1::ListMetersRequest* request,
                          v1::ListMetersResponse* response) override {
    return Answer(source_->Meters(request->bridge()), response);
  }
  grpc::Status DumpConnections(grpc::ServerContext*, const v1::DumpConnectionsRequest* request,
                               grpc::ServerWriter<v1::Connection>* writer) override {
    requests_.Add();
    return ToGrpc(source_->DumpConnections(*request, [writer](const v1::Connection& connection) {
      return writer->Write(connection);
    }));
  }
  grpc::Status FlushConnections(grpc::ServerContext*, const v1::FlushConnectionsRequest* request,
                                v1::FlushConnectionsResponse* response) override {
    return Answer(source_->FlushConnections(*request), response);
  }
  grpc::Status GetConnectionStats(grpc::ServerContext*,
                                  const v1::GetConnectionStatsRequest* request,
                                  v1::GetConnectionStatsResponse* response) override {
    return Answer(source_->ConnectionStats(*request), response);
  }
  grpc::Status ListConnectionLimits(grpc::ServerContext*, const v1::ListConnectionLimitsRequest*,
                                    v1::ListConnectionLimitsResponse* response) override {
    return Answer(source_->ConnectionLimits(), response);
  }
  grpc::Status GetMasks(grpc::ServerContext*, const v1::GetMasksRequest* request,
                        v1::GetMasksResponse* response) override {
    return Answer(source_->Masks(request->bridge()), response);
  }
  grpc::Status SetMasks(grpc::ServerContext*, const v1::SetMasksRequest* request,
                        v1::SetMasksResponse* response) override {
    return Answer(source_->SetMasks(*request), response);
  }
  grpc::Status ChangeRules(grpc::ServerContext*, const v1::ChangeRulesRequest* request,
                           v1::ChangeRulesResponse* response) override {
    return Answer(source_->ChangeRules(*request), response);
  }
  grpc::Status DumpRules(grpc::ServerContext*, const v1::DumpRulesRequest* request,
                         v1::DumpRulesResponse* response) override {
    return Answer(source_->DumpRules(*request), response);
  }
  grpc::Status DiffRules(grpc::ServerContext*, const v1::DiffRulesRequest* request,
                         v1::DiffRulesResponse* response) override {
    return Answer(source_->DiffRules(*request), response);
  }
  grpc::Status Trace(grpc::ServerContext*, const v1::TraceRequest* request,
                     v1::TraceResponse* response) override {
    return Answer(source_->Trace(*request), response);
  }
  grpc::Status Apply(grpc::ServerContext*, const v1::ApplyRequest* request,
                     v1::ApplyResponse* response) override {
    return Answer(source_->Apply(*request), response);
  }
  grpc::Status Edit(grpc::ServerContext*, const v1::EditRequest* request,
                    v1::ApplyResponse* response) override {
    return Answer(source_->Edit(*request), response);
  }
  grpc::Status GetConfig(grpc::ServerContext*, const v1::GetConfigRequest*,
                         v1::GetConfigResponse* response) override {
    return Answer(source_->GetConfig(), response);
  }
  grpc::Status WatchPacketIns(grpc::ServerContext* context,
                              const v1::WatchPacketInsRequest* request,
                              grpc::ServerWriter<v1::PacketIn>* writer) override {
    requests_.Add();
    const absl::Cleanup leave = [this] { --streams_; };
    if (++streams_ > kMaxStreams)
      return {grpc::StatusCode::RESOURCE_EXHAUSTED,
              absl::StrCat("sluiced serves ", kMaxStreams, " streams already: end one of them")};
    GrpcPacketInStream stream(context, writer, &stopping_);
    return ToGrpc(source_->WatchPacketIns(*request, &stream));
  }

  // Ends all streams.
  void Stop() { stopping_ = true; }
  grpc::Status GetUpcalls(grpc::ServerContext*, const v1::GetUpcallsRequest*,
                          v1::GetUpcallsResponse* response) override {
    requests_.Add();
    *response = source_->Upcalls();
    return grpc::Status::OK;
  }
  grpc::Status DumpFlows(grpc::ServerContext*, const v1::DumpFlowsRequest* request,
                         grpc::ServerWriter<v1::FlowEntry>* writer) override {
    requests_.Add();
    return ToGrpc(source_->DumpFlows(
        *request, [writer](const v1::FlowEntry& flow) { return writer->Write(flow); }));
  }
  grpc::Status VerifyFlows(grpc::ServerContext*, const v1::VerifyFlowsRequest* request,
                           v1::VerifyFlowsResponse* response) override {
    return Answer(source_->VerifyFlows(*request), response);
  }
  grpc::Status RevalidateFlows(grpc::ServerContext*, const v1::RevalidateFlowsRequest* request,
                               v1::RevalidateFlowsResponse* response) override {
    return Answer(source_->RevalidateFlows(*request), response);
  }
  grpc::Status PurgeFlows(grpc::ServerContext*, const v1::PurgeFlowsRequest* request,
                          v1::PurgeFlowsResponse* response) override {
    return Answer(source_->PurgeFlows(*request), response);
  }
  grpc::Status ExplainFlow(grpc::ServerContext*, const v1::ExplainFlowRequest* request,
                           v1::ExplainFlowResponse* response) override {
    return Answer(source_->ExplainFlow(*request), response);
  }

 private:
  static grpc::Status ToGrpc(const absl::Status& status) {
    return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
  }
  template <typename Response>
  grpc::Status Answer(absl::StatusOr<Response> answer, Response* response) {
    requests_.Add();
    if (!answer.ok()) return ToGrpc(answer.status());
    *response = *std::move(answer);
    return grpc::Status::OK;
  }

  Source* const source_;
  std::atomic<int> streams_{0};
  std::atomic<bool> stopping_{false};
  base::Counter& requests_ =
      base::Counters::Get("control_requests", "Requests to the local API that were answered.");
};

Server::Server(std::string path, base::UniqueFd lock, Source* source)
    : path_(std::move(path)), lock_(std::move(lock)), service_(std::make_unique<Service>(source)) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const std::string& path, Source* source) {
  SLUICE_RETURN_IF_ERROR(MakeFolderOf(path));
  SLUICE_ASSIGN_OR_RETURN(base::UniqueFd lock, Lock(path));
  auto server = absl::WrapUnique(new Server(path, std::move(lock), source));
  SLUICE_RETURN_IF_ERROR(server->Listen());
  return server;
}

absl::Status Server::Listen() {
  grpc::ResourceQuota quota("control");
  quota.SetMaxThreads(kMaxThreads);
  quota.Resize(kMaxBufferedBytes);
  using Option = grpc::ServerBuilder::SyncServerOption;
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(Option::NUM_CQS, 1);
  builder.SetSyncServerOption(Option::MIN_POLLERS, 1);
  builder.SetSyncServerOption(Option::MAX_POLLERS, 2);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort("unix:" + path_, grpc::InsecureServerCredentials());
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr)
    return absl::UnavailableError(absl::StrCat("cannot listen on the control socket ", path_));
  if (chmod(path_.c_str(), 0660) != 0) return base::ErrnoError(errno, path_);
  return absl::OkStatus();
}

Server::~Server() {
  if (server_ == nullptr) return;
  service_->Stop();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  unlink(path_.c_str());
}

}  // namespace sluice::control
