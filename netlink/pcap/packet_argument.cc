#include "netlink/pcap/packet_argument.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"
#include "netlink/pcap/file_reader.h"

namespace sluice::pcap {
namespace {

struct FileChoice {
  std::string path;
  size_t number = 0;  // from 1 on; 0: all packets
};

// FILE or FILE:N.
FileChoice ParseChoice(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    const std::string_view digits = text.substr(colon + 1);
    size_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc() && end == digits.data() + digits.size() && number != 0)
      return {std::string(text.substr(0, colon)), number};
  }
  return {std::string(text), 0};
}

absl::Status ForEachOfFile(const FileChoice& choice, const PacketUse& use) {
  SLUICE_ASSIGN_OR_RETURN(FileReader file, FileReader::Open(choice.path));
  PacketRecord packet;
  for (size_t number = 1;; ++number) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, file.Next(&packet));
    if (!more) {
      if (choice.number == 0) return absl::OkStatus();
      return absl::InvalidArgumentError(absl::StrCat("\"", choice.path, "\" has ", number - 1,
                                                     " packets, and no ", choice.number));
    }
    if (choice.number != 0 && choice.number != number) continue;
    const std::string place = absl::StrCat("packet ", number, " of \"", choice.path, "\"");
    if (packet.length > packet.bytes.size())
      return absl::InvalidArgumentError(absl::StrCat(place, " was cut when it was captured"));
    SLUICE_RETURN_IF_ERROR(use(packet.bytes, place));
    if (choice.number != 0) return absl::OkStatus();
  }
}

}  // namespace

absl::Status ForEachPacket(std::string_view argument, const PacketUse& use) {
  if (argument.starts_with(kFilePrefix))
    return ForEachOfFile(ParseChoice(argument.substr(kFilePrefix.size())), use);
  std::string digits(argument);
  std::erase_if(digits, [](char c) { return c == ' ' || c == ':' || c == '\n'; });
  const auto packet = base::FromHex(digits);
  if (!packet || packet->empty())
    return absl::InvalidArgumentError(
        "the packet is no hexadecimal number with two digits a byte (a file is named with pcap: in "
        "front: pcap:FILE or pcap:FILE:N)");
  return use(*packet, "");
}

}  // namespace sluice::pcap
