// Datapath actions: a list of OVS_ACTION_ATTR_* attributes, in the order in which they are taken.
//
// ActionList owns the bytes and appends to them; an empty list drops. Lists inside actions (clone,
// sample) are appended between Begin and the end of the scope that holds the returned object:
//
//   ActionList actions;
//   actions.PushVlan(0x8100, 0x1005);
//   { auto clone = actions.Clone(); actions.Output(3); }
//   actions.Output(2);
//
// Not thread-safe. Clear() keeps the memory, so that a reused list allocates nothing.
#pragma once

#include <linux/openvswitch.h>

#include "kmod-compat/uapi/openvswitch.h"
#include "netlink/attr/codec.h"
#include "netlink/attr/wire.h"

namespace sluice::ovs {

extern const attr::Table kActionTable;  // OVS_ACTION_ATTR_*

class ActionList {
 public:
  void Output(uint32_t port) { Out().Put(OVS_ACTION_ATTR_OUTPUT, port); }
  // `tpid` and `tci` in host byte order; `tci` needs bit 0x1000, as the kernel wants it.
  void PushVlan(uint16_t tpid, uint16_t tci);
  void PopVlan() { Out().PutFlag(OVS_ACTION_ATTR_POP_VLAN); }
  void Recirculate(uint32_t id) { Out().Put(OVS_ACTION_ATTR_RECIRC, id); }
  // Sends the packet to the socket `pid` as an OVS_PACKET_CMD_ACTION upcall with `userdata`.
  void Userspace(uint32_t pid, base::ByteView userdata);
  [[nodiscard]] attr::Writer::Nested Clone() { return Nest(OVS_ACTION_ATTR_CLONE); }
  // The next output or upcall gets no more than the first `bytes` bytes.
  void Truncate(uint32_t bytes) {
    Out().Put(OVS_ACTION_ATTR_TRUNC, ovs_action_trunc{.max_len = bytes});
  }
  // Makes what was appended from `begin` (bytes().size() at that time) on the inside of one
  // attribute.
  void WrapFrom(size_t begin, uint16_t type);
  // Takes the last attribute's header away, if it is of that type: what was inside comes last.
  // False when it is of another type.
  bool UnwrapLast(uint16_t type);
  // Any attribute: `type` is an OVS_ACTION_ATTR_*.
  [[nodiscard]] attr::Writer::Nested Nest(uint16_t type) { return nest_.Nest(type); }
  void Append(base::ByteView attributes) { Out().PutRaw(attributes); }
  // The same, one attribute; inside a nest, one of that nest's.
  void Append(uint16_t type, base::ByteView payload) { Out().Put(type, payload); }

  void Clear() { bytes_.clear(); }
  bool empty() const { return bytes_.empty(); }
  base::ByteView bytes() const { return bytes_; }

  ActionList() = default;
  ActionList(const ActionList& other) : bytes_(other.bytes_) {}
  ActionList& operator=(const ActionList& other) {
    bytes_ = other.bytes_;
    return *this;
  }
  friend bool operator==(const ActionList& a, const ActionList& b) { return a.bytes_ == b.bytes_; }

 private:
  attr::Writer Out() { return attr::Writer(&bytes_); }
  base::ByteVector bytes_;
  attr::Writer nest_{&bytes_};  // outlives the Nested objects that point to it
};

}  // namespace sluice::ovs
