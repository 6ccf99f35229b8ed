// The desired state as a document: the configuration file's text, what it says, and changes to it.
//
// Whoever changes a bridge or a port over the local API changes the document, which is then checked
// as a whole, as if it had been read from the file. So what a key means, and which values it may
// have, is written once: in config.cc. Immutable values; pure functions.
//
//   SLUICE_ASSIGN_OR_RETURN(DesiredState now, DesiredState::Parse(text, "sluiced.yaml"));
//   SLUICE_ASSIGN_OR_RETURN(DesiredState next, now.Edited({{.bridge = "br0", .port = "v1"}}));
//   Print(Differences(now, next));  // "+ bridges.br0.ports.v1"
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/daemon/config.h"

namespace sluice::daemon {

// One change of a bridge, or of one of its ports or mirrors.
struct Edit {
  enum class Kind { kAdd, kSet, kRemove };
  Kind kind = Kind::kAdd;
  std::string bridge{};
  std::string port{};  // empty: the bridge itself
  // Of which `port` is the name of an item: "ports", "mirrors", or "meters", whose items are
  // `port` itself: "meter=1 pktps"; by its number it is found.
  std::string list = "ports";
  // Keys and values as the file has them; kSet takes a key with an empty value away.
  std::vector<std::pair<std::string, std::string>> settings{};
  bool lenient = false;  // to add what is there, or remove what is not, is no error
};

class DesiredState {
 public:
  // Errors as ParseConfig() has them.
  static absl::StatusOr<DesiredState> Parse(std::string_view text, std::string_view file);
  // The same of a file of at most 1 MiB; the errno when it cannot be read.
  static absl::StatusOr<DesiredState> Load(const std::string& path);

  // All of `edits` or none. kAlreadyExists and kNotFound for what is there or is not;
  // kInvalidArgument when the whole would not be right.
  absl::StatusOr<DesiredState> Edited(const std::vector<Edit>& edits) const;

  const Config& config() const { return config_; }
  // YAML. Comments live until the first edit.
  const std::string& text() const { return text_; }

 private:
  DesiredState(std::string text, Config config)
      : text_(std::move(text)), config_(std::move(config)) {}

  std::string text_;
  Config config_;
};

// One line each, by path: "+ PATH: VALUE" for what comes, "- PATH: VALUE" for what goes, "~ PATH:
// OLD -> NEW". Bridges, ports and other things with a name are steps of the path by that name.
std::vector<std::string> Differences(const DesiredState& from, const DesiredState& to);

}  // namespace sluice::daemon
