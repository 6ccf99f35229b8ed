// dpctl execute: packets that the kernel is handed come out at ports as they were, changed by
// actions.

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
// <net/if.h> goes first: the kernel's headers give way to it.
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>

#include <string>

#include "dpctl/packet_file_writer.h"
#include "netlink/base/fd.h"
#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Fail;
using testing::Has;
using testing::Succeed;
using testing::TwoPorts;

constexpr int kEtherType = 0x88b5;  // for experiments

// What comes to a device with that Ethernet type, as hex.
class Listener {
 public:
  explicit Listener(const char* device)
      : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(kEtherType))) {
    REQUIRE(fd_.valid());
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(kEtherType);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(device));
    REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  std::string Next() const {
    pollfd polled{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&polled, 1, 5000) != 1) return "nothing came";
    base::ByteVector bytes(2000);
    const ssize_t size = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    REQUIRE(size > 0);
    bytes.resize(static_cast<size_t>(size));
    return base::ToHex(bytes);
  }

 private:
  base::UniqueFd fd_;
};

std::string Packet(const std::string& payload) { return "02000000000202000000000188b5" + payload; }

}  // namespace

TEST_CASE("packets are executed, and come out where the actions send them") {
  const TwoPorts fixture;
  Succeed("ip link set peer1 up; ip link set veth1 up; ip link set peer0 up; ip link set veth0 up");
  const Listener peer1("peer1");
  SECTION("hex, and an action that changes the packet") {
    Succeed("dpctl execute dp0 'in_port(1)' veth1 " + Packet("c0ffee"));
    CHECK(peer1.Next() == Packet("c0ffee"));
    CHECK(Has(Succeed("dpctl --json execute 'in_port(1)' 'set(eth(dst=02:00:00:00:00:09)),7' "
                      "'02:00:00:00:00:02 02:00:00:00:00:01 88b5 0b0b'"),
              "\"executed\": 1"));
    CHECK(peer1.Next() == "02000000000902000000000188b50b0b");
  }
  SECTION("FLOW says what the packet does not carry") {
    Succeed(
        "dpctl add-flow dp0 'recirc_id(0x5),skb_mark(0x7),in_port(1),eth(),eth_type(0x88b5)' 7");
    Succeed("dpctl execute dp0 'in_port(1),skb_mark(0x8)' 'recirc(0x5)' " + Packet("01"));
    Succeed("dpctl execute dp0 'in_port(1),skb_mark(0x7)' 'recirc(0x5)' " + Packet("02"));
    CHECK(peer1.Next() == Packet("02"));
  }
  SECTION("files") {
    {
      auto file = dpctl::PacketFileWriter::Create("/tmp/packets.pcapng");
      REQUIRE_OK(file);
      for (const char* payload : {"01", "02", "03"}) {
        const auto bytes = base::FromHex(Packet(payload));
        REQUIRE(bytes.has_value());
        file->Append({.bytes = *bytes});
      }
      const auto bytes = base::FromHex(Packet("04"));
      file->Append({.bytes = *bytes, .length = 1000});
      REQUIRE_OK(file->Flush());
    }
    Succeed("dpctl execute dp0 'in_port(1)' 7 pcap:/tmp/packets.pcapng:2");
    CHECK(peer1.Next() == Packet("02"));
    const std::string all = Fail("dpctl execute dp0 'in_port(1)' 7 pcap:- </tmp/packets.pcapng");
    CHECK(Has(all, "packet 4 of \"-\" was cut when it was captured\n"));
    CHECK(Has(all, "3 packets before it were executed"));
    for (const char* payload : {"01", "02", "03"}) CHECK(peer1.Next() == Packet(payload));
    CHECK(Has(Fail("dpctl execute dp0 'in_port(1)' 7 pcap:/tmp/packets.pcapng:9"),
              "\"/tmp/packets.pcapng\" has 4 packets, and no 9\n"));
  }
  SECTION("composed packets are read by the kernel as the flow says") {
    // Each flow is matched in full by the packet that is made up from it.
    const std::string eth = "eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),";
    const std::string four =
        eth + "eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,tos=0x10,ttl=7,";
    const std::string six = eth +
                            "eth_type(0x86dd),ipv6(src=fd00::1,dst=fd00::2,label=0x12345,"
                            "tclass=0x20,hlimit=9,";
    const std::string flows[] = {
        four + "proto=6,frag=no),tcp(src=1000,dst=80),tcp_flags(syn|ack)",
        four + "proto=17,frag=no),udp(src=1000,dst=53)",
        four + "proto=17,frag=first),udp(src=1000,dst=53)",
        four + "proto=17,frag=later)",
        four + "proto=132,frag=no),sctp(src=1000,dst=53)",
        four + "proto=1,frag=no),icmp(type=8,code=1)",
        four + "proto=47,frag=no)",
        six + "proto=6,frag=no),tcp(src=1000,dst=80),tcp_flags(rst)",
        six + "proto=17,frag=first),udp(src=1000,dst=53)",
        six + "proto=44,frag=later)",
        six + "proto=58,frag=no),icmpv6(type=128,code=3)",
        six +
            "proto=58,frag=no),icmpv6(type=135,code=0),"
            "nd(target=fd00::9,sll=0a:00:00:00:00:01,tll=00:00:00:00:00:00)",
        eth +
            "eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=2,sha=0a:00:00:00:00:01,"
            "tha=0a:00:00:00:00:02)",
        eth + "eth_type(0x8847),mpls(label=100,tc=3,ttl=64,bos=1)",
        eth +
            "eth_type(0x8100),vlan(vid=10,pcp=5),encap(eth_type(0x0800),ipv4(src=10.0.0.1,"
            "dst=10.0.0.2,proto=17,frag=no),udp(src=1,dst=2))",
        eth +
            "eth_type(0x88a8),vlan(vid=10,pcp=5),encap(eth_type(0x8100),vlan(vid=20,pcp=1),"
            "encap(eth_type(0x88b5)))",
        eth + "eth_type(0x88b5)",
    };
    for (const std::string& flow : flows) {
      CAPTURE(flow);
      Succeed("dpctl del-flows dp0");
      Succeed("dpctl add-flow dp0 'recirc_id(0x5),in_port(1)," + flow + "' 7");
      Succeed("dpctl execute dp0 'in_port(1)," + flow + "' 'recirc(0x5)' compose");
      Succeed("dpctl execute dp0 'in_port(1)," + flow + "' 'recirc(0x5)' compose:200");
      CHECK(Has(Succeed("dpctl dump-flows dp0"), "packets:2, "));
    }
    CHECK(
        Has(Fail("dpctl execute dp0 'in_port(1),eth()' 7 compose:70000"), "no length of a packet"));
  }
  SECTION("what cannot be executed is told") {
    CHECK(Has(Fail("dpctl execute dp0 'in_port(1)' 7 0102"), "the packet has 2 bytes"));
    CHECK(Has(Fail("dpctl execute dp0 'in_port(1)' 7 xyz"), "pcap:FILE"));
    CHECK(Has(Fail("dpctl execute dp0 'in_port(1)' 'nonsense(1)' " + Packet("")), "^"));
    CHECK(Has(Fail("dpctl execute dp0 'in_port(1)' 'meter(99),set(ipv4(ttl=1))' " + Packet("00")),
              "dpctl: executing actions (Invalid argument)"));
    CHECK(Has(Fail("dpctl execute dp0 'in_port(1)' 7 pcap:/nonexistent"),
              "dpctl: reading \"pcap:/nonexistent\" (No such file or directory)"));
  }
}

}  // namespace sluice
