#include "netlink/base/status.h"

#include <cerrno>

#include "tests/support/test.h"

namespace sluice::base {
namespace {

TEST_CASE("a kernel error reads as context, cause, the kernel's words and the blamed attribute") {
  struct Case {
    int error;
    std::string_view context;
    std::string_view kernel_text;
    std::string_view path;
    std::string_view text;
  };
  const Case cases[] = {
      {EEXIST, "add vport eth0", "", "", "add vport eth0: File exists"},
      {EINVAL, "put flow", "bad key", "", "put flow: Invalid argument (kernel: bad key)"},
      {EINVAL, "put flow", "", "key.ipv4", "put flow: Invalid argument (at key.ipv4)"},
      {ERANGE, "put flow", "too long", "actions",
       "put flow: Numerical result out of range (kernel: too long) (at actions)"},
      {12345, "ask", "", "", "ask: errno 12345"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const absl::Status status = KernelError(c.error, c.context, c.kernel_text, c.path);
    CHECK_FALSE(status.ok());
    CHECK(FromAbsl(status.message()) == c.text);
    CHECK(ErrnoOf(status) == c.error);
    CHECK(KernelTextOf(status) == c.kernel_text);
    CHECK(AttributePathOf(status) == c.path);
  }
}

TEST_CASE("an errno becomes the status code of its kind") {
  struct Case {
    int error;
    absl::StatusCode code;
  };
  const Case cases[] = {
      {ENOENT, absl::StatusCode::kNotFound},        {EEXIST, absl::StatusCode::kAlreadyExists},
      {EPERM, absl::StatusCode::kPermissionDenied}, {EINVAL, absl::StatusCode::kInvalidArgument},
      {EAGAIN, absl::StatusCode::kUnavailable},
  };
  for (const Case& c : cases) {
    CAPTURE(c.error);
    CHECK(ErrnoError(c.error, "call").code() == c.code);
  }
}

TEST_CASE("context put before a status keeps what the kernel said") {
  const absl::Status status =
      Annotate(Annotate(KernelError(EBUSY, "delete", "in use", "name"), "port web"), "bridge b");
  CHECK(FromAbsl(status.message()) ==
        "bridge b: port web: delete: Device or resource busy (kernel: in use) (at name)");
  CHECK(ErrnoOf(status) == EBUSY);
  CHECK(KernelTextOf(status) == "in use");
  CHECK(AttributePathOf(status) == "name");
}

TEST_CASE("success stays success under context") { CHECK(Annotate(absl::OkStatus(), "x").ok()); }

TEST_CASE("a status that came from no kernel error has no errno") {
  CHECK(ErrnoOf(absl::OkStatus()) == 0);
  CHECK(ErrnoOf(absl::InvalidArgumentError("no such field")) == 0);
  CHECK(KernelTextOf(absl::InvalidArgumentError("no such field")).empty());
}

absl::StatusOr<int> Half(int n) {
  if (n % 2 != 0) return absl::InvalidArgumentError("odd");
  return n / 2;
}

absl::StatusOr<int> Quarter(int n) {
  SLUICE_ASSIGN_OR_RETURN(const int half, Half(n));
  SLUICE_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

absl::Status MustHalve(int n) {
  SLUICE_RETURN_IF_ERROR(Half(n).status());
  return absl::OkStatus();
}

TEST_CASE("the macros return the first error and pass values on") {
  CHECK(Quarter(12).value() == 3);
  CHECK(FromAbsl(Quarter(6).status().message()) == "odd");
  CHECK(MustHalve(2).ok());
  CHECK_FALSE(MustHalve(3).ok());
}

}  // namespace
}  // namespace sluice::base
