#include "tests/support/packet_reader.h"

#include <cstddef>
#include <cstring>

namespace sluice::testing {
namespace {

using base::ByteView;
using pipeline::Be16;
using pipeline::Be32;
using pipeline::Fields;

constexpr uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd, kArp = 0x0806, kRarp = 0x8035;
constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kFragment = 44, kIcmp6 = 58, kSctp = 132;
constexpr uint32_t kBottom = 0x100;

uint32_t Sum(ByteView bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) sum += uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
  return sum;
}

bool IsWhole(uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

class Reader {
 public:
  Reader(ByteView bytes, const Fields& came_with) : bytes_(bytes) {
    std::memcpy(static_cast<void*>(&read_.fields), &came_with, offsetof(Fields, eth_src));
  }

  ReadPacket Read() {
    Fields& f = read_.fields;
    Take(&f.eth_dst);
    Take(&f.eth_src);
    Take(&f.eth_type);
    for (size_t tags = 0; f.eth_type.host() == 0x8100 || f.eth_type.host() == 0x88a8; ++tags) {
      Fields::Vlan tag{f.eth_type, {}};
      Take(&tag.tci);
      tag.tci = Be16::FromHost(tag.tci.host() | pipeline::kVlanPresent);
      Take(&f.eth_type);
      if (tags < f.vlans.size()) {
        f.vlans[tags] = tag;
      } else {
        read_.deeper_tags.push_back(tag);
      }
    }
    const uint16_t type = f.eth_type.host();
    if (type < 0x600) f.eth_type = Be16::FromHost(pipeline::kEthTypeNone);
    if (type == kArp || type == kRarp) Arp();
    if (type == kIpv4) IpV4();
    if (type == kIpv6) IpV6();
    if (type == 0x8847 || type == 0x8848) Labels();
    return std::move(read_);
  }

 private:
  bool Has(size_t size) {
    if (bytes_.size() - at_ >= size) return true;
    read_.fault += "too short; ";
    at_ = bytes_.size();
    return false;
  }
  template <typename T>
  void Take(T* to) {
    if (!Has(sizeof(T))) return;
    *to = base::Load<T>(&bytes_[at_]);
    at_ += sizeof(T);
  }
  uint8_t Byte() {
    uint8_t byte = 0;
    Take(&byte);
    return byte;
  }
  uint16_t Word() {
    Be16 word;
    Take(&word);
    return word.host();
  }

  void Arp() {
    Fields& f = read_.fields;
    at_ += 6;
    const uint16_t op = Word();
    f.nw_proto = op < 256 ? static_cast<uint8_t>(op) : 0;
    Take(&f.arp_sha);
    Take(&f.nw_src);
    Take(&f.arp_tha);
    Take(&f.nw_dst);
  }

  void Labels() {
    Be32 label;
    for (size_t i = 0; bytes_.size() - at_ >= 4 && (label.host() & kBottom) == 0; ++i) {
      Take(&label);
      if (i < read_.fields.mpls.size()) {
        read_.fields.mpls[i] = label;
      } else {
        read_.deeper_labels.push_back(label);
      }
    }
  }

  void IpV4() {
    if (!Has(20)) return;
    Fields& f = read_.fields;
    const ByteView header = bytes_.subspan(at_, 20);
    if (header[0] != 0x45) read_.fault += "IPv4 header; ";
    if (!IsWhole(Sum(header))) read_.fault += "IPv4 checksum; ";
    f.nw_tos = header[1];
    const size_t length = base::Load<Be16>(&header[2]).host();
    const uint16_t fragment = base::Load<Be16>(&header[6]).host() & 0x3fff;
    f.nw_ttl = header[8];
    f.nw_proto = header[9];
    f.nw_src = base::Load<base::Ipv4>(&header[12]);
    f.nw_dst = base::Load<base::Ipv4>(&header[16]);
    End(at_ + length);
    at_ += 20;
    Fragment(fragment != 0, (fragment & 0x1fff) != 0);
    Transport(Sum(header.subspan(12)));
  }

  void IpV6() {
    if (!Has(40)) return;
    Fields& f = read_.fields;
    const ByteView header = bytes_.subspan(at_, 40);
    const uint32_t word = base::Load<Be32>(header.data()).host();
    if (word >> 28 != 6) read_.fault += "IPv6 version; ";
    f.nw_tos = static_cast<uint8_t>(word >> 20 & 0xff);
    f.ipv6_label = Be32::FromHost(word & 0xfffff);
    const size_t length = base::Load<Be16>(&header[4]).host();
    f.nw_proto = header[6];
    f.nw_ttl = header[7];
    f.ipv6_src = base::Load<base::Ipv6>(&header[8]);
    f.ipv6_dst = base::Load<base::Ipv6>(&header[24]);
    at_ += 40;
    End(at_ + length);
    if (f.nw_proto == kFragment) {
      f.nw_proto = Byte();
      at_ += 1;
      Fragment(true, (Word() & 0xfff8) != 0);
      at_ += 4;
    }
    Transport(Sum(header.subspan(8)));
  }

  void End(size_t end) {
    if (end != bytes_.size()) read_.fault += "length of IP; ";
  }
  void Fragment(bool any, bool later) {
    read_.fields.nw_frag =
        static_cast<uint8_t>((any ? pipeline::kFragAny : 0) | (later ? pipeline::kFragLater : 0));
  }

  // `addresses`: their sum.
  void Transport(uint32_t addresses) {
    Fields& f = read_.fields;
    if ((f.nw_frag & pipeline::kFragLater) != 0) return;
    const bool v6 = f.eth_type.host() == kIpv6;
    const ByteView all = bytes_.subspan(at_);
    const uint32_t pseudo = addresses + f.nw_proto + static_cast<uint32_t>(all.size());
    if (f.nw_proto == kTcp || f.nw_proto == kUdp || f.nw_proto == kSctp) {
      Take(&f.tp_src);
      Take(&f.tp_dst);
      if (f.nw_proto == kTcp && Has(16)) {
        f.tcp_flags = Be16::FromHost(base::Load<Be16>(&all[12]).host() & 0xfff);
      }
      // Of SCTP, checksums are looked at where they are worked out.
      if (f.nw_proto != kSctp && !IsWhole(Sum(all) + pseudo)) read_.fault += "checksum; ";
      return;
    }
    if (f.nw_proto != (v6 ? kIcmp6 : kIcmp)) return;
    if (!IsWhole(Sum(all) + (v6 ? pseudo : 0))) read_.fault += "ICMP checksum; ";
    f.tp_src = Be16::FromHost(Byte());
    f.tp_dst = Be16::FromHost(Byte());
    const uint16_t type = f.tp_src.host();
    if (v6 && (type == 135 || type == 136) && f.tp_dst.host() == 0) Neighbour();
  }

  void Neighbour() {
    Fields& f = read_.fields;
    at_ += 6;
    Take(&f.nd_target);
    while (bytes_.size() - at_ >= 8) {
      const size_t next = at_ + bytes_[at_ + 1] * size_t{8};
      const uint8_t option = bytes_[at_];
      at_ += 2;
      if (option == 1) Take(&f.nd_sll);
      if (option == 2) Take(&f.nd_tll);
      if (next < at_ || next > bytes_.size()) {
        read_.fault += "option; ";
        return;
      }
      at_ = next;
    }
  }

  ByteView bytes_;
  size_t at_ = 0;
  ReadPacket read_;
};

}  // namespace

ReadPacket ReadBytes(ByteView bytes, const Fields& came_with) {
  return Reader(bytes, came_with).Read();
}

}  // namespace sluice::testing
