// Reads packets from a file in pcap or pcapng format, of either byte order, from the front to the
// back. A pipe will do. Nothing in a file is trusted.
//
// Not thread-safe; owns its file descriptor, and leaves standard input open.
//
//   SLUICE_ASSIGN_OR_RETURN(pcap::FileReader file, pcap::FileReader::Open("trace.pcap"));
//   pcap::PacketRecord packet;
//   while (true) {
//     SLUICE_ASSIGN_OR_RETURN(const bool more, file.Next(&packet));
//     if (!more) break;
//   }
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "netlink/base/bytes.h"
#include "netlink/base/fd.h"
#include "netlink/pcap/packet_record.h"

namespace sluice::pcap {

class FileReader {
 public:
  // "-" is standard input. Errors name the path, and have an errno, or say what is wrong with the
  // file at which byte.
  static absl::StatusOr<FileReader> Open(std::string_view path);
  // A file that is in memory; `name` is for errors.
  static absl::StatusOr<FileReader> FromBytes(base::ByteVector bytes, std::string_view name);

  // The next packet; false at the end. What it borrows holds until the next call. An error is
  // final. kInvalidArgument for a file that is cut short, damaged, or of another link type than
  // Ethernet.
  absl::StatusOr<bool> Next(PacketRecord* packet);

 private:
  struct Interface {
    std::string name;
    uint16_t link_type = 0;
    uint32_t snap_length = 0;
    uint8_t resolution = 6;  // as if_tsresol has it
  };
  explicit FileReader(std::string_view name) : name_(name) {}

  absl::Status ReadHeader();
  // Makes `size` bytes of the file, from `begin_` on, be in the buffer. False: it ends before.
  absl::StatusOr<bool> Fill(size_t size);
  base::ByteView Front(size_t size) const { return base::ByteView(buffer_).subspan(begin_, size); }
  void Consume(size_t size);

  uint16_t U16(const uint8_t* p) const;
  uint32_t U32(const uint8_t* p) const;
  absl::Status Damaged(std::string_view what) const;
  absl::Status CheckLinkType(uint32_t type) const;

  absl::StatusOr<bool> NextOfPcap(PacketRecord* packet);
  absl::StatusOr<bool> NextOfPcapng(PacketRecord* packet);
  // The bytes of the next block, without its lengths; its type in `*type`. Empty at the end.
  absl::StatusOr<base::ByteView> NextBlock(uint32_t* type);
  struct Option {
    uint16_t code = 0;
    base::ByteView value;
  };
  // Takes the first one off; what follows the end of the options goes with it.
  absl::StatusOr<Option> TakeOption(base::ByteView* options) const;
  absl::Status TakeInterface(base::ByteView body);
  absl::Status TakePacket(uint32_t type, base::ByteView body, PacketRecord* packet);
  absl::Status TakeSimplePacket(base::ByteView body, PacketRecord* packet);
  absl::StatusOr<const Interface*> InterfaceAt(uint32_t number) const;

  std::string name_;
  base::UniqueFd owned_;
  int fd_ = -1;  // -1: all that there is, is in the buffer
  base::ByteVector buffer_;
  size_t begin_ = 0;       // of what was not consumed yet
  size_t held_ = 0;        // bytes after it that the last packet borrows
  uint64_t position_ = 0;  // in the file, of begin_
  bool pcapng_ = false;
  bool swapped_ = false;
  bool nanoseconds_ = false;  // of pcap
  std::vector<Interface> interfaces_;
};

}  // namespace sluice::pcap
