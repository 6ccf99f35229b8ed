#include "agent/sluicectl/session.h"

#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

namespace sluice::ctl {

v1::Sluice::Stub& Session::Api() {
  if (stub_ == nullptr) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);  // a table of addresses can be long
    stub_ = v1::Sluice::NewStub(
        grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments));
  }
  return *stub_;
}

bool Session::Succeeded(const grpc::Status& status) const {
  if (status.ok()) return true;
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    std::fprintf(stderr, "sluicectl: nothing answers on %s: is sluiced running? (%s)\n",
                 socket.c_str(), status.error_message().c_str());
  } else {
    std::fprintf(stderr, "sluicectl: %s\n", status.error_message().c_str());
  }
  return false;
}

bool Session::AskBridges(const std::string& only, v1::GetStatusResponse* status) {
  if (!Ask(&v1::Sluice::Stub::GetStatus, v1::GetStatusRequest(), status)) return false;
  for (int i = status->bridges_size(); i-- > 0;)
    if (!only.empty() && status->bridges(i).name() != only)
      status->mutable_bridges()->DeleteSubrange(i, 1);
  if (only.empty() || !status->bridges().empty()) return true;
  std::fprintf(stderr, "sluicectl: there is no bridge \"%s\"\n", only.c_str());
  return false;
}

void Session::Print(const google::protobuf::Message& message,
                    const std::function<std::string()>& text) {
  std::string out;
  if (json) {
    google::protobuf::util::JsonPrintOptions print;
    print.add_whitespace = true;
    print.preserve_proto_field_names = true;
    print.always_print_primitive_fields = true;
    // Fails for messages with types that none of ours has.
    (void)google::protobuf::util::MessageToJsonString(message, &out, print);
  } else {
    out = text();
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
}

bool TakeFile(const std::string& path, std::string* text, std::string* name) {
  if (path.empty()) return true;
  *name = path == "-" ? "standard input" : path;
  std::ifstream file(path, std::ios::binary);
  std::istream& in = path == "-" ? std::cin : file;
  text->assign(std::istreambuf_iterator<char>(in), {});
  if (path == "-" || (file.is_open() && !file.bad())) return true;
  std::fprintf(stderr, "sluicectl: %s: cannot be read\n", path.c_str());
  return false;
}

}  // namespace sluice::ctl
