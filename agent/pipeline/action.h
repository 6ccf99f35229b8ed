// Actions of rules, as data: records of different sizes, one behind the other in one array.
//
// A record is a header, the struct of its kind, and for some kinds a tail: bytes, or the records of
// nested actions. Translation walks them for each packet: nothing is allocated, and nothing but the
// record itself is touched. An ActionList owns records, an ActionSpan borrows them (until the list
// changes), an Action is one of them.
//
//   ActionList list;
//   list.Append(OutputAction{.port = 3});
//   for (const Action action : list.span())
//     if (action.kind() == ActionKind::kOutput) Send(action.Get<OutputAction>().port);
//
// Text is in action_text.h. All numbers are in host byte order.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

#include "agent/pipeline/field_table.h"
#include "agent/pipeline/ports.h"
#include "netlink/base/bytes.h"

namespace sluice::pipeline {

enum class ActionKind : uint8_t {
  kOutput,
  kOutputRegister,
  kController,
  kEnqueue,
  kSetQueue,
  kPopQueue,
  kSetField,
  kSetVlanVid,
  kSetVlanPcp,
  kStripVlan,
  kPushVlan,
  kPushMpls,
  kPopMpls,
  kDecMplsTtl,
  kDecTtl,
  kMove,
  kPush,
  kPop,
  kResubmit,
  kGroup,
  kClone,
  kSample,
  kConntrack,
  kConntrackClear,
  kNote,
  kExit,
  kClearActions,
  kWriteActions,
  kWriteMetadata,
  kGotoTable,
  kMeter,
  kCheckPktLarger,
};
inline constexpr size_t kActionKinds = static_cast<size_t>(ActionKind::kCheckPktLarger) + 1;

// To a port of the datapath, or a reserved one (ports.h). max_len: bytes to send; 0 for all.
struct OutputAction {
  static constexpr ActionKind kKind = ActionKind::kOutput;
  uint32_t port = 0, max_len = 0;
};
// To the port whose number the bits hold; PortOfNumber() says what it means.
struct OutputRegisterAction {
  static constexpr ActionKind kKind = ActionKind::kOutputRegister;
  Subfield source;
  uint8_t pad = 0;
  uint32_t max_len = 0;
};
enum class PacketInReason : uint8_t {
  kNoMatch,
  kAction,
  kInvalidTtl,
  kActionSet,
  kGroup,
  kPacketOut
};
// A copy to whoever listens for packet-ins. The tail is user data.
struct ControllerAction {
  static constexpr ActionKind kKind = ActionKind::kController;
  uint16_t max_len = 0xffff, id = 0;
  PacketInReason reason = PacketInReason::kAction;
  uint8_t pause = 0;  // translation stops until the packet is handed back
  uint16_t pad = 0;
  uint32_t meter = 0;  // that the copy goes through; 0: none
};
struct EnqueueAction {
  static constexpr ActionKind kKind = ActionKind::kEnqueue;
  uint32_t port = 0, queue = 0;
};
struct SetQueueAction {
  static constexpr ActionKind kKind = ActionKind::kSetQueue;
  uint32_t queue = 0;
};
struct PopQueueAction {
  static constexpr ActionKind kKind = ActionKind::kPopQueue;
};
// Bits of a field. The tail is the value and then the mask, each of the row's bytes, as they lie in
// Fields. It says nothing of a packet for which SetNeeds() does not hold.
struct SetFieldAction {
  static constexpr ActionKind kKind = ActionKind::kSetField;
  FieldIndex field = 0;
  uint8_t lenient = 0;  // from mod_* and its like: rules without the prerequisites may have it
};
// These push a tag when there is none.
struct SetVlanVidAction {
  static constexpr ActionKind kKind = ActionKind::kSetVlanVid;
  uint16_t vid = 0;
};
struct SetVlanPcpAction {
  static constexpr ActionKind kKind = ActionKind::kSetVlanPcp;
  uint8_t pcp = 0;
};
struct StripVlanAction {
  static constexpr ActionKind kKind = ActionKind::kStripVlan;
};
struct PushVlanAction {
  static constexpr ActionKind kKind = ActionKind::kPushVlan;
  uint16_t tpid = 0;
};
struct PushMplsAction {
  static constexpr ActionKind kKind = ActionKind::kPushMpls;
  uint16_t eth_type = 0;
};
struct PopMplsAction {
  static constexpr ActionKind kKind = ActionKind::kPopMpls;
  uint16_t eth_type = 0;  // of what the last label hid
};
struct DecMplsTtlAction {
  static constexpr ActionKind kKind = ActionKind::kDecMplsTtl;
};
// The tail: ids (uint16_t) of the listeners that are told of a TTL that ran out; none is id 0.
struct DecTtlAction {
  static constexpr ActionKind kKind = ActionKind::kDecTtl;
};
struct MoveAction {
  static constexpr ActionKind kKind = ActionKind::kMove;
  Subfield source, destination;
};
// To and from a stack of bits that lives as long as one translation.
struct PushAction {
  static constexpr ActionKind kKind = ActionKind::kPush;
  Subfield source;
};
struct PopAction {
  static constexpr ActionKind kKind = ActionKind::kPop;
  Subfield destination;
};
struct ResubmitAction {
  static constexpr ActionKind kKind = ActionKind::kResubmit;
  uint32_t in_port = kPortInPort;  // what the lookup takes for in_port; kPortInPort: as it is
  uint8_t table = 0;
  uint8_t same_table = 0;  // 1: the table of the rule, whatever `table` is
  uint16_t pad = 0;
};
struct GroupAction {
  static constexpr ActionKind kKind = ActionKind::kGroup;
  uint32_t group = 0;
};
// Nested actions, on a copy of packet and state.
struct CloneAction {
  static constexpr ActionKind kKind = ActionKind::kClone;
};
struct SampleAction {
  static constexpr ActionKind kKind = ActionKind::kSample;
  uint32_t collector_set = 0, obs_domain = 0, obs_point = 0;
  uint32_t port = kPortNone;
  uint16_t probability = 0;  // of 65535
  uint8_t direction = 0;     // 1: ingress, 2: egress
  uint8_t pad = 0;
};
// To connection tracking; the nested actions (exec) set its mark and label. As long as the bits of
// `zone_source` are none, the zone is `zone`.
struct ConntrackAction {
  static constexpr ActionKind kKind = ActionKind::kConntrack;
  static constexpr uint8_t kNoTable = 255;
  static constexpr size_t kMaxTimeout = 31;  // letters of a policy's name
  enum Flag : uint8_t {
    kCommit = 1,
    kForce = 2,
    kNat = 4,  // with kSource or kDestination: a new mapping; else what the connection has
    kSource = 8,
    kDestination = 16,
    kRandom = 32,
    kHash = 64,
    kPersistent = 128,
  };
  enum class Helper : uint8_t { kNone, kFtp, kTftp };

  uint16_t zone = 0;
  uint8_t table = kNoTable;  // where a copy goes on, tracked
  uint8_t flags = 0;
  Subfield zone_source{};
  uint8_t nat_family = 0;  // 4 or 6; 0: no addresses
  // An IPv4 address is the first four bytes.
  std::array<uint8_t, 16> nat_first{}, nat_last{};
  uint16_t nat_first_port = 0, nat_last_port = 0;  // 0: whatever is free
  Helper helper = Helper::kNone;
  std::array<char, kMaxTimeout> timeout{};  // name of a policy, filled with zeros

  bool Has(Flag flag) const { return (flags & flag) != 0; }
  // Empty without.
  std::string_view timeout_name() const {
    return {timeout.data(), strnlen(timeout.data(), timeout.size())};
  }
};
struct ConntrackClearAction {
  static constexpr ActionKind kKind = ActionKind::kConntrackClear;
};
// The tail is whatever its writer wanted to remember.
struct NoteAction {
  static constexpr ActionKind kKind = ActionKind::kNote;
};
struct ExitAction {
  static constexpr ActionKind kKind = ActionKind::kExit;
};
struct ClearActionsAction {
  static constexpr ActionKind kKind = ActionKind::kClearActions;
};
// Nested actions, into the action set.
struct WriteActionsAction {
  static constexpr ActionKind kKind = ActionKind::kWriteActions;
};
struct WriteMetadataAction {
  static constexpr ActionKind kKind = ActionKind::kWriteMetadata;
  uint64_t value = 0, mask = 0;
};
// What is above the meter's rate goes no further.
struct MeterAction {
  static constexpr ActionKind kKind = ActionKind::kMeter;
  uint32_t meter = 0;
};
// Whether the packet is longer than so many bytes, into one bit.
struct CheckPktLargerAction {
  static constexpr ActionKind kKind = ActionKind::kCheckPktLarger;
  Subfield destination;
  uint8_t pad = 0;
  uint16_t length = 0;
};
struct GotoTableAction {
  static constexpr ActionKind kKind = ActionKind::kGotoTable;
  uint8_t table = 0;
};

class ActionSpan;

class Action {
 public:
  explicit Action(const uint64_t* record) : record_(record) {}

  ActionKind kind() const { return static_cast<ActionKind>(header().kind); }
  template <typename T>
  T Get() const {
    T payload;
    if constexpr (!std::is_empty_v<T>)
      std::memcpy(static_cast<void*>(&payload), record_ + 1, sizeof(T));
    return payload;
  }
  // The bytes behind the struct.
  base::ByteView tail() const {
    const Header h = header();
    return {reinterpret_cast<const uint8_t*>(record_ + 1 + h.payload_words), h.tail_bytes};
  }
  // The actions inside kClone, kWriteActions and kConntrack; empty for others.
  inline ActionSpan nested() const;
  inline ActionSpan alone() const;  // as a span of one

  const uint64_t* record() const { return record_; }
  size_t words() const { return header().words; }

 private:
  friend class ActionList;
  struct Header {
    uint8_t kind;
    uint8_t payload_words;
    uint16_t tail_bytes;
    uint32_t words;  // of the whole record
  };
  static_assert(sizeof(Header) == sizeof(uint64_t));
  Header header() const { return base::Load<Header>(record_); }

  const uint64_t* record_;
};

class ActionSpan {
 public:
  class Iterator {
   public:
    explicit Iterator(const uint64_t* at) : at_(at) {}
    Action operator*() const { return Action(at_); }
    Iterator& operator++() {
      at_ += Action(at_).words();
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const uint64_t* at_;
  };

  ActionSpan() = default;
  ActionSpan(const uint64_t* begin, const uint64_t* end) : begin_(begin), end_(end) {}
  Iterator begin() const { return Iterator(begin_); }
  Iterator end() const { return Iterator(end_); }
  bool empty() const { return begin_ == end_; }
  size_t words() const { return static_cast<size_t>(end_ - begin_); }

 private:
  const uint64_t* begin_ = nullptr;
  const uint64_t* end_ = nullptr;
};

inline ActionSpan Action::nested() const {
  if (kind() != ActionKind::kClone && kind() != ActionKind::kWriteActions &&
      kind() != ActionKind::kConntrack)
    return {};
  return {record_ + 1 + header().payload_words, record_ + words()};
}

inline ActionSpan Action::alone() const { return {record_, record_ + words()}; }

class ActionList {
 public:
  // The longest tail of one action, and the most words of a list: more is refused, not cut.
  static constexpr size_t kMaxTail = 0xffff;

  template <typename T>
  void Append(const T& payload, base::ByteView tail = {}) {
    static_assert(std::is_empty_v<T> || std::has_unique_object_representations_v<T>);
    if constexpr (std::is_empty_v<T>) {
      AppendRecord(T::kKind, {}, tail);
    } else {
      AppendRecord(T::kKind, base::AsBytes(payload), tail);
    }
  }
  // Appends a record whose nested actions are those appended until CloseNested() of what this
  // returns.
  template <typename T>
  size_t OpenNested(const T& payload = {}) {
    const size_t at = words_.size();
    Append(payload);
    return at;
  }
  void CloseNested(size_t opened);
  void AppendCopy(ActionSpan actions);

  ActionSpan span() const { return {words_.data(), words_.data() + words_.size()}; }
  bool empty() const { return words_.empty(); }
  size_t words() const { return words_.size(); }
  void Clear() { words_.clear(); }
  void ShrinkToFit() { words_.shrink_to_fit(); }
  friend bool operator==(const ActionList&, const ActionList&) = default;

 private:
  void AppendRecord(ActionKind kind, base::ByteView payload, base::ByteView tail);

  std::vector<uint64_t> words_;
};

// When a kSetField has an effect: what the row needs, and a tag for parts of a tag.
Needs SetNeeds(const FieldRow& row);
// Appends a kSetField of `value` under `mask`, both right-aligned in the field.
void AppendSetField(const FieldRow& row, absl::uint128 value, absl::uint128 mask, bool lenient,
                    ActionList* list);
// Value and mask of a kSetField, right-aligned; and what it does to a packet.
absl::uint128 SetFieldValue(const Action& action);
absl::uint128 SetFieldMask(const Action& action);
void ApplySetField(const Action& action, Fields* fields);

}  // namespace sluice::pipeline
