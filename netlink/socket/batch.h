// Many requests for one trip to the kernel, and what became of each.
//
// A Batch owns its bytes; Clear() keeps the memory, so that filling it again allocates nothing.
// Client::Run() sends it. Not thread-safe.
//
//   Request request;
//   for (const Flow& flow : flows) {
//     request.Reset(*family, OVS_FLOW_CMD_NEW, NLM_F_CREATE, header);
//     flow.Encode(&request.attributes());
//     batch.Add(request);
//   }
//   SLUICE_RETURN_IF_ERROR(client.Run(&batch, BatchMode::kErrorsOnly));
//   for (size_t i = 0; i < batch.size(); ++i)
//     if (batch.error(i) != 0) Log(client.StatusOf(batch, i));
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "netlink/socket/ext_ack.h"
#include "netlink/socket/request.h"

namespace sluice::socket {

enum class BatchMode {
  kAckAll,      // every request is answered: one message back for each
  kErrorsOnly,  // only failures are answered, and the last request of each datagram, which marks
                // the end: much less to receive
};

class Batch {
 public:
  // Outcomes that are no errno.
  static constexpr int kNotSent = -1;  // the kernel has not seen it
  static constexpr int kUnknown =
      -2;  // sent, but its answer was lost: it may have been carried out

  // Copies the request. False, adding nothing, when it is not valid() or is a dump.
  bool Add(const Request& request);
  void Clear();

  size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  size_t bytes() const { return bytes_.size(); }

  // After Run(): 0 done, a positive errno, kNotSent or kUnknown.
  int error(size_t index) const { return items_[index].outcome; }
  // What the kernel said beside the errno; nullptr when nothing.
  const ExtAck* details(size_t index) const;
  // How many of size() were refused by the kernel, and how many are kNotSent or kUnknown.
  size_t failed() const { return failed_; }
  size_t unanswered() const { return unanswered_; }

  ByteView request(size_t index) const;
  size_t attributes_offset(size_t index) const { return items_[index].attributes_offset; }
  std::string_view label(size_t index) const { return items_[index].label; }

 private:
  friend class Client;
  struct Item {
    size_t offset = 0;  // of the message in bytes_
    uint32_t length = 0;
    uint32_t attributes_offset = 0;
    int outcome = kNotSent;
    bool has_reply = false;  // a message may come back beside the acknowledgement
    std::string_view label;
  };

  ByteVector bytes_;
  std::vector<Item> items_;
  absl::flat_hash_map<size_t, ExtAck> details_;
  size_t failed_ = 0;
  size_t unanswered_ = 0;
};

}  // namespace sluice::socket
