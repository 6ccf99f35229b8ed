// Requests to the kernel and their answers: one, a dump, or a batch.
//
// Thread-compatible: one thread at a time; give each thread a client of its own. A client owns its
// socket, its buffers and its cache of families. Nothing here hangs: a kernel that does not answer
// for ClientOptions::timeout gives ETIMEDOUT.
//
// Errors of the kernel are base::KernelError: errno, the kernel's text, the path of the attribute
// that it blames. Beside them:
//   kUnavailable       the family is not there: its module is not loaded
//   kAborted           a dump was interrupted each time it was tried
//   kDataLoss          the kernel's answer was malformed or cut short
//   errno ENOBUFS,     the answer to a request that is not read_only() was lost: the kernel may
//   errno ETIMEDOUT    have carried it out. Look before doing it again.
//   kInvalidArgument   the request is not valid()
//   kFailedPrecondition the client was used from within a visitor of its own
//
//   SLUICE_ASSIGN_OR_RETURN(Client client, Client::Open(NETLINK_GENERIC));
//   SLUICE_ASSIGN_OR_RETURN(const Family* family,
//                           client.ResolveFamily("ovs_datapath", "openvswitch"));
//   Request request(*family, OVS_DP_CMD_GET, 0, base::AsBytes(ovs_header{dp_ifindex}));
//   request.set_read_only(true);
//   SLUICE_ASSIGN_OR_RETURN(Reply reply, client.Transact(request));
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "netlink/socket/batch.h"
#include "netlink/socket/ext_ack.h"
#include "netlink/socket/family.h"
#include "netlink/socket/message.h"
#include "netlink/socket/receive_buffers.h"
#include "netlink/socket/request.h"
#include "netlink/socket/socket.h"
#include "netlink/socket/transport.h"

namespace sluice::socket {

struct ClientOptions {
  SocketOptions socket{.receive_buffer_bytes = 4 << 20, .send_buffer_bytes = 1 << 20};
  std::chrono::milliseconds timeout{5000};  // without any answer
  int retries = 2;                          // of a read-only request whose answer was lost
  int dump_passes = 4;                      // tries at a dump that is not interrupted
};

// The answer to one request: empty when the kernel only acknowledged it.
struct Reply {
  bool has_message = false;
  uint16_t type = 0;
  uint16_t flags = 0;
  ByteVector payload;   // what follows the nlmsghdr
  std::string warning;  // ext-ack text of a request that succeeded

  // As ParseGeneric(); nullopt also without a message. The views borrow this reply.
  std::optional<GenericMessage> Generic(size_t family_header_size) const;
};

// Takes the messages of a dump. It must not use the client.
class DumpVisitor {
 public:
  virtual ~DumpVisitor() = default;
  // A pass begins: what earlier passes brought is void, as the dump was interrupted.
  virtual void Begin() = 0;
  // The message is borrowed. An error ends the dump, which then returns it.
  virtual absl::Status OnMessage(const Message& message) = 0;
};

struct DumpOptions {
  // Takes an interrupted pass as it is, and says so in the report, instead of repeating it: for
  // callers that look again soon anyway.
  bool accept_interrupted = false;
};

struct DumpReport {
  size_t messages = 0;  // of the last pass
  int passes = 0;
  bool interrupted = false;  // the last pass; only with accept_interrupted
};

// Names attributes, in errors, from tables that this layer does not have. Gets the family's name
// (empty when there is none) and the path.
using AttributeNamer = std::function<std::string(std::string_view family, const AttributePath&)>;

class Client {
 public:
  static absl::StatusOr<Client> Open(int protocol, const ClientOptions& options = {});
  // On a transport of the caller's making, for tests.
  explicit Client(std::unique_ptr<Transport> transport, const ClientOptions& options = {});

  Client(Client&&) = default;
  Client& operator=(Client&&) = default;

  // The family of that name (a NETLINK_GENERIC client only), from the cache if it is there. The
  // kernel may load the module to answer. The pointer holds as long as the client, also when that
  // is moved; what it points to changes when the module was loaded anew. `module` is for the text
  // of the error alone.
  absl::StatusOr<const Family*> ResolveFamily(std::string_view name, std::string_view module = {});

  // Sends the request and waits for the answer. A request with the id of a family that has changed
  // since is sent again with the new one.
  absl::StatusOr<Reply> Transact(const Request& request);

  // Sends the request with NLM_F_DUMP and hands the messages to the visitor. A pass that the kernel
  // marks as interrupted (NLM_F_DUMP_INTR), or of which something was lost, is repeated from the
  // beginning, at most ClientOptions::dump_passes in all.
  absl::StatusOr<DumpReport> Dump(const Request& request, DumpVisitor* visitor,
                                  const DumpOptions& options = {});
  // The same into a container: `decode` gives a StatusOr<T> for each message.
  template <typename Container, typename Decode>
  absl::StatusOr<DumpReport> DumpInto(const Request& request, Container* out, Decode decode,
                                      const DumpOptions& options = {});

  // Sends the whole batch in as few datagrams as send and receive buffer allow and notes in it the
  // outcome of each request. OK when each has one, be it an error; else the first failure of the
  // transport. `on_reply` gets messages that answer a request (NLM_F_ECHO), with its index.
  using ReplyVisitor = absl::FunctionRef<void(size_t index, const Message& message)>;
  absl::Status Run(Batch* batch, BatchMode mode);
  absl::Status Run(Batch* batch, BatchMode mode, ReplyVisitor on_reply);
  // Why request `index` of a batch that was run failed, in full; OK if it did not.
  absl::Status StatusOf(const Batch& batch, size_t index) const;

  void set_attribute_namer(AttributeNamer namer) { namer_ = std::move(namer); }
  const Transport& transport() const { return *transport_; }

 private:
  struct CachedFamily;
  enum class Pumped { kDone, kNothing, kOverrun, kMalformed, kFailed };
  struct [[nodiscard]] PumpResult {
    Pumped outcome = Pumped::kDone;
    int error = 0;
  };
  struct DumpPass;   // of Dump
  struct BatchPart;  // of Run

  // Hands the answers to sequence numbers [first, first + count) to `take` until that returns true.
  PumpResult Pump(uint32_t first, uint32_t count, std::chrono::milliseconds timeout,
                  absl::FunctionRef<bool(const Message&)> take);
  // Throws away what is in the receive queue, up to the end of a dump that is under way.
  void Drain();
  uint32_t TakeSequences(uint32_t count);
  absl::Status CheckUsable(const Request& request) const;
  // Sends a copy of the request, with what only the client knows.
  absl::Status SendOne(const Request& request, uint16_t type, uint16_t flags, uint32_t sequence);

  absl::StatusOr<Reply> TransactOnce(const Request& request, uint16_t type, bool* lost);
  absl::StatusOr<DumpReport> DumpPasses(const Request& request, uint16_t type, DumpVisitor* visitor,
                                        const DumpOptions& options);
  absl::Status DumpOnce(const Request& request, uint16_t type, DumpVisitor* visitor,
                        const DumpOptions& options, DumpPass* pass);
  BatchPart NextPart(const Batch& batch, size_t begin) const;
  void StampPart(Batch* batch, const BatchPart& part, BatchMode mode, uint32_t first) const;
  absl::Status RunPart(Batch* batch, BatchPart* part, BatchMode mode, ReplyVisitor on_reply);
  // Whether that was the answer to the part's last request.
  bool TakeAnswer(Batch* batch, BatchPart* part, size_t index, const Message& message);

  const CachedFamily* FamilyOf(uint16_t type) const;
  // The id that the family with this id, or this former id, has now.
  uint16_t CurrentType(uint16_t type) const;
  // Asks anew for the family with the id `type`, after an ENOENT. Its new id, or `type` when that
  // still holds or was never one of a family.
  absl::StatusOr<uint16_t> Refresh(uint16_t type);
  absl::StatusOr<Family> QueryFamily(std::string_view name, std::string_view module);

  absl::Status Refusal(const ExtAck& ack, ByteView request, size_t attributes_offset,
                       std::string_view label) const;
  absl::Status PumpError(const PumpResult& result, std::string_view context) const;
  std::string Describe(ByteView request, std::string_view label) const;

  std::unique_ptr<Transport> transport_;
  ClientOptions options_;
  ReceiveBuffers buffers_;
  ByteVector send_;
  uint32_t next_sequence_ = 1;
  bool busy_ = false;
  absl::flat_hash_map<std::string, std::unique_ptr<CachedFamily>> families_;
  AttributeNamer namer_;
};

struct Client::CachedFamily {
  Family family;
  std::string module;
  std::vector<uint16_t> former_ids;  // requests built before a reload still carry these
};

template <typename Container, typename Decode>
absl::StatusOr<DumpReport> Client::DumpInto(const Request& request, Container* out, Decode decode,
                                            const DumpOptions& options) {
  struct Collector final : DumpVisitor {
    Collector(Container* c, Decode* d) : container(c), decode_one(d) {}
    void Begin() override { container->clear(); }
    absl::Status OnMessage(const Message& message) override {
      auto item = (*decode_one)(message);
      if (!item.ok()) return item.status();
      container->insert(container->end(), *std::move(item));
      return absl::OkStatus();
    }
    Container* container;
    Decode* decode_one;
  } collector(out, &decode);
  return Dump(request, &collector, options);
}

}  // namespace sluice::socket
