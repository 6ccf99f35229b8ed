#include "agent/translate/packet_state.h"

#include <algorithm>
#include <array>

namespace sluice::translate {
namespace {

using base::Be16;
using base::Be32;
using base::ByteView;
using pipeline::kFieldWords;
using pipeline::kVlanPresent;
using pipeline::SetWord;
using pipeline::Word;

constexpr uint16_t kTpidDefault = 0x8100;
constexpr Fields::Vlan kWholeTag = {Be16::FromHost(0xffff), Be16::FromHost(0xffff)};
constexpr Be32 kWholeLabel = Be32::FromHost(~uint32_t{0});
constexpr uint32_t kLabelBottom = 0x100;

uint8_t* Bytes(Fields* fields, size_t offset) {
  return reinterpret_cast<uint8_t*>(fields) + offset;
}

template <typename T>
void Fill(T* member) {
  std::memset(static_cast<void*>(member), 0xff, sizeof(T));
}

// What the pipeline itself gives to every packet.
Fields InitiallyKnown() {
  Fields known;
  Fill(&known.regs);
  Fill(&known.metadata);
  Fill(&known.actset_output);
  Fill(&known.conj_id);
  return known;
}

// Of what a label hides.
constexpr size_t kInnerBegin = pipeline::FieldWord(offsetof(Fields, nw_src));

bool IsMpls(Be16 eth_type) { return eth_type.host() == 0x8847 || eth_type.host() == 0x8848; }

// Whether the datapath's packet has no such thing, or it is told in another way: tunnels are when
// the packet goes into one (walk_tunnels.cc).
constexpr bool IsOurs(size_t offset) {
  return offset < offsetof(Fields, pkt_mark) ||
         (offset >= offsetof(Fields, tun_id) && offset < offsetof(Fields, eth_src)) ||
         (offset >= offsetof(Fields, actset_output) && offset < offsetof(Fields, ct_state));
}

// What connection tracking may change when it translates.
constexpr bool IsOfTuple(size_t offset) {
  return (offset >= offsetof(Fields, nw_src) && offset < offsetof(Fields, ipv6_label)) ||
         (offset >= offsetof(Fields, tp_src) && offset < offsetof(Fields, tcp_flags));
}

// The mask of a stack as it is now, as one of the stack that came, whose place `shift` is now the
// outermost.
template <typename T, size_t N>
void Unshift(std::array<T, N>* bits, int shift) {
  std::array<T, N> came{};
  for (int i = 0; i < static_cast<int>(N); ++i) {
    const int place = i + shift;
    if (place >= 0 && place < static_cast<int>(N))
      came[static_cast<size_t>(place)] = (*bits)[static_cast<size_t>(i)];
  }
  *bits = came;
}

template <typename T, size_t N>
void PushOnto(std::array<T, N>* stack, const T& value) {
  std::move_backward(stack->begin(), stack->end() - 1, stack->end());
  stack->front() = value;
}

// What comes to light at the inner end is `inner`.
template <typename T, size_t N>
void PopFrom(std::array<T, N>* stack, const T& inner) {
  std::move(stack->begin() + 1, stack->end(), stack->begin());
  stack->back() = inner;
}

}  // namespace

void PacketState::Reset(const Fields& packet) {
  static const Fields kInitiallyKnown = InitiallyKnown();
  now_ = packet;
  read_ = Fields();
  known_ = kInitiallyKnown;
  pending_ = Fields();
  tags_ = TagStack();
  vlan_shift_ = 0;
  mpls_shift_ = 0;
  buried_vlans_.count = buried_labels_.count = 0;
  came_tagged_ = (packet.vlans[0].tci.host() & kVlanPresent) != 0;
  rebuilds_headers_ = is_blind_ = ttl_counted_ = translated_ = false;
}

void PacketState::Restore(const Fields& values, const Fields& bits) {
  constexpr size_t kSize = offsetof(Fields, eth_src);
  Write(0, base::AsBytes(values).first(kSize), base::AsBytes(bits).first(kSize));
  // Rules are not to know in which half they are.
  now_.recirc_id = {};
  Fill(&known_.recirc_id);
}

void PacketState::HideConntrack() {
  constexpr size_t kBegin = offsetof(Fields, ct_state), kEnd = offsetof(Fields, tun_id);
  std::memset(Bytes(&now_, kBegin), 0, kEnd - kBegin);
  std::memset(Bytes(&known_, kBegin), 0xff, kEnd - kBegin);
}

void PacketState::Read(const Fields& bits) {
  Fields unknown;
  for (size_t i = 0; i < kFieldWords; ++i) SetWord(&unknown, i, Word(bits, i) & ~Word(known_, i));
  if (rebuilds_headers_) {  // the packet that came does not have them
    for (size_t i = kInnerBegin; i < kFieldWords; ++i) {
      is_blind_ |= Word(unknown, i) != 0;
      SetWord(&unknown, i, 0);
    }
  }
  if (ttl_counted_ && unknown.nw_ttl != 0) unknown.nw_ttl = 0xff;  // for the carry
  if (vlan_shift_ != 0) Unshift(&unknown.vlans, vlan_shift_);
  if (mpls_shift_ != 0) Unshift(&unknown.mpls, mpls_shift_);
  pipeline::AddMask(unknown, &read_);
}

void PacketState::Read(size_t offset, size_t size) {
  static constexpr auto kOnes = [] {
    std::array<uint8_t, sizeof(Fields)> ones{};
    ones.fill(0xff);
    return ones;
  }();
  Read(offset, ByteView(kOnes).first(size));
}

void PacketState::Read(size_t offset, ByteView bits) {
  if (rebuilds_headers_ || ttl_counted_ || vlan_shift_ != 0 || mpls_shift_ != 0) {
    Fields mask;
    std::memcpy(Bytes(&mask, offset), bits.data(), bits.size());
    return Read(mask);
  }
  // Everything is where it came: only the words that the bits lie in matter.
  constexpr size_t kWordBytes = sizeof(uint64_t);
  for (size_t i = pipeline::FieldWord(offset); i * kWordBytes < offset + bits.size(); ++i) {
    const size_t begin = std::max(offset, i * kWordBytes);
    const size_t end = std::min(offset + bits.size(), (i + 1) * kWordBytes);
    uint64_t word = 0;
    std::memcpy(reinterpret_cast<uint8_t*>(&word) + (begin - i * kWordBytes),
                bits.data() + (begin - offset), end - begin);
    SetWord(&read_, i, Word(read_, i) | (word & ~Word(known_, i)));
  }
}

void PacketState::Write(size_t offset, ByteView value, ByteView bits) {
  uint8_t* now = Bytes(&now_, offset);
  uint8_t* known = Bytes(&known_, offset);
  uint8_t* pending = Bytes(&pending_, offset);
  const bool may_differ = translated_ && IsOfTuple(offset);
  if (offset >= offsetof(Fields, nw_src)) NeedHeaders();
  for (size_t i = 0; i < value.size(); ++i) {
    const uint8_t mask = bits[i];
    const auto wanted = static_cast<uint8_t>((now[i] & ~mask) | (value[i] & mask));
    // A bit that every packet of the megaflow has already need not be set again.
    const auto same = static_cast<uint8_t>(may_differ ? 0 : known[i] & ~(now[i] ^ wanted));
    if (!IsOurs(offset + i)) pending[i] = static_cast<uint8_t>(pending[i] | (mask & ~same));
    known[i] = static_cast<uint8_t>(known[i] | mask);
    now[i] = wanted;
  }
}

bool PacketState::HasVlan() {
  Fields bits;
  bits.vlans[0].tci = Be16::FromHost(kVlanPresent);
  Read(bits);
  return (now_.vlans[0].tci.host() & kVlanPresent) != 0;
}

bool PacketState::HasTagsOutOfSight() {
  if (buried_vlans_.count == 0) return false;
  Fields came;
  for (Fields::Vlan& vlan : came.vlans) vlan.tci = Be16::FromHost(kVlanPresent);
  ReadOriginal(came);
  for (size_t i = 0; i < buried_vlans_.count; ++i)
    if ((buried_vlans_.items[i].value.tci.host() & kVlanPresent) != 0) return true;
  return false;
}

bool PacketState::PushVlan(uint16_t tpid, uint16_t tci) {
  if (!buried_vlans_.Add(now_.vlans.back(), known_.vlans.back())) return false;
  PushOnto(&now_.vlans, {Be16::FromHost(tpid), Be16::FromHost(tci | kVlanPresent)});
  PushOnto(&known_.vlans, kWholeTag);
  --vlan_shift_;
  ++tags_.now;
  return true;
}

void PacketState::PopVlan() {
  if (!HasVlan()) return;
  const auto inner = buried_vlans_.Take(kWholeTag);
  PopFrom(&now_.vlans, inner.value);
  PopFrom(&known_.vlans, inner.known);
  ++vlan_shift_;
  --tags_.now;
  tags_.keep = std::min(tags_.keep, tags_.now);
}

void PacketState::SetTci(uint16_t tci, uint16_t bits) {
  if (!HasVlan()) {
    (void)PushVlan(kTpidDefault, tci & bits);  // nothing is buried under no tag
    return;
  }
  Fields::Vlan& tag = now_.vlans[0];
  Fields::Vlan& known = known_.vlans[0];
  tag.tci = Be16::FromHost(static_cast<uint16_t>((tag.tci.host() & ~bits) | (tci & bits)));
  known.tci = Be16::FromHost(known.tci.host() | bits);
  tags_.keep = std::min(tags_.keep, tags_.now - 1);
}

int PacketState::LengthChange() const {
  constexpr int kTagSize = 4, kLabelSize = 4;
  const bool tagged = (now_.vlans[0].tci.host() & kVlanPresent) != 0;
  const int tags = tags_.now - (tagged ? 1 : 0) + (came_tagged_ ? 1 : 0);
  return tags * kTagSize - mpls_shift_ * kLabelSize;
}

void PacketState::DecrementTtl() {
  NeedHeaders();
  --now_.nw_ttl;
  known_.nw_ttl = 0;
  ttl_counted_ = true;
}

bool PacketState::HasMpls() {
  Read(offsetof(Fields, eth_type), sizeof(Be16));
  return IsMpls(now_.eth_type);
}

bool PacketState::PushMpls(uint16_t eth_type) {
  uint32_t entry = 0;
  if (HasMpls()) {
    Fields bits;
    bits.mpls[0] = Be32::FromHost(~kLabelBottom);
    Read(bits);
    entry = now_.mpls[0].host() & ~kLabelBottom;
  } else {
    const uint16_t inner = now_.eth_type.host();
    if (inner == 0x0800 || inner == 0x86dd) entry = ReadMember(&Fields::nw_ttl);
    entry |= kLabelBottom;
  }
  if (!buried_labels_.Add(now_.mpls.back(), known_.mpls.back())) return false;
  PushOnto(&now_.mpls, Be32::FromHost(entry));
  PushOnto(&known_.mpls, kWholeLabel);
  --mpls_shift_;
  // What is behind the labels the datapath does not see any more: all zero, whatever it was.
  constexpr size_t kBegin = offsetof(Fields, nw_src);
  std::memset(Bytes(&now_, kBegin), 0, sizeof(Fields) - kBegin);
  std::memset(Bytes(&known_, kBegin), 0xff, sizeof(Fields) - kBegin);
  std::memset(Bytes(&pending_, kBegin), 0, sizeof(Fields) - kBegin);
  rebuilds_headers_ = false;
  now_.eth_type = Be16::FromHost(eth_type);
  Fill(&known_.eth_type);
  return true;
}

bool PacketState::PopMpls(uint16_t eth_type) {
  if (!HasMpls()) return false;
  // A fourth label from the bottom was never seen: it is none to whoever asks.
  const auto inner = buried_labels_.Take(kWholeLabel);
  PopFrom(&now_.mpls, inner.value);
  PopFrom(&known_.mpls, inner.known);
  ++mpls_shift_;
  now_.eth_type = Be16::FromHost(eth_type);
  Fill(&known_.eth_type);
  rebuilds_headers_ = !IsMpls(now_.eth_type);
  if (rebuilds_headers_) {
    for (size_t i = kInnerBegin; i < kFieldWords; ++i) SetWord(&known_, i, 0);
  }
  return true;
}

void PacketState::Committed(const Fields& left) {
  pending_ = left;
  tags_.committed = tags_.keep = tags_.now;
}

}  // namespace sluice::translate
