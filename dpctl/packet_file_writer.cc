#include "dpctl/packet_file_writer.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"
#include "netlink/pcap/file_format.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

constexpr size_t kLongestText = 65000;  // of an option; its length has 16 bits

// A block of pcapng in this machine's byte order: type, length, body, length again.
class Block {
 public:
  Block(uint32_t type, std::string* out) : out_(out), begin_(out->size()) {
    Put(type);
    Put(uint32_t{0});
  }
  template <typename T>
  void Put(const T& value) {
    out_->append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void PutPadded(std::string_view bytes) {
    out_->append(bytes);
    out_->append((4 - bytes.size() % 4) % 4, '\0');
  }
  void PutOption(uint16_t code, std::string_view value) {
    value = value.substr(0, kLongestText);
    Put(code);
    Put(static_cast<uint16_t>(value.size()));
    PutPadded(value);
  }
  void PutEndOfOptions() { PutOption(pcap::kOptionEnd, {}); }
  void Close() {
    const auto length = static_cast<uint32_t>(out_->size() - begin_ + sizeof(uint32_t));
    base::Store(out_->data() + begin_ + sizeof(uint32_t), length);
    Put(length);
  }

 private:
  std::string* out_;
  size_t begin_;
};

}  // namespace

absl::StatusOr<PacketFileWriter> PacketFileWriter::Create(std::string_view path) {
  base::UniqueFd file;
  int fd = STDOUT_FILENO;
  if (path != "-") {
    file = base::UniqueFd(
        ::open(std::string(path).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file.valid())
      return Failed(absl::StrCat("writing \"", ToAbsl(path), "\""),
                    base::ErrnoError(errno, "open"));
    fd = file.get();
  } else if (::isatty(fd) != 0) {
    return WithHint(UsageError("packets are no text: standard output must not be a terminal"),
                    "name a file, or pipe the output into a program: | tcpdump -r -");
  }
  const std::string what =
      path == "-" ? "writing the output" : absl::StrCat("writing \"", ToAbsl(path), "\"");
  PacketFileWriter writer(std::move(file), std::make_unique<Output>(fd, what));
  writer.WriteHeader();
  SLUICE_RETURN_IF_ERROR(writer.Flush());
  return writer;
}

void PacketFileWriter::WriteHeader() {
  Block block(pcap::kSectionBlock, &out_->buffer());
  block.Put(pcap::kByteOrderMagic);
  block.Put(uint16_t{1});  // version 1.0
  block.Put(uint16_t{0});
  block.Put(~uint64_t{0});  // the section's length is not known
  block.PutOption(pcap::kSectionApplication, "dpctl (Sluice) " SLUICE_VERSION);
  block.PutEndOfOptions();
  block.Close();
}

uint32_t PacketFileWriter::InterfaceNumber(std::string_view name) {
  if (const auto found = interfaces_.find(name); found != interfaces_.end()) return found->second;
  const auto number = static_cast<uint32_t>(interfaces_.size());
  interfaces_.emplace(name, number);
  Block block(pcap::kInterfaceBlock, &out_->buffer());
  block.Put(pcap::kLinkEthernet);
  block.Put(uint16_t{0});
  block.Put(uint32_t{0});  // packets of any length
  if (!name.empty()) block.PutOption(pcap::kInterfaceName, name);
  block.PutOption(pcap::kInterfaceTimeResolution, "\x09");  // nanoseconds
  block.PutEndOfOptions();
  block.Close();
  return number;
}

void PacketFileWriter::Append(const PacketRecord& packet) {
  const uint32_t interface = InterfaceNumber(packet.interface);
  const auto captured = static_cast<uint32_t>(packet.bytes.size());
  Block block(pcap::kEnhancedPacketBlock, &out_->buffer());
  block.Put(interface);
  block.Put(static_cast<uint32_t>(packet.time_ns >> 32));
  block.Put(static_cast<uint32_t>(packet.time_ns));
  block.Put(captured);
  block.Put(std::max(captured, packet.length));
  block.PutPadded({reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()});
  if (!packet.comment.empty()) {
    block.PutOption(pcap::kOptionComment, packet.comment);
    block.PutEndOfOptions();
  }
  block.Close();
  ++packets_;
  out_->Step();
}

absl::Status PacketFileWriter::Flush() { return out_->Flush(); }

}  // namespace sluice::dpctl
