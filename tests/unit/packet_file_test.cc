#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>

#include "dpctl/failure.h"
#include "dpctl/packet_file_writer.h"
#include "netlink/base/status.h"
#include "netlink/pcap/file_format.h"
#include "netlink/pcap/file_reader.h"
#include "netlink/pcap/packet_argument.h"
#include "tests/support/test.h"

namespace sluice::dpctl {
namespace {

using base::ByteVector;
using base::ByteView;

// A file without a name in the file system, and the path at which it can be opened.
struct MemoryFile {
  base::UniqueFd fd{::memfd_create("packets", MFD_CLOEXEC)};
  std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  ByteVector Content() const {
    ByteVector bytes(static_cast<size_t>(::lseek(fd.get(), 0, SEEK_END)));
    REQUIRE(::pread(fd.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    return bytes;
  }
};

struct Kept {
  ByteVector bytes;
  uint32_t length;
  uint64_t time_ns;
  std::string interface, comment;
  friend bool operator==(const Kept&, const Kept&) = default;
};

absl::StatusOr<std::vector<Kept>> ReadAll(absl::StatusOr<pcap::FileReader> file) {
  if (!file.ok()) return file.status();
  std::vector<Kept> packets;
  PacketRecord packet;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, file->Next(&packet));
    if (!more) return packets;
    packets.push_back({{packet.bytes.begin(), packet.bytes.end()},
                       packet.length,
                       packet.time_ns,
                       std::string(packet.interface),
                       std::string(packet.comment)});
  }
}

std::string ErrorOf(ByteVector bytes) {
  const auto packets = ReadAll(pcap::FileReader::FromBytes(std::move(bytes), "x.pcap"));
  return packets.ok() ? "" : std::string(packets.status().message());
}

// A file in the byte order of a machine of the other kind, or of this one.
class Maker {
 public:
  explicit Maker(bool swapped) : swapped_(swapped) {}
  Maker& U32(uint32_t value) {
    if (swapped_) value = __builtin_bswap32(value);
    const ByteView bytes = base::AsBytes(value);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Maker& U16(uint16_t value) {
    if (swapped_) value = __builtin_bswap16(value);
    const ByteView bytes = base::AsBytes(value);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Maker& Raw(ByteVector bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Maker& PcapHeader(uint32_t magic, uint32_t link_type) {
    return U32(magic).U16(2).U16(4).U32(0).U32(0).U32(65535).U32(link_type);
  }
  Maker& PcapngHeader() {
    return U32(0x0a0d0d0a).U32(28).U32(0x1a2b3c4d).U32(1).U32(~0u).U32(~0u).U32(28);
  }
  ByteVector bytes() const { return bytes_; }

 private:
  bool swapped_;
  ByteVector bytes_;
};

TEST_CASE("packets come back from a pcapng file as they were written") {
  const MemoryFile memory;
  const std::vector<Kept> packets = {
      {{1, 2, 3}, 0, 1'700'000'000'123'456'789, "veth0", "in_port(1),eth()"},
      {{}, 0, 0, "", ""},
      {ByteVector(60, 7), 1514, 5, "veth1", ""},
      {ByteVector(300'000 - 100'000, 9), 0, 6, "veth0", "large"},
  };
  {
    auto file = PacketFileWriter::Create(memory.path);
    REQUIRE_OK(file);
    for (const Kept& packet : packets)
      file->Append({packet.bytes, packet.length, packet.time_ns, packet.interface, packet.comment});
    REQUIRE_OK(file->Flush());
    CHECK(file->packets() == packets.size());
  }
  const auto read = ReadAll(pcap::FileReader::FromBytes(memory.Content(), "x"));
  REQUIRE_OK(read);
  CHECK(*read == packets);
  const auto from_path = ReadAll(pcap::FileReader::Open(memory.path));
  REQUIRE_OK(from_path);
  CHECK(*from_path == packets);
}

TEST_CASE("a file without packets is a file") {
  const MemoryFile memory;
  REQUIRE_OK(PacketFileWriter::Create(memory.path));
  const auto read = ReadAll(pcap::FileReader::Open(memory.path));
  REQUIRE_OK(read);
  CHECK(read->empty());
}

TEST_CASE("a comment that is too long for the format is cut") {
  const MemoryFile memory;
  auto file = PacketFileWriter::Create(memory.path);
  REQUIRE_OK(file);
  file->Append({.comment = std::string(70'000, 'x')});
  REQUIRE_OK(file->Flush());
  const auto read = ReadAll(pcap::FileReader::Open(memory.path));
  REQUIRE_OK(read);
  REQUIRE(read->size() == 1);
  CHECK(read->front().comment == std::string(65'000, 'x'));
}

TEST_CASE("a full disk and a path that cannot be are told, with the path") {
  const auto full = PacketFileWriter::Create("/dev/full");
  REQUIRE_FALSE(full.ok());
  CHECK(base::ErrnoOf(full.status()) == ENOSPC);
  CHECK(FailureText(full.status()) == "dpctl: writing \"/dev/full\" (No space left on device)\n");
  const auto nowhere = PacketFileWriter::Create("/nonexistent/x.pcapng");
  CHECK(FailureText(nowhere.status()) ==
        "dpctl: writing \"/nonexistent/x.pcapng\" (No such file or directory)\n");
  const auto missing = pcap::FileReader::Open("/nonexistent/x.pcap");
  CHECK(base::ErrnoOf(missing.status()) == ENOENT);
  CHECK(missing.status().message() == "reading \"/nonexistent/x.pcap\": No such file or directory");
}

TEST_CASE("pcap files are read in both byte orders and both resolutions") {
  for (const bool swapped : {false, true}) {
    for (const bool nanoseconds : {false, true}) {
      CAPTURE(swapped, nanoseconds);
      const ByteVector bytes =
          Maker(swapped)
              .PcapHeader(nanoseconds ? pcap::kMagicNanoseconds : pcap::kMagicMicroseconds, 1)
              .U32(1000)
              .U32(5)
              .U32(3)
              .U32(100)
              .Raw({1, 2, 3})
              .U32(1001)
              .U32(6)
              .U32(2)
              .U32(2)
              .Raw({4, 5})
              .bytes();
      const auto read = ReadAll(pcap::FileReader::FromBytes(bytes, "x"));
      REQUIRE_OK(read);
      const uint64_t tick = nanoseconds ? 1 : 1000;
      CHECK(*read == std::vector<Kept>{{{1, 2, 3}, 100, 1'000'000'000'000 + 5 * tick, "", ""},
                                       {{4, 5}, 0, 1'001'000'000'000 + 6 * tick, "", ""}});
    }
  }
}

TEST_CASE("pcapng: both byte orders, any resolution, simple and unknown blocks, new sections") {
  for (const bool swapped : {false, true}) {
    CAPTURE(swapped);
    Maker maker(swapped);
    maker.PcapngHeader()
        .U32(0x0bad)
        .U32(16)
        .U32(1)
        .U32(16)  // a block that nobody knows
        .U32(1)
        .U32(32)
        .U16(1)
        .U16(0)
        .U32(4)  // an interface: cut at 4 bytes, milliseconds
        .U16(9)
        .U16(1)
        .Raw({3, 0, 0, 0})
        .U16(0)
        .U16(0)
        .U32(32)
        .U32(6)
        .U32(36)
        .U32(0)
        .U32(0)
        .U32(2500)
        .U32(2)
        .U32(2)
        .Raw({8, 9, 0, 0})
        .U32(36)
        .U32(3)
        .U32(20)
        .U32(9)
        .Raw({1, 2, 3, 4})
        .U32(20);
    Maker other(!swapped);
    other.PcapngHeader()
        .U32(1)
        .U32(20)
        .U16(1)
        .U16(0)
        .U32(0)
        .U32(20)
        .U32(6)
        .U32(36)
        .U32(0)
        .U32(0)
        .U32(7)
        .U32(1)
        .U32(1)
        .Raw({5, 0, 0, 0})
        .U32(36);
    const auto read = ReadAll(pcap::FileReader::FromBytes(maker.Raw(other.bytes()).bytes(), "x"));
    REQUIRE_OK(read);
    CHECK(*read == std::vector<Kept>{{{8, 9}, 0, 2'500'000'000, "", ""},
                                     {{1, 2, 3, 4}, 9, 0, "", ""},
                                     {{5}, 0, 7000, "", ""}});
  }
}

TEST_CASE("what is wrong with a file is told with its place") {
  CHECK(ErrorOf({}) == "\"x.pcap\" is neither a pcap nor a pcapng file");
  CHECK(ErrorOf({'h', 'e', 'l', 'l', 'o'}) == "\"x.pcap\" is neither a pcap nor a pcapng file");
  const uint32_t magic = pcap::kMagicMicroseconds;
  CHECK(ErrorOf(Maker(false).U32(magic).bytes()) ==
        "\"x.pcap\" is damaged at byte 0: it ends within its header");
  CHECK(ErrorOf(Maker(false).PcapHeader(magic, 101).bytes()) ==
        "\"x.pcap\": its packets have link type 101; only Ethernet, 1, can be read");
  CHECK(ErrorOf(Maker(false).PcapHeader(magic, 1).U32(0).bytes()) ==
        "\"x.pcap\" is damaged at byte 24: it ends within the header of a packet");
  CHECK(ErrorOf(Maker(false).PcapHeader(magic, 1).U32(0).U32(0).U32(5).U32(5).bytes()) ==
        "\"x.pcap\" is damaged at byte 24: it ends within a packet");
  CHECK(ErrorOf(Maker(false).PcapHeader(magic, 1).U32(0).U32(0).U32(~0u).U32(5).bytes()) ==
        "\"x.pcap\" is damaged at byte 24: a packet is too large");
  const auto block = [](uint32_t type, uint32_t length) {
    return Maker(false).PcapngHeader().U32(type).U32(length).U32(0).U32(length).bytes();
  };
  CHECK(ErrorOf(block(6, 13)) == "\"x.pcap\" is damaged at byte 28: a block of 13 bytes");
  CHECK(ErrorOf(block(6, 20)) == "\"x.pcap\" is damaged at byte 28: it ends within a block");
  CHECK(ErrorOf(block(6, 12)) == "\"x.pcap\" is damaged at byte 28: a block has two lengths");
  CHECK(ErrorOf(block(6, 16)) ==
        "\"x.pcap\" is damaged at byte 28: a block of a packet is too short");
  CHECK(ErrorOf(block(3, 16)) ==
        "\"x.pcap\" is damaged at byte 28: a packet of interface 0, which was not described");
}

TEST_CASE("packets are named by digits, by a file, or by a number in it") {
  const MemoryFile file;
  {
    auto writer = PacketFileWriter::Create(file.path);
    REQUIRE_OK(writer);
    for (const int byte : {1, 2, 3})
      writer->Append({.bytes = ByteVector(20, static_cast<uint8_t>(byte))});
    writer->Append({.bytes = ByteVector(20, 4), .length = 60});
    REQUIRE_OK(writer->Flush());
  }
  std::string seen;
  const auto each = [&](const std::string& argument) {
    seen.clear();
    return pcap::ForEachPacket(argument, [&](ByteView packet, const std::string& place) {
      seen += base::ToHex(packet.first(2)) + (place.empty() ? "" : place.substr(0, 8)) + ";";
      return packet[0] == 2 ? absl::AbortedError("enough") : absl::OkStatus();
    });
  };
  const std::string named = "pcap:" + file.path;
  CHECK(each("01:0a 0b\n0c").ok());
  CHECK(seen == "010a;");
  CHECK(each(named) == absl::AbortedError("enough"));
  CHECK(seen == "0101packet 1;0202packet 2;");
  CHECK(each(named + ":3").ok());
  CHECK(seen == "0303packet 3;");
  const auto error_of = [&](const std::string& argument) {
    return std::string(each(argument).message());
  };
  CHECK(error_of(named + ":4") == "packet 4 of \"" + file.path + "\" was cut when it was captured");
  CHECK(error_of(named + ":5") == "\"" + file.path + "\" has 4 packets, and no 5");
  CHECK(base::ErrnoOf(each("pcap:/nonexistent")) == ENOENT);
  for (const char* none : {"", "0", "xyz", "/some/file"})
    CHECK(error_of(none).find("two digits a byte") != std::string::npos);
}

}  // namespace
}  // namespace sluice::dpctl
