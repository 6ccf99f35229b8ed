#include "netlink/pcap/file_reader.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"
#include "netlink/pcap/file_format.h"

namespace sluice::pcap {
namespace {

using base::ByteView;
using base::ToAbsl;

constexpr size_t kPiece = 64 * 1024;
constexpr uint32_t kLargestBlock = 16 << 20;
constexpr uint32_t kLargestPacket = 256 << 10;  // what capturing programs take for the largest
constexpr size_t kPcapHeader = 24;
constexpr size_t kPcapPacketHeader = 16;
constexpr size_t kBlockHeader = 8;  // type and length
constexpr size_t kSmallestBlock = kBlockHeader + 4;

constexpr uint64_t kSecond = 1'000'000'000;

// Ticks of an interface's clock as nanoseconds. The highest bit of `resolution` says that a tick is
// a power of two of a second, else it is one of ten.
uint64_t ToNanoseconds(uint64_t ticks, uint8_t resolution) {
  const unsigned exponent = resolution & 0x7f;
  if ((resolution & 0x80) != 0) {
    if (exponent > 63) return 0;
    const uint64_t whole = ticks >> exponent;
    const uint64_t rest = ticks - (whole << exponent);
    const auto fraction = static_cast<uint64_t>(static_cast<double>(rest) /
                                                static_cast<double>(uint64_t{1} << exponent) *
                                                static_cast<double>(kSecond));
    return whole * kSecond + fraction;
  }
  for (unsigned i = exponent; i < 9; ++i) ticks *= 10;
  for (unsigned i = 9; i < exponent && ticks != 0; ++i) ticks /= 10;
  return ticks;
}

}  // namespace

absl::StatusOr<FileReader> FileReader::Open(std::string_view path) {
  FileReader reader(path == "-" ? "standard input" : path);
  reader.fd_ = STDIN_FILENO;
  if (path != "-") {
    reader.owned_ = base::UniqueFd(::open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC));
    if (!reader.owned_.valid())
      return base::ErrnoError(errno, absl::StrCat("reading \"", ToAbsl(path), "\""));
    reader.fd_ = reader.owned_.get();
  }
  SLUICE_RETURN_IF_ERROR(reader.ReadHeader());
  return reader;
}

absl::StatusOr<FileReader> FileReader::FromBytes(base::ByteVector bytes, std::string_view name) {
  FileReader reader(name);
  reader.buffer_ = std::move(bytes);
  SLUICE_RETURN_IF_ERROR(reader.ReadHeader());
  return reader;
}

absl::StatusOr<bool> FileReader::Fill(size_t size) {
  while (buffer_.size() - begin_ < size) {
    if (fd_ < 0) return false;
    if (begin_ != 0) {
      buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(begin_));
      begin_ = 0;
    }
    const size_t filled = buffer_.size();
    buffer_.resize(filled + kPiece);
    ssize_t got = 0;
    do {
      got = ::read(fd_, buffer_.data() + filled, kPiece);
    } while (got < 0 && errno == EINTR);
    const int error = errno;
    buffer_.resize(filled + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return base::ErrnoError(error, absl::StrCat("reading \"", name_, "\""));
    if (got == 0) fd_ = -1;
  }
  return true;
}

void FileReader::Consume(size_t size) {
  begin_ += size;
  position_ += size;
}

uint16_t FileReader::U16(const uint8_t* p) const {
  const auto value = base::Load<uint16_t>(p);
  return swapped_ ? __builtin_bswap16(value) : value;
}

uint32_t FileReader::U32(const uint8_t* p) const {
  const auto value = base::Load<uint32_t>(p);
  return swapped_ ? __builtin_bswap32(value) : value;
}

absl::Status FileReader::Damaged(std::string_view what) const {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name_, "\" is damaged at byte ", position_, ": ", ToAbsl(what)));
}

absl::Status FileReader::CheckLinkType(uint32_t type) const {
  if (type == kLinkEthernet) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("\"", name_, "\": its packets have link type ",
                                                 type, "; only Ethernet, 1, can be read"));
}

absl::Status FileReader::ReadHeader() {
  SLUICE_ASSIGN_OR_RETURN(const bool magic_there, Fill(sizeof(uint32_t)));
  const uint32_t magic = magic_there ? base::Load<uint32_t>(Front(4).data()) : 0;
  if (magic == kSectionBlock) {  // the same in both orders
    pcapng_ = true;
    return absl::OkStatus();
  }
  for (const uint32_t known : {kMagicMicroseconds, kMagicNanoseconds}) {
    if (magic != known && magic != __builtin_bswap32(known)) continue;
    swapped_ = magic != known;
    nanoseconds_ = known == kMagicNanoseconds;
    SLUICE_ASSIGN_OR_RETURN(const bool whole, Fill(kPcapHeader));
    if (!whole) return Damaged("it ends within its header");
    const uint32_t link_type = U32(Front(kPcapHeader).data() + 20) & 0xffff;
    SLUICE_RETURN_IF_ERROR(CheckLinkType(link_type));
    Consume(kPcapHeader);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name_, "\" is neither a pcap nor a pcapng file"));
}

absl::StatusOr<bool> FileReader::Next(PacketRecord* packet) {
  *packet = {};
  Consume(held_);
  held_ = 0;
  return pcapng_ ? NextOfPcapng(packet) : NextOfPcap(packet);
}

absl::StatusOr<bool> FileReader::NextOfPcap(PacketRecord* packet) {
  SLUICE_ASSIGN_OR_RETURN(const bool any, Fill(1));
  if (!any) return false;
  SLUICE_ASSIGN_OR_RETURN(bool whole, Fill(kPcapPacketHeader));
  if (!whole) return Damaged("it ends within the header of a packet");
  const uint8_t* header = Front(kPcapPacketHeader).data();
  const uint64_t seconds = U32(header);
  const uint64_t fraction = U32(header + 4);
  const uint32_t captured = U32(header + 8);
  const uint32_t length = U32(header + 12);
  if (captured > kLargestPacket) return Damaged("a packet is too large");
  SLUICE_ASSIGN_OR_RETURN(whole, Fill(kPcapPacketHeader + captured));
  if (!whole) return Damaged("it ends within a packet");
  packet->bytes = Front(kPcapPacketHeader + captured).subspan(kPcapPacketHeader);
  packet->length = length > captured ? length : 0;
  packet->time_ns = seconds * kSecond + fraction * (nanoseconds_ ? 1 : 1000);
  held_ = kPcapPacketHeader + captured;
  return true;
}

absl::StatusOr<bool> FileReader::NextOfPcapng(PacketRecord* packet) {
  while (true) {
    uint32_t type = 0;
    SLUICE_ASSIGN_OR_RETURN(const ByteView body, NextBlock(&type));
    if (type == 0) return false;
    switch (type) {
      case kSectionBlock:
        interfaces_.clear();  // numbers of interfaces begin anew
        break;
      case kInterfaceBlock:
        SLUICE_RETURN_IF_ERROR(TakeInterface(body));
        break;
      case kObsoletePacketBlock:
      case kEnhancedPacketBlock:
        SLUICE_RETURN_IF_ERROR(TakePacket(type, body, packet));
        return true;
      case kSimplePacketBlock:
        SLUICE_RETURN_IF_ERROR(TakeSimplePacket(body, packet));
        return true;
      default:  // statistics, names of hosts, what may come
        break;
    }
    Consume(held_);
    held_ = 0;
  }
}

absl::StatusOr<ByteView> FileReader::NextBlock(uint32_t* type) {
  *type = 0;
  SLUICE_ASSIGN_OR_RETURN(const bool any, Fill(1));
  if (!any) return ByteView();
  SLUICE_ASSIGN_OR_RETURN(bool whole, Fill(kSmallestBlock));
  if (!whole) return Damaged("it ends within the header of a block");
  const ByteView header = Front(kSmallestBlock);
  if (base::Load<uint32_t>(header.data()) == kSectionBlock) {
    // What follows the length says in which order this section's numbers are, the length too.
    const auto magic = base::Load<uint32_t>(header.data() + kBlockHeader);
    if (magic != kByteOrderMagic && magic != __builtin_bswap32(kByteOrderMagic))
      return Damaged("a section without byte order");
    swapped_ = magic != kByteOrderMagic;
  }
  const uint32_t found = U32(header.data());
  const uint32_t length = U32(header.data() + 4);
  if (length < kSmallestBlock || length % 4 != 0 || length > kLargestBlock)
    return Damaged(absl::StrCat("a block of ", length, " bytes"));
  SLUICE_ASSIGN_OR_RETURN(whole, Fill(length));
  if (!whole) return Damaged("it ends within a block");
  const ByteView block = Front(length);
  if (U32(block.data() + length - 4) != length) return Damaged("a block has two lengths");
  *type = found;
  if (found == 0) return Damaged("a block of type 0");
  held_ = length;
  return block.subspan(kBlockHeader, length - kSmallestBlock);
}

absl::StatusOr<FileReader::Option> FileReader::TakeOption(ByteView* options) const {
  Option option;
  if (options->size() >= 4) {
    option.code = U16(options->data());
    const size_t size = U16(options->data() + 2);
    *options = options->subspan(4);
    if (size > options->size()) return Damaged("an option is too long");
    option.value = options->first(size);
    *options = options->subspan(std::min((size + 3) & ~size_t{3}, options->size()));
  }
  if (option.code == kOptionEnd) *options = {};
  return option;
}

absl::Status FileReader::TakeInterface(ByteView body) {
  if (body.size() < 8) return Damaged("a block of an interface is too short");
  Interface interface;
  interface.link_type = U16(body.data());
  interface.snap_length = U32(body.data() + 4);
  for (ByteView options = body.subspan(8); !options.empty();) {
    SLUICE_ASSIGN_OR_RETURN(const Option option, TakeOption(&options));
    if (option.code == kInterfaceName)
      interface.name.assign(option.value.begin(), option.value.end());
    else if (option.code == kInterfaceTimeResolution && option.value.size() == 1)
      interface.resolution = option.value[0];
  }
  interfaces_.push_back(std::move(interface));
  return absl::OkStatus();
}

absl::StatusOr<const FileReader::Interface*> FileReader::InterfaceAt(uint32_t number) const {
  if (number >= interfaces_.size())
    return Damaged(absl::StrCat("a packet of interface ", number, ", which was not described"));
  SLUICE_RETURN_IF_ERROR(CheckLinkType(interfaces_[number].link_type));
  return &interfaces_[number];
}

absl::Status FileReader::TakePacket(uint32_t type, ByteView body, PacketRecord* packet) {
  constexpr size_t kHeader = 20;
  if (body.size() < kHeader) return Damaged("a block of a packet is too short");
  const uint32_t number = type == kObsoletePacketBlock ? U16(body.data()) : U32(body.data());
  SLUICE_ASSIGN_OR_RETURN(const Interface* interface, InterfaceAt(number));
  const uint64_t ticks = uint64_t{U32(body.data() + 4)} << 32 | U32(body.data() + 8);
  const uint32_t captured = U32(body.data() + 12);
  const uint32_t length = U32(body.data() + 16);
  if (captured > body.size() - kHeader) return Damaged("a packet is longer than its block");
  if (captured > kLargestPacket) return Damaged("a packet is too large");
  packet->bytes = body.subspan(kHeader, captured);
  packet->length = length > captured ? length : 0;
  packet->time_ns = ToNanoseconds(ticks, interface->resolution);
  packet->interface = interface->name;
  const size_t padded = (captured + size_t{3}) & ~size_t{3};
  ByteView options = body.subspan(std::min(kHeader + padded, body.size()));
  while (!options.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const Option option, TakeOption(&options));
    if (option.code == kOptionComment)
      packet->comment = {reinterpret_cast<const char*>(option.value.data()), option.value.size()};
  }
  return absl::OkStatus();
}

absl::Status FileReader::TakeSimplePacket(ByteView body, PacketRecord* packet) {
  if (body.size() < 4) return Damaged("a block of a packet is too short");
  SLUICE_ASSIGN_OR_RETURN(const Interface* interface, InterfaceAt(0));
  const uint32_t length = U32(body.data());
  uint32_t captured = length;
  if (interface->snap_length != 0) captured = std::min(captured, interface->snap_length);
  if (captured > body.size() - 4) return Damaged("a packet is longer than its block");
  if (captured > kLargestPacket) return Damaged("a packet is too large");
  packet->bytes = body.subspan(4, captured);
  packet->length = length > captured ? length : 0;
  packet->interface = interface->name;
  return absl::OkStatus();
}

}  // namespace sluice::pcap
