#include "agent/daemon/overlay_config.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/daemon/tunnel_config.h"

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;

constexpr size_t kMaxPeers = 1000, kMaxRelays = 10000;
constexpr uint64_t kMaxVni = 0xffffff;
// Where the VNI tells who sends to whom: sender in the low half, receiver in the high one.
constexpr uint64_t kMaxId = 0xfff;
constexpr int kReceiverShift = 12;

struct Peer {
  YamlValue place;
  std::optional<YamlValue> name{};
  pipeline::TunnelAddress address{};
  uint64_t id = 0;
  std::vector<std::string> relays_to{};
};

// One overlay: what it says first, and then its peers, which depend on that.
class Reader {
 public:
  explicit Reader(bridge::HeartbeatOptions* heartbeats) : heartbeats_(heartbeats) {}

  std::vector<OverlayPeer> Read(const YamlValue& value) {
    value.ReadMap({
        {"type",
         [this](const YamlValue& v) {
           if (v.OneOf({"vxlan", "geneve"}) == size_t{1}) tunnel_.kind = route::TunnelKind::kGeneve;
         }},
        {"port",
         [this](const YamlValue& v) {
           if (const auto n = v.Number(1, 65535)) tunnel_.udp_port = static_cast<uint16_t>(*n);
         }},
        {"local",
         [this](const YamlValue& v) { tunnel_.end.local = HostAddress(v).value_or(Unset()); }},
        {"vni", [this](const YamlValue& v) { vni_ = v.Number(0, kMaxVni); }},
        {"identify",
         [this](const YamlValue& v) {
           by_vni_ = v.OneOf({"source", "vni"}) == size_t{1};
         }},
        {"id", [this](const YamlValue& v) { id_ = v.Number(0, kMaxId); }},
        {"heartbeat",
         [this](const YamlValue& v) {
           const auto interval = v.Duration(0ms, 60s);
           if (interval && *interval > 0ms && *interval < 100ms)
             return v.Fail("must be 0s, for none, or from 100ms to 60s");
           if (interval) heartbeats_->interval = static_cast<base::MonotonicMs>(interval->count());
         }},
        {"must_answer",
         [this](const YamlValue& v) {
           heartbeats_->must_answer = v.OneOf({"false", "true"}) == size_t{1};
         }},
        {"df",
         [this](const YamlValue& v) {
           tunnel_.end.dont_fragment = v.OneOf({"false", "true"}) == size_t{1};
         }},
        {"peers",
         [this](const YamlValue& v) {
           v.ReadList(kMaxPeers, [this](size_t, const YamlValue& item) { ReadPeer(item); });
         },
         true},
        {"relay",
         [this](const YamlValue& v) {
           v.ReadList(kMaxRelays, [this](size_t, const YamlValue& item) { ReadRelay(item); });
         }},
    });
    if (by_vni_ && !id_) value.Fail("identifies peers by the VNI, which needs an id of its own");
    if (by_vni_ && vni_) value.Fail("identifies peers by the VNI: leave vni out");
    if (!by_vni_ && id_) value.Fail("has an id, which only identify: vni needs");
    TakeRelays();
    return TakePeers();
  }

 private:
  static pipeline::TunnelAddress Unset() { return {}; }

  void ReadPeer(const YamlValue& value) {
    Peer peer{.place = value};
    std::optional<uint64_t> id;
    value.ReadMap({
        {"name", [&](const YamlValue& v) { peer.name = v; }, true},
        {"address", [&](const YamlValue& v) { peer.address = HostAddress(v).value_or(Unset()); },
         true},
        {"id", [&](const YamlValue& v) { id = v.Number(0, kMaxId); }},
    });
    peer.id = id.value_or(0);
    has_ids_.push_back(id.has_value());
    peers_.push_back(std::move(peer));
  }

  void ReadRelay(const YamlValue& value) {
    std::vector<std::string> names;
    value.ReadList(2, [&](size_t, const YamlValue& item) {
      names.push_back(item.Text().value_or(std::string()));
    });
    if (names.size() != 2 || names[0] == names[1])
      return value.Fail("must be the names of two peers: [a, b]");
    relays_.emplace_back(std::pair(names[0], names[1]), value);
  }

  Peer* Find(const std::string& name) {
    const auto found = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& peer) {
      return peer.name && peer.name->IsScalar() && peer.name->node().Scalar() == name;
    });
    return found == peers_.end() ? nullptr : &*found;
  }

  void TakeRelays() {
    for (const auto& [pair, place] : relays_) {
      for (const auto& [from, to] : {pair, std::pair(pair.second, pair.first)}) {
        Peer* peer = Find(from);
        if (peer == nullptr || Find(to) == nullptr) {
          place.Fail(absl::StrCat("names \"", peer == nullptr ? from : to,
                                  "\", which is no peer of this overlay"));
          break;
        }
        peer->relays_to.push_back(to);
      }
    }
  }

  std::vector<OverlayPeer> TakePeers() {
    std::vector<OverlayPeer> out;
    for (size_t i = 0; i < peers_.size(); ++i) {
      Peer& peer = peers_[i];
      if (by_vni_ != has_ids_[i])
        peer.place.Fail(by_vni_ ? "needs an id, as peers are identified by the VNI"
                                : "has an id, which only identify: vni needs");
      if (by_vni_ && id_ && peer.id == *id_) peer.place.Fail("has the id that is our own");
      const bool v6 = peer.address.v6 != base::Ipv6();
      if (tunnel_.end.local.IsSet() && v6 != (tunnel_.end.local.v6 != base::Ipv6()))
        peer.place.Fail("has an address of another family than local");
      if (!peer.name) continue;  // which was told
      port::PortSpec port;
      port.tunnel = tunnel_;
      port.is_peer = true;
      pipeline::TunnelEnd& end = port.tunnel->end;
      end.remote = peer.address;
      end.checksum = v6;
      end.from_anybody = by_vni_;
      const uint64_t own = id_.value_or(0);
      end.in_key = by_vni_ ? peer.id | own << kReceiverShift : vni_.value_or(0);
      end.out_key = by_vni_ ? own | peer.id << kReceiverShift : vni_.value_or(0);
      port.relays_to = std::move(peer.relays_to);
      out.push_back({std::move(port), *peer.name, peer.place});
    }
    return out;
  }

  bridge::HeartbeatOptions* const heartbeats_;
  port::TunnelConfig tunnel_;
  std::optional<uint64_t> vni_, id_;
  bool by_vni_ = false;
  std::vector<Peer> peers_;
  std::vector<bool> has_ids_;
  std::vector<std::pair<std::pair<std::string, std::string>, YamlValue>> relays_;
};

}  // namespace

std::vector<OverlayPeer> ReadOverlay(const YamlValue& value, bridge::HeartbeatOptions* heartbeats) {
  return Reader(heartbeats).Read(value);
}

}  // namespace sluice::daemon
