// Writes packets into a pcapng file, which Wireshark and tcpdump read.
//
// Each packet has a time, the name of the port that it belongs to (an interface of the file, which
// is made when a packet first names it), and a comment if there is something to say of it, such as
// its flow key. Packets begin with an Ethernet header. Not thread-safe; owns its file descriptor,
// and leaves standard output open.
//
//   SLUICE_ASSIGN_OR_RETURN(PacketFileWriter file, PacketFileWriter::Create("misses.pcapng"));
//   file.Append({.bytes = upcall.packet, .time_ns = now, .interface = "veth0", .comment = key});
//   SLUICE_RETURN_IF_ERROR(file.Flush());  // after each batch, so that a reader sees it at once
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "dpctl/output.h"
#include "netlink/base/bytes.h"
#include "netlink/base/fd.h"
#include "netlink/pcap/packet_record.h"

namespace sluice::dpctl {

using pcap::PacketRecord;

class PacketFileWriter {
 public:
  // Makes the file, or empties one that is there; "-" is standard output, which must not be a
  // terminal. The error names the path.
  static absl::StatusOr<PacketFileWriter> Create(std::string_view path);

  // Collects; what is large is written at once. An error of that is told by Flush().
  void Append(const PacketRecord& packet);
  // Writes what was collected. The first error of all writes, with its errno (ENOSPC, EPIPE);
  // nothing is written after it.
  absl::Status Flush();

  uint64_t packets() const { return packets_; }

 private:
  PacketFileWriter(base::UniqueFd fd, std::unique_ptr<Output> out)
      : fd_(std::move(fd)), out_(std::move(out)) {}
  void WriteHeader();
  uint32_t InterfaceNumber(std::string_view name);

  base::UniqueFd fd_;  // not valid for standard output
  std::unique_ptr<Output> out_;
  std::map<std::string, uint32_t, std::less<>> interfaces_;
  uint64_t packets_ = 0;
};

}  // namespace sluice::dpctl
