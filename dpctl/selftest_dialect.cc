#include "dpctl/selftest_dialect.h"

#include <linux/openvswitch.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/selftest_commands.h"
#include "kmod-compat/uapi/openvswitch.h"
#include "netlink/attr/text.h"
#include "netlink/base/status.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

constexpr std::string_view kName = "ovs-dpctl.py";

struct DialectCommand {
  std::string_view name;
  std::string_view arguments;
  const Command* command;
  // Changes what was read into what `command` expects. Null: nothing to do.
  void (*adapt)(Invocation* line) = nullptr;
};

void AdaptAddFlow(Invocation* line) {
  line->options.may_create = true;  // a flow that is there gets the new actions
  line->args.back() = SelftestActions(line->args.back());
}
void AdaptModFlow(Invocation* line) {
  if (line->args.size() > 2) line->args.back() = SelftestActions(line->args.back());
}
// `-d` takes a value in the original; where it was given none, what followed was an argument.
void AdaptDelIf(Invocation* line) {
  const auto given = line->own_options.find("--dellink");
  if (given == line->own_options.end() || line->args.size() != 1 || given->second.empty()) return;
  line->args.insert(line->args.begin(), given->second);
  given->second.clear();
}

constexpr DialectCommand kDialect[] = {
    {"show", "[DP]", &kSelftestShow},
    {"add-dp", "[-u] [-V VERSION[:FEATURES]] DP", &kSelftestAddDp},
    {"del-dp", "DP", &kDelDp},
    {"add-if", "[-u] [-t TYPE] [-p DPORT] [-l|--lwt|--no-lwt] DP IFACE", &kSelftestAddIf},
    {"del-if", "[-d] DP IFACE", &kSelftestDelIf, AdaptDelIf},
    {"dump-flows", "DP", &kDumpFlows},
    {"add-flow", "DP FLOW ACTIONS", &kModFlow, AdaptAddFlow},
    {"mod-flow", "DP FLOW [ACTIONS]", &kModFlow, AdaptModFlow},
    {"del-flows", "DP", &kDelFlows},
    {"psample-events", "", &kSelftestPsampleEvents},
};

void AddFlag(CLI::App* app, const std::string& names, const std::string& name,
             CommandOptions* given) {
  app->add_flag_callback(names, [given, name] { (*given)[name]; });
}

// With a minimum of 0, the value may be left out.
void AddValue(CLI::App* app, const std::string& names, const std::string& name, int minimum,
              CommandOptions* given) {
  app->add_option(names,
                  [given, name](const CLI::results_t& results) {
                    (*given)[name] = results.empty() ? std::string() : results.back();
                    return true;
                  })
      ->expected(minimum, 1);
}

void AddOwnOptions(std::string_view command, CLI::App* app, CommandOptions* given) {
  if (command == "add-dp" || command == "add-if") AddFlag(app, "-u,--upcall", "--upcall", given);
  if (command == "add-dp") AddValue(app, "-V,--versioning", "--versioning", 1, given);
  if (command == "add-if") {
    AddValue(app, "-t,--ptype", "--ptype", 1, given);
    AddValue(app, "-p,--dport", "--dport", 1, given);
    AddFlag(app, "-l,--lwt", "--lwt", given);
    AddFlag(app, "--no-lwt", "--no-lwt", given);
  }
  if (command == "del-if") AddValue(app, "-d,--dellink", "--dellink", 0, given);
}

// A psample cookie longer than the kernel takes, as plain bytes of its attribute: that the kernel
// refuses it is what the scripts try.
void PassLongCookies(std::string* acts) {
  constexpr std::string_view kCookie = "cookie=";
  constexpr size_t kMostDigits = 2 * uapi::OVS_PSAMPLE_COOKIE_MAX_SIZE;
  for (size_t at = acts->find(kCookie); at != std::string::npos; at = acts->find(kCookie, at + 1)) {
    const size_t digits = at + kCookie.size();
    const size_t end =
        std::min(acts->find_first_not_of("0123456789abcdefABCDEF", digits), acts->size());
    if (end - digits <= kMostDigits) continue;
    const std::string bytes = acts->substr(digits, end - digits);
    acts->replace(at, end - at,
                  absl::StrCat("psample_attr", uapi::OVS_PSAMPLE_ATTR_COOKIE, "(", bytes, ")"));
  }
}

void ReplaceTunnelNumber(std::string* tunnel) {
  constexpr std::string_view kField = "tun_id=0x";
  const size_t at = tunnel->find(kField);
  if (at == std::string::npos) return;
  const size_t digits = at + kField.size();
  const size_t end =
      std::min(tunnel->find_first_not_of("0123456789abcdef", digits), tunnel->size());
  uint64_t number = 0;
  if (!absl::SimpleHexAtoi(tunnel->substr(digits, end - digits), &number)) return;
  tunnel->replace(at, end - at, absl::StrCat("tun_id=", number));
}

}  // namespace

bool IsSelftestName(std::string_view argv0) {
  const size_t slash = argv0.rfind('/');
  return (slash == std::string_view::npos ? argv0 : argv0.substr(slash + 1)) == kName;
}

absl::StatusOr<Invocation> ParseSelftestCommandLine(int argc, const char* const* argv) {
  Invocation line;
  line.selftest = true;
  CLI::App app;
  app.require_subcommand(0, 1);
  const auto add_common = [&line](CLI::App* to) {
    to->set_help_flag();
    to->add_flag("-h,--help", line.options.help);
    to->add_flag_function("-v,--verbose", [&line](int64_t count) {
      line.options.verbosity += static_cast<int>(count);
    });
  };
  add_common(&app);
  line.options.no_names = true;
  for (const DialectCommand& one : kDialect) {
    CLI::App* sub = app.add_subcommand(std::string(one.name));
    add_common(sub);
    AddOwnOptions(one.name, sub, &line.own_options);
    sub->add_option("ARGUMENT",
                    [&line](const CLI::results_t& results) {
                      line.args = results;
                      return true;
                    })
        ->expected(0, -1)
        ->allow_extra_args();
    sub->final_callback([&line, &one] {
      line.command = one.command;
      if (one.adapt != nullptr && !line.args.empty()) one.adapt(&line);
    });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return UsageError(absl::StrCat(error.what(), "; use --help for help"));
  }
  if (line.command == nullptr) line.options.help = true;
  return line;
}

std::string SelftestHelpText() {
  std::string text = absl::StrCat("usage: ", ToAbsl(kName),
                                  " [-h] [-v] COMMAND [ARGUMENT]...\n\n"
                                  "dpctl, as the kernel's openvswitch selftests call it.\n\n");
  for (const DialectCommand& one : kDialect)
    absl::StrAppend(&text, "  ", ToAbsl(one.name), one.arguments.empty() ? "" : " ",
                    ToAbsl(one.arguments), "\n");
  absl::StrAppend(&text, "\nTYPE is netdev, internal, gre, geneve or vxlan. See dpctl(8).\n");
  return text;
}

std::string SelftestActions(std::string_view acts) {
  constexpr std::string_view kDrop = "drop";
  std::string text;
  for (size_t at = 0; at < acts.size();) {
    const bool starts = text.empty() || text.back() == '(' || text.back() == ',';
    const size_t end = at + kDrop.size();
    const bool ends = end >= acts.size() || acts[end] == ')';
    if (starts && ends && acts.substr(at, kDrop.size()) == kDrop) {
      if (!text.empty() && text.back() == ',') text.pop_back();
      at = end;
    } else {
      text.push_back(acts[at++]);
    }
  }
  PassLongCookies(&text);
  return text;
}

std::string SelftestKeyText(base::ByteView key) {
  std::string text;
  attr::AppendSet(ovs::kKeyTable, key, {}, {}, &text);
  constexpr std::string_view kTunnel = "tunnel(";
  const size_t begin = text.find(kTunnel);
  if (begin == std::string::npos) return text;
  size_t end = begin + kTunnel.size();
  for (int depth = 1; end < text.size() && depth > 0; ++end)
    depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
  std::string tunnel = text.substr(begin, end - begin);
  ReplaceTunnelNumber(&tunnel);
  if (tunnel.find("flags(") == std::string::npos) tunnel.insert(tunnel.size() - 1, ",");
  return text.replace(begin, end - begin, tunnel);
}

absl::StatusOr<SelftestVersion> ParseSelftestVersion(std::string_view text) {
  const size_t colon = text.find(':');
  SelftestVersion version{.version = 0, .features = OVS_DP_F_DISPATCH_UPCALL_PER_CPU};
  const auto number = [](std::string_view digits, uint32_t* out) {
    if (digits.substr(0, 2) == "0x" || digits.substr(0, 2) == "0X")
      return absl::SimpleHexAtoi(ToAbsl(digits), out);
    return absl::SimpleAtoi(ToAbsl(digits), out);
  };
  const bool good =
      number(text.substr(0, colon), &version.version) &&
      (colon == std::string_view::npos || number(text.substr(colon + 1), &version.features));
  if (!good || version.version > UINT8_MAX)
    return UsageError(
        absl::StrCat("-V \"", ToAbsl(text), "\": expected VERSION or VERSION:FEATURES"));
  return version;
}

}  // namespace sluice::dpctl
