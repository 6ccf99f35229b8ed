// A packet on its way through the pipeline: what its fields are by now, which bits of the packet
// that came have decided something so far, and what the datapath has yet to be told.
//
// Three masks over pipeline::Fields keep a megaflow as wide as it can be:
//
//   read     bits of the packet that came, on which the outcome depends: the megaflow's mask
//   known    bits whose present value is the same for every packet of the megaflow, as an action
//            wrote it (registers begin as such): reading them asks nothing of the packet
//   pending  bits that were written and that the datapath's own copy does not have yet
//
// A header is thus set with exactly the bits that actions wrote, and never with another packet's.
// Tags are kept by place: a packet whose tag was pushed reads its former outer tag one place
// further in. Not thread-safe; Reset() makes it fit for the next packet without allocating.
//
//   PacketState state;
//   state.Reset(packet);
//   classifier.Lookup(state.now(), &scratch); state.Read(scratch);
//   state.Write(offsetof(Fields, eth_dst), mac.bytes, kAllOnes);
//   Commit(features, &state, &actions);   // commit.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "agent/pipeline/fields.h"
#include "netlink/base/bytes.h"

namespace sluice::translate {

using pipeline::Fields;

// How the stack of tags differs from the datapath's: `keep` inner tags are as they were, the
// others are popped and pushed anew. Relative to the depth that the packet came with.
struct TagStack {
  int now = 0;
  int committed = 0;
  int keep = 0;
};

class PacketState {
 public:
  // A packet that has just come: registers and metadata are known to be as they are.
  void Reset(const Fields& packet);

  const Fields& now() const { return now_; }
  // Which bits of the packet that came were read: over the Fields given to Reset().
  const Fields& read() const { return read_; }
  const Fields& known() const { return known_; }
  const Fields& pending() const { return pending_; }

  // Notes that the bits of a mask over now() decided something.
  void Read(const Fields& bits);
  // The same for the `size` bytes at `offset` of now(), all their bits or those of `bits`.
  void Read(size_t offset, size_t size);
  void Read(size_t offset, base::ByteView bits);
  template <typename T>
  const T& ReadMember(const T Fields::*member) {
    Read(OffsetOf(member), sizeof(T));
    return now_.*member;
  }
  // For the mask's sake alone: bits of the packet that came, wherever they are now.
  void ReadOriginal(const Fields& bits) { pipeline::AddMask(bits, &read_); }

  // Sets those bits of the bytes at `offset` that `bits` has (as long as `value`). What they were
  // is not read. Tags are changed by the functions below.
  void Write(size_t offset, base::ByteView value, base::ByteView bits);
  template <typename T>
  void WriteMember(T Fields::*member, const T& value) {
    T bits;
    std::memset(static_cast<void*>(&bits), 0xff, sizeof(T));
    Write(OffsetOf(member), base::AsBytes(value), base::AsBytes(bits));
  }

  // Tags. Without one, SetTci() pushes one (TPID 0x8100) and PopVlan() does nothing; both read
  // whether there is one. Of the tag, SetTci() changes the bits of `bits` (host order, without
  // kVlanPresent) and leaves the others, which are then read when the change is committed.
  // PushVlan() is false when there are too many tags.
  [[nodiscard]] bool PushVlan(uint16_t tpid, uint16_t tci);
  void PopVlan();
  void SetTci(uint16_t tci, uint16_t bits);
  bool HasVlan();
  // Whether there are more than the datapath sees of a packet; what is behind it does not see then.
  bool HasTagsOutOfSight();

  // The labels. These change the datapath's packet at once: commit first, and append what they
  // stand for. PushMpls() takes label, class and TTL from the outer label, or the TTL from the IP
  // header; it is false when there are too many. PopMpls() needs a label: false when there is none.
  // Popping the last one brings headers to light that nobody has looked at: rebuilds_headers().
  [[nodiscard]] bool PushMpls(uint16_t eth_type);
  [[nodiscard]] bool PopMpls(uint16_t eth_type);
  bool HasMpls();
  // Whether the packet's inner headers became visible by an action, and cannot be read or changed
  // before the datapath has looked at the packet anew.
  bool rebuilds_headers() const { return rebuilds_headers_; }
  // For what does not read or write them here, and needs the datapath to know them.
  void NeedHeaders() { is_blind_ |= rebuilds_headers_; }

  // One less, by the datapath, for every packet of the megaflow: nothing is read. A part of it that
  // is read afterwards stands for the whole.
  void DecrementTtl();
  // Whether every packet of the megaflow has the same TTL by now.
  bool KnowsTtl() const { return known_.nw_ttl == 0xff; }

  // Of a packet that went on in the middle of its way: what was known of it then. What the datapath
  // has of it, it is told again.
  void Restore(const Fields& values, const Fields& bits);
  // Nothing is said of the packet by connection tracking any more, and so of every packet.
  void HideConntrack();
  // The datapath may have given the packet other addresses and ports, of which rules are not told:
  // who sets them sets them anew.
  void TranslatedByConntrack() { translated_ = true; }

  // What the next lookup takes for the port. It was read when the packet came.
  void SetInPort(base::Be32 port) { now_.in_port = port; }
  // Whether headers were asked for that nobody has seen: see rebuilds_headers(). What was asked for
  // besides counts as read.
  bool is_blind() const { return is_blind_; }
  void SetBlind(bool is_blind) { is_blind_ = is_blind; }

  TagStack tags() const { return tags_; }
  // By how many bytes the packet is longer than it came, as the kernel counts: see
  // packet_layout.h. Reads nothing.
  int LengthChange() const;
  // The datapath has the tags, and of the written bits all but `left`.
  void Committed(const Fields& left);

 private:
  template <typename T>
  size_t OffsetOf(const T Fields::*member) const {
    return static_cast<size_t>(reinterpret_cast<const char*>(&(now_.*member)) -
                               reinterpret_cast<const char*>(&now_));
  }
  // Tags or labels further in than Fields has places for.
  template <typename T>
  struct Buried {
    struct Item {
      T value, known;
    };
    std::array<Item, 8> items;
    size_t count = 0;

    bool Add(const T& value, const T& known) {
      if (count == items.size()) return false;
      items[count++] = {value, known};
      return true;
    }
    // The last, or none, which is known.
    Item Take(const T& whole) { return count == 0 ? Item{T{}, whole} : items[--count]; }
  };

  Fields now_, read_, known_, pending_;
  TagStack tags_;
  int vlan_shift_ = 0;  // place of now_.vlans[0] among the tags that the packet came with
  int mpls_shift_ = 0;
  Buried<Fields::Vlan> buried_vlans_;
  Buried<base::Be32> buried_labels_;
  bool rebuilds_headers_ = false;
  bool is_blind_ = false;
  bool ttl_counted_ = false;
  bool translated_ = false;
  bool came_tagged_ = false;
};

}  // namespace sluice::translate
