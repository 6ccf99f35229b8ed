#include "agent/bridge/peer_monitor.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "agent/pipeline/tunnel.h"
#include "netlink/base/byte_order.h"
#include "netlink/base/counters.h"
#include "netlink/base/mutex.h"

namespace sluice::bridge {
namespace {

using base::Be16;
using base::Be32;
using base::MonotonicMs;

enum class Kind : uint8_t { kProbe = 1, kAnswer = 2 };

// Behind the Ethernet header; what follows up to the size is zero.
struct Payload {
  std::array<char, 4> magic = {'S', 'l', 'H', 'b'};
  uint8_t version = 1;
  Kind kind = Kind::kProbe;
  Be16 size{};  // of the probe's whole frame
  Be32 sequence{};
};
static_assert(sizeof(Payload) == 12);

constexpr size_t kTypeOffset = 12;

struct MonitorCounters {
  base::Counter& sent =
      base::Counters::Get("peer_probes_sent", "Heartbeats sent to peers of overlays.");
  base::Counter& answered =
      base::Counters::Get("peer_probes_answered", "Heartbeats of ours that peers answered.");
  base::Counter& late = base::Counters::Get(
      "peer_answers_late", "Answers to heartbeats that came too late, or to none of ours.");
  base::Counter& received =
      base::Counters::Get("peer_probes_received", "Heartbeats of peers that we answered.");
  base::Counter& malformed = base::Counters::Get(
      "peer_frames_malformed",
      "Frames from peers that have the type and source of heartbeats, and are none.");
  base::Counter& fell_silent =
      base::Counters::Get("peer_went_down", "Times that a peer answered no more.");
  base::Counter& came_back =
      base::Counters::Get("peer_came_back", "Times that a peer that was down answered.");
  base::Counter& mtu_lowered = base::Counters::Get(
      "peer_path_mtu_lowered", "Times that the path to a peer took less than before.");
};

MonitorCounters& Count() {
  static MonitorCounters counters;
  return counters;
}

base::ByteVector MakeFrame(const Payload& payload, size_t size) {
  base::ByteVector frame(std::max<size_t>(size, PeerMonitor::kSmallest));
  const Be16 type = Be16::FromHost(pipeline::kHeartbeatType);
  std::memcpy(&frame[kTypeOffset], &type, sizeof(type));
  std::memcpy(&frame[PeerMonitor::kHeader], &payload, sizeof(payload));
  return frame;
}

std::optional<Payload> Read(base::ByteView frame) {
  if (frame.size() < PeerMonitor::kHeader + sizeof(Payload)) return std::nullopt;
  Be16 type;
  std::memcpy(&type, &frame[kTypeOffset], sizeof(type));
  Payload payload;
  std::memcpy(&payload, &frame[PeerMonitor::kHeader], sizeof(payload));
  const Payload like;
  const bool ours = type.host() == pipeline::kHeartbeatType && payload.magic == like.magic &&
                    payload.version == like.version &&
                    (payload.kind == Kind::kProbe || payload.kind == Kind::kAnswer);
  // A probe that was cut on its way has not arrived as what it is.
  const bool whole = payload.kind != Kind::kProbe || payload.size.host() == frame.size();
  return ours && whole ? std::optional(payload) : std::nullopt;
}

}  // namespace

void PeerMonitor::Configure(const std::map<std::string, PeerPort>& peers,
                            const HeartbeatOptions& options) {
  const base::MutexLock lock(&mutex_);
  options_ = options;
  for (auto& [name, peer] : peers_)
    if (!peers.contains(name)) SetSilent(&peer, false);
  std::erase_if(peers_, [&](const auto& peer) { return !peers.contains(peer.first); });
  for (const auto& [name, port] : peers) {
    Peer& peer = peers_[name];
    peer.port_no = port.port_no;
    const uint32_t largest = std::clamp(port.mtu, kLeastMtu, kMostMtu) + kHeader;
    if (std::exchange(peer.largest, largest) != largest) BeginSearch(&peer);
    const bool must = options.interval != 0 && (options.must_answer || peer.health.answered);
    if (!must) SetSilent(&peer, false);
  }
}

void PeerMonitor::SetSilent(Peer* peer, bool silent) {
  if (std::exchange(peer->health.silent, silent) == silent) return;
  changed_ = true;
  (silent ? Count().fell_silent : Count().came_back).Add();
}

void PeerMonitor::BeginSearch(Peer* peer) {
  peer->low = 0;
  peer->high = peer->largest + 1;
  peer->tried = peer->largest;
  peer->tries = peer->quiet = 0;
  peer->health.path_mtu = 0;
  peer->health.path_mtu_is_final = false;
}

MonotonicMs PeerMonitor::NextAfter(MonotonicMs now) {
  const MonotonicMs spread = options_.interval / 4;
  return now + options_.interval - spread / 2 + random_() % (spread + 1);
}

std::vector<PeerMonitor::Frame> PeerMonitor::Tick(MonotonicMs now) {
  const base::MutexLock lock(&mutex_);
  std::vector<Frame> out;
  if (options_.interval == 0) return out;
  for (auto& [name, peer] : peers_) {
    // Those that are new are not all asked at once.
    if (!peer.next) peer.next = now + random_() % (options_.interval / 4 + 1);
    if (now < *peer.next) continue;
    peer.next = NextAfter(now);
    const bool must = options_.must_answer || peer.health.answered;
    peer.misses = std::min(peer.misses + 1, kMisses + 1);
    if (must && peer.misses > kMisses) SetSilent(&peer, true);
    Send(&peer, kSmallest, now, &out);
    // What tells that a size does not fit is that the small probe beside it was answered.
    if (peer.health.answered && peer.misses == 1) Search(&peer, now, &out);
  }
  return out;
}

// The probe of the size in question, when there is one.
void PeerMonitor::Search(Peer* peer, MonotonicMs now, std::vector<Frame>* out) {
  if (peer->tried != 0 && peer->tries >= kTriesOfSize) NotArrived(peer);
  if (peer->tried == 0) peer->tried = NextSize(peer);
  if (peer->tried == 0) return;
  ++peer->tries;
  Send(peer, peer->tried, now, out);
}

void PeerMonitor::NotArrived(Peer* peer) {
  if (peer->tried <= peer->low) {  // it did before: the path has changed
    peer->low = 0;
    peer->health.path_mtu = 0;
    peer->health.path_mtu_is_final = false;
    Count().mtu_lowered.Add();
  }
  peer->high = std::min(peer->high, peer->tried);
  peer->tried = peer->tries = 0;
}

// What to try next; 0: nothing now, as all that can be known is.
uint32_t PeerMonitor::NextSize(Peer* peer) {
  constexpr uint32_t kLeast = kLeastMtu + kHeader;
  if (peer->low == 0 && peer->high > kLeast)
    return peer->high <= kLeast + 1 ? kLeast : kLeast + (peer->high - kLeast) / 2;
  if (peer->low != 0 && peer->high > peer->low + 1) return peer->low + (peer->high - peer->low) / 2;
  peer->health.path_mtu_is_final = peer->low != 0;
  const unsigned quiet = ++peer->quiet;
  if (quiet % kConfirmAfter != 0) return 0;
  // The least that did not arrive: when it does now, the path takes more, and is searched anew.
  if (peer->low == 0 || (quiet % kRetryAfter == 0 && peer->high <= peer->largest))
    return peer->high;
  return peer->low;
}

void PeerMonitor::Send(Peer* peer, uint32_t size, MonotonicMs now, std::vector<Frame>* out) {
  const Payload payload = {.size = Be16::FromHost(static_cast<uint16_t>(size)),
                           .sequence = Be32::FromHost(++sequence_)};
  out->push_back({peer->port_no, MakeFrame(payload, size)});
  if (peer->probes.size() == kMostProbes) peer->probes.erase(peer->probes.begin());
  peer->probes.push_back({.sequence = sequence_, .size = size, .sent = now});
  ++peer->health.sent;
  Count().sent.Add();
}

std::optional<PeerMonitor::Frame> PeerMonitor::OnFrame(uint32_t port_no, base::ByteView frame,
                                                       MonotonicMs now) {
  const std::optional<Payload> payload = Read(frame);
  if (!payload) {
    Count().malformed.Add();
    return std::nullopt;
  }
  if (payload->kind == Kind::kProbe) {
    Count().received.Add();
    Payload answer = *payload;
    answer.kind = Kind::kAnswer;
    return Frame{port_no, MakeFrame(answer, kSmallest)};
  }
  const base::MutexLock lock(&mutex_);
  const auto peer = std::find_if(peers_.begin(), peers_.end(), [&](const auto& known) {
    return known.second.port_no == port_no;
  });
  if (peer == peers_.end()) {
    Count().late.Add();
    return std::nullopt;
  }
  Take(&peer->second, payload->sequence.host(), payload->size.host(), now);
  return std::nullopt;
}

void PeerMonitor::Take(Peer* peer, uint32_t sequence, uint32_t size, MonotonicMs now) {
  const auto probe = std::find_if(peer->probes.begin(), peer->probes.end(), [&](const Probe& sent) {
    return sent.sequence == sequence && sent.size == size;
  });
  if (probe == peer->probes.end()) return Count().late.Add();
  Count().answered.Add();
  ++peer->health.answers;
  peer->health.answered = now;
  peer->health.round_trip = now - std::min(now, probe->sent);
  peer->misses = 0;
  peer->probes.erase(probe);
  SetSilent(peer, false);
  if (size != kSmallest) Arrived(peer, size);
}

void PeerMonitor::Arrived(Peer* peer, uint32_t size) {
  if (size > peer->largest) return;  // of before a change of configuration
  if (size >= peer->high) peer->high = peer->largest + 1;
  peer->low = std::max(peer->low, size);
  if (size == peer->tried) peer->tried = peer->tries = 0;
  peer->health.path_mtu = peer->low - kHeader;
  peer->health.path_mtu_is_final = peer->high == peer->low + 1;
}

std::map<std::string, PeerHealth> PeerMonitor::Health() const {
  const base::MutexLock lock(&mutex_);
  std::map<std::string, PeerHealth> out;
  for (const auto& [name, peer] : peers_) out.emplace(name, peer.health);
  return out;
}

bool PeerMonitor::TakeChanged() {
  const base::MutexLock lock(&mutex_);
  return std::exchange(changed_, false);
}

}  // namespace sluice::bridge
