// Where `listen` has upcalls of a datapath from: a mirror of what others get, or, when they are
// taken, a socket of its own.
//
// One thread. A source undoes what it did in End(), and in its destructor when that was not called.
//
//   SLUICE_ASSIGN_OR_RETURN(auto source, MirrorUpcalls(session, datapath));
//   while (stop.WaitFor(source->fd())) source->Receive([](const socket::Message& message, ..) ..);
//   SLUICE_RETURN_IF_ERROR(source->End());
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "dpctl/session.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/vport.h"
#include "netlink/socket/message.h"

namespace sluice::dpctl {

class UpcallSource {
 public:
  // A message of the ovs_packet family, and when it came: nanoseconds since 1970, UTC.
  using Take = absl::FunctionRef<void(const socket::Message&, uint64_t)>;

  virtual ~UpcallSource() = default;
  virtual int fd() const = 0;
  // Hands over what is there, without waiting.
  virtual absl::Status Receive(Take take) = 0;
  // What came, and was lost on the way here; a sentence for people, empty when nothing was.
  virtual std::string Lost() = 0;
  // Undoes what was done to have the upcalls.
  virtual absl::Status End() = 0;
};

// Looks at the upcalls that somebody else takes. Makes a monitor device in this network namespace;
// nothing of the datapath changes.
absl::StatusOr<std::unique_ptr<UpcallSource>> MirrorUpcalls(Session* session,
                                                            const ovs::Datapath& datapath);
// Has the upcalls of `ports`, which are all ports or one, sent here; End() gives each back to whom
// it belonged, unless somebody took it meanwhile.
absl::StatusOr<std::unique_ptr<UpcallSource>> TakeUpcalls(Session* session,
                                                          const ovs::Datapath& datapath,
                                                          std::vector<ovs::Vport> ports);

}  // namespace sluice::dpctl
