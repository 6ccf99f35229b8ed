#include "netlink/base/status.h"

#include <cstring>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::base {
namespace {

constexpr char kErrnoUrl[] = "sluice/errno";
constexpr char kKernelTextUrl[] = "sluice/kernel-text";
constexpr char kAttributePathUrl[] = "sluice/attribute-path";

std::string PayloadOf(const absl::Status& status, const char* url) {
  absl::optional<absl::Cord> payload = status.GetPayload(url);
  return payload ? std::string(*payload) : std::string();
}

}  // namespace

absl::Status KernelError(int error, std::string_view context, std::string_view kernel_text,
                         std::string_view attribute_path) {
  std::string text =
      absl::StrCat(ToAbsl(context), ": ",
                   strerrordesc_np(error) != nullptr ? strerrordesc_np(error)
                                                     : absl::StrCat("errno ", error).c_str());
  if (!kernel_text.empty()) absl::StrAppend(&text, " (kernel: ", ToAbsl(kernel_text), ")");
  if (!attribute_path.empty()) absl::StrAppend(&text, " (at ", ToAbsl(attribute_path), ")");
  absl::Status status(absl::ErrnoToStatusCode(error), text);
  status.SetPayload(kErrnoUrl, absl::Cord(absl::StrCat(error)));
  if (!kernel_text.empty()) status.SetPayload(kKernelTextUrl, absl::Cord(ToAbsl(kernel_text)));
  if (!attribute_path.empty())
    status.SetPayload(kAttributePathUrl, absl::Cord(ToAbsl(attribute_path)));
  return status;
}

absl::Status ErrnoError(int error, std::string_view context) { return KernelError(error, context); }

int ErrnoOf(const absl::Status& status) {
  int error = 0;
  return absl::SimpleAtoi(PayloadOf(status, kErrnoUrl), &error) ? error : 0;
}

std::string KernelTextOf(const absl::Status& status) { return PayloadOf(status, kKernelTextUrl); }

std::string AttributePathOf(const absl::Status& status) {
  return PayloadOf(status, kAttributePathUrl);
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(ToAbsl(context), ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace sluice::base
