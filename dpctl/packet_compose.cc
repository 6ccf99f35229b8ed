#include "dpctl/packet_compose.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "netlink/base/byte_order.h"

namespace sluice::dpctl {
namespace {

using base::Be16;
using base::Be32;
using base::ByteVector;
using base::ByteView;
using ovs::FlowKey;

constexpr uint16_t kRarp = 0x8035, kNsh = 0x894f;
constexpr uint8_t kUsualTtl = 64;
constexpr uint8_t kSolicitation = 135, kAdvertisement = 136;
constexpr uint8_t kSourceOption = 1, kTargetOption = 2;  // link-layer addresses in ND
constexpr size_t kIpv4Header = 20, kIpv6Header = 40;
constexpr uint32_t kBottomOfStack = 0x100;

void Put8(unsigned value, ByteVector* out) { out->push_back(static_cast<uint8_t>(value)); }
void Put16(unsigned value, ByteVector* out) {
  Put8(value >> 8 & 0xff, out);
  Put8(value & 0xff, out);
}
void Put32(uint32_t value, ByteVector* out) {
  Put16(value >> 16, out);
  Put16(value & 0xffff, out);
}
template <typename T>
void Put(const T& value, ByteVector* out) {
  const ByteView bytes = base::AsBytes(value);
  out->insert(out->end(), bytes.begin(), bytes.end());
}
void Set16(size_t at, unsigned value, ByteVector* out) {
  (*out)[at] = static_cast<uint8_t>(value >> 8 & 0xff);
  (*out)[at + 1] = static_cast<uint8_t>(value & 0xff);
}

// The Internet checksum (RFC 1071), continued.
uint32_t Sum(ByteView bytes, uint32_t sum) {
  for (size_t i = 0; i < bytes.size(); ++i) sum += uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// CRC-32C, reflected (RFC 4960, appendix B).
uint32_t Crc32c(ByteView bytes) {
  uint32_t crc = ~uint32_t{0};
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

class Composer {
 public:
  Composer(const FlowKey& key, const FlowKey& mask, const ComposeOptions& options)
      : key_(key), mask_(mask), size_(options.size) {}

  absl::StatusOr<ByteVector> Compose() {
    if (key_.Has(OVS_KEY_ATTR_NSH) || key_.eth_type().host() == kNsh) return Cannot("nsh()");
    if ((key_.ipv6_exthdrs & mask_.ipv6_exthdrs) != 0) return Cannot("ipv6_exthdrs()");
    if (!key_.Has(OVS_KEY_ATTR_ETHERNET) && key_.Has(OVS_KEY_ATTR_ETHERTYPE))
      return Cannot("a packet without eth()");
    Link();
    return std::move(out_);
  }

 private:
  static absl::Status Cannot(absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot compose a packet with ", what, ": give its bytes instead"));
  }

  // Zero bytes, as many as are still wanted.
  void Payload() {
    if (out_.size() < size_) out_.resize(size_);
  }

  void Link() {
    Put(key_.eth.dst, &out_);
    Put(key_.eth.src, &out_);
    const unsigned tags = key_.vlans();
    for (unsigned i = 0; i < tags; ++i) {
      Put(key_.layers[i].eth_type, &out_);
      // The present bit is the kernel's; on the wire it means "may be dropped first".
      Put16(key_.layers[i].tci.host() & ~0x1000U, &out_);
    }
    if (!key_.HasAt(tags, OVS_KEY_ATTR_ETHERTYPE)) return Frame8023();
    Put(key_.eth_type(), &out_);
    switch (key_.eth_type().host()) {
      case ETH_P_IP:
        return IpV4();
      case ETH_P_IPV6:
        return IpV6();
      case ETH_P_ARP:
      case kRarp:
        return Arp();
      case ETH_P_MPLS_UC:
      case ETH_P_MPLS_MC:
        return Mpls();
      default:
        return Payload();
    }
  }

  // A length in place of the type, and LLC of the spanning tree's kind.
  void Frame8023() {
    const size_t at = out_.size();
    Put16(0, &out_);
    for (const unsigned byte : {0x42U, 0x42U, 0x03U}) Put8(byte, &out_);
    Payload();
    Set16(at, static_cast<unsigned>(std::min<size_t>(out_.size() - at - 2, 1500)), &out_);
  }

  void Arp() {
    Put16(1, &out_);         // Ethernet
    Put16(ETH_P_IP, &out_);  // and IPv4 addresses
    Put8(6, &out_);
    Put8(4, &out_);
    Put(key_.arp.op, &out_);
    Put(key_.arp.sha, &out_);
    Put(key_.arp.sip, &out_);
    Put(key_.arp.tha, &out_);
    Put(key_.arp.tip, &out_);
    Payload();
  }

  void Mpls() {
    const size_t labels = std::max<size_t>(key_.mpls_size / sizeof(Be32), 1);
    for (size_t i = 0; i < labels; ++i) {
      const uint32_t label = key_.mpls[i].host() & ~kBottomOfStack;
      const bool is_last = i + 1 == labels;
      // Where the key does not say, the stack ends with its last label.
      const bool said = (mask_.mpls[i].host() & kBottomOfStack) != 0;
      const bool bottom = said ? (key_.mpls[i].host() & kBottomOfStack) != 0 : is_last;
      Put32(label | (bottom ? kBottomOfStack : 0), &out_);
    }
    Payload();
  }

  static uint8_t Ttl(uint8_t ttl, uint8_t mask) { return mask == 0 ? kUsualTtl : ttl; }

  void IpV4() {
    const FlowKey::IpV4& ip = key_.ipv4;
    const size_t at = out_.size();
    Put8(0x45, &out_);
    Put8(ip.tos, &out_);
    Put16(0, &out_);  // length
    Put16(0, &out_);  // identification
    Put16(ip.frag == OVS_FRAG_TYPE_FIRST ? 0x2000 : ip.frag == OVS_FRAG_TYPE_LATER ? 1 : 0, &out_);
    Put8(Ttl(ip.ttl, mask_.ipv4.ttl), &out_);
    Put8(ip.proto, &out_);
    Put16(0, &out_);  // checksum
    Put(ip.src, &out_);
    Put(ip.dst, &out_);
    uint32_t pseudo = Sum(base::AsBytes(ip.src), Sum(base::AsBytes(ip.dst), ip.proto));
    Transport(ip.proto, ip.frag, IPPROTO_ICMP, pseudo);
    Set16(at + 2, static_cast<unsigned>(out_.size() - at), &out_);
    Set16(at + 10, ~Sum(ByteView(out_).subspan(at, kIpv4Header), 0) & 0xffff, &out_);
  }

  void IpV6() {
    const FlowKey::IpV6& ip = key_.ipv6;
    const size_t at = out_.size();
    const bool fragment = ip.frag != OVS_FRAG_TYPE_NONE;
    Put32(uint32_t{6} << 28 | uint32_t{ip.tclass} << 20 | (ip.label.host() & 0xfffff), &out_);
    Put16(0, &out_);  // length of what follows
    Put8(fragment ? unsigned{IPPROTO_FRAGMENT} : ip.proto, &out_);
    Put8(Ttl(ip.hlimit, mask_.ipv6.hlimit), &out_);
    Put(ip.src, &out_);
    Put(ip.dst, &out_);
    if (fragment) {
      // Of a later fragment the kernel tells no protocol but that it is one.
      Put8(ip.proto == IPPROTO_FRAGMENT ? unsigned{IPPROTO_UDP} : ip.proto, &out_);
      Put8(0, &out_);
      Put16(ip.frag == OVS_FRAG_TYPE_FIRST ? 1 : 8, &out_);  // more of them, or at offset 8
      Put32(0, &out_);
    }
    const uint32_t pseudo = Sum(base::AsBytes(ip.src), Sum(base::AsBytes(ip.dst), ip.proto));
    Transport(ip.proto, ip.frag, IPPROTO_ICMPV6, pseudo);
    Set16(at + 4, static_cast<unsigned>(out_.size() - at - kIpv6Header), &out_);
  }

  // What is behind the network header. `pseudo`: the sum over what is in front, but for the length.
  void Transport(uint8_t proto, uint8_t frag, uint8_t icmp, uint32_t pseudo) {
    if (frag == OVS_FRAG_TYPE_LATER) return LaterFragment();
    const size_t at = out_.size();
    size_t checksum = 0;  // where it stands; 0: there is none
    if (proto == IPPROTO_TCP) {
      checksum = at + 16;
      Tcp();
    } else if (proto == IPPROTO_UDP) {
      checksum = at + 6;
      PutPorts(key_.udp);
      Put32(0, &out_);  // length and checksum
    } else if (proto == IPPROTO_SCTP) {
      return Sctp();
    } else if (proto == icmp) {
      checksum = at + 2;
      if (icmp == IPPROTO_ICMP) {
        Icmp(key_.icmp);
        pseudo = 0;  // ICMP of IPv4 has no pseudo header
      } else {
        Icmp(key_.icmpv6);
        Neighbour();
      }
    }
    Payload();
    if (checksum == 0) return;
    const auto length = static_cast<unsigned>(out_.size() - at);
    if (proto == IPPROTO_UDP) Set16(at + 4, length, &out_);
    if (proto != IPPROTO_ICMP) pseudo += length;
    const uint32_t sum = ~Sum(ByteView(out_).subspan(at), pseudo) & 0xffff;
    Set16(checksum, sum == 0 && proto == IPPROTO_UDP ? 0xffff : sum, &out_);
  }

  // The kernel wants to see eight bytes at least.
  void LaterFragment() {
    out_.resize(out_.size() + 8);
    Payload();
  }

  void PutPorts(const FlowKey::Ports& ports) {
    Put(ports.src, &out_);
    Put(ports.dst, &out_);
  }

  void Tcp() {
    PutPorts(key_.tcp);
    Put32(0, &out_);  // sequence number
    Put32(0, &out_);  // and the acknowledged one
    Put16(0x5000 | (key_.tcp_flags.host() & 0xfff), &out_);
    Put16(0, &out_);  // window
    Put32(0, &out_);  // checksum, urgent pointer
  }

  void Sctp() {
    const size_t at = out_.size();
    PutPorts(key_.sctp);
    Put32(0, &out_);  // verification tag
    Put32(0, &out_);  // checksum
    Payload();
    const uint32_t crc = Crc32c(ByteView(out_).subspan(at));
    for (size_t i = 0; i < 4; ++i) out_[at + 8 + i] = static_cast<uint8_t>(crc >> 8 * i & 0xff);
  }

  void Icmp(const FlowKey::Icmp& icmp) {
    Put8(icmp.type, &out_);
    Put8(icmp.code, &out_);
    Put16(0, &out_);  // checksum
    Put32(0, &out_);
  }

  void Neighbour() {
    const uint8_t type = key_.icmpv6.type;
    if (type != kSolicitation && type != kAdvertisement) return;
    Put(key_.nd.target, &out_);
    const auto option = [&](uint8_t kind, const base::Mac& mac) {
      if (mac == base::Mac{}) return;
      Put8(kind, &out_);
      Put8(1, &out_);  // times eight bytes
      Put(mac, &out_);
    };
    option(kSourceOption, key_.nd.sll);
    option(kTargetOption, key_.nd.tll);
  }

  const FlowKey& key_;
  const FlowKey& mask_;
  const size_t size_;
  ByteVector out_;
};

}  // namespace

absl::StatusOr<ByteVector> ComposePacket(const FlowKey& key, const FlowKey& mask,
                                         const ComposeOptions& options) {
  return Composer(key, mask, options).Compose();
}

}  // namespace sluice::dpctl
