// What the running kernel's openvswitch module can do.
//
// Distributions carry features over into older kernels, so release numbers prove nothing: each
// feature is tried. Features() is the table of them: name, since which release of Linux, how it is
// tried, what Sluice does without it. Probe() tries all, in a datapath of its own inside a network
// namespace of its own, which ends with the thread that made it; nothing live is touched.
//
// Probe() needs CAP_SYS_ADMIN and CAP_NET_ADMIN. It takes some milliseconds: once at start is
// enough. Thread-safe; a FeatureSet is a value.
//
//   SLUICE_ASSIGN_OR_RETURN(compat::FeatureSet features, compat::Probe());
//   if (features.Has(compat::Feature::kPerCpuUpcalls)) ...
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::compat {

// In the order in which they came.
enum class Feature : uint8_t {
  kMegaflowMask,
  kTcpFlags,
  kVportPids,
  kGeneve,
  kRecirc,
  kHash,
  kMpls,
  kUfid,
  kSetMasked,
  kVxlanGbp,
  kCt,
  kCtZone,
  kUpcallMru,
  kUpcallActions,
  kIpv6Tunnel,
  kCtNat,
  kTrunc,
  kVlanStack,
  kL3Packets,
  kCtForceCommit,
  kCtOriginalTuple,
  kCtEventMask,
  kCtClear,
  kNsh,
  kMeters,
  kErspan,
  kCtLimit,
  kClone,
  kCheckPacketLength,
  kCtTimeout,
  kTcRecircSharing,
  kUpcallHash,
  kMplsStack,
  kMaskCache,
  kAddMpls,
  kMaskCacheSize,
  kDecTtl,
  kPerCpuUpcalls,
  kIpv6ExtensionHeaders,
  kVportUpcallCounters,
  kHashSymmetricL4,
  kDrop,
  kConntrackByZone,
  kPsample,
  kExecuteUpcallPid,
  kCount,
};
inline constexpr size_t kFeatureCount = static_cast<size_t>(Feature::kCount);

// How a feature is tried.
enum class Method : uint8_t {
  kFlow,       // a flow with this key and these actions is installed, and read back
  kFamily,     // whether there is a generic netlink family of that name
  kAttribute,  // whether a family's highest attribute is at least that one
  kOther,      // `probe` says how
};

struct FeatureInfo {
  Feature feature;
  std::string_view name;   // in text and JSON; does not change
  std::string_view since;  // release of Linux
  std::string_view about;
  std::string_view without;  // what is done on a kernel that does not have it
  Method method = Method::kOther;
  std::string_view flow{};     // kFlow: text of key and mask; kFamily, kAttribute: the family
  std::string_view actions{};  // kFlow: text of the actions
  uint16_t attribute = 0;      // kAttribute
  std::string_view probe{};    // kOther: how it is tried
};

// All, in the order of the enumeration.
std::span<const FeatureInfo> Features();
const FeatureInfo& InfoOf(Feature feature);

enum class Support : uint8_t {
  kUnknown,  // not tried, or the answer proved nothing
  kYes,
  kNo,
};
// "yes", "no", "unknown"
std::string_view ToString(Support support);

struct Finding {
  Support support = Support::kUnknown;
  std::string detail;  // what the kernel answered, when that is worth telling
};

class FeatureSet {
 public:
  // Only what was tried and found.
  bool Has(Feature feature) const { return Of(feature).support == Support::kYes; }
  const Finding& Of(Feature feature) const { return findings_[static_cast<size_t>(feature)]; }
  void Set(Feature feature, Finding finding) {
    findings_[static_cast<size_t>(feature)] = std::move(finding);
  }

 private:
  std::array<Finding, kFeatureCount> findings_;
};

// Tries everything. kPermissionDenied without the capabilities, kUnavailable without the module;
// a feature whose try proved nothing is kUnknown.
absl::StatusOr<FeatureSet> Probe();
// Feature::kConntrackByZone alone, in the same way: for who is about to flush a zone.
absl::StatusOr<Finding> ProbeConntrackByZone();
// A feature of Method::kFlow alone, in the same way.
absl::StatusOr<Finding> ProbeFlow(Feature feature);

// The page docs/reference/features.md.
std::string FeaturesReference();

}  // namespace sluice::compat
