// docs/reference/dpctl.schema.json knows every command. What the commands print is held against it
// by tests/kernel/dpctl_schema_test.cc.
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "dpctl/command.h"
#include "tests/support/test.h"

namespace sluice::dpctl {
namespace {

nlohmann::json Schema() {
  std::ifstream file(SLUICE_GOLDEN_DIR "/../../docs/reference/dpctl.schema.json");
  return nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
}

// Every "$ref" of a schema.
void CollectReferences(const nlohmann::json& json, std::set<std::string>* out) {
  if (json.is_object() && json.contains("$ref")) out->insert(json["$ref"].get<std::string>());
  if (json.is_structured())
    for (const auto& part : json) CollectReferences(part, out);
}

}  // namespace

TEST_CASE("every command has a JSON Schema, or is said to print nothing") {
  const nlohmann::json schema = Schema();
  REQUIRE_FALSE(schema.is_discarded());
  std::set<std::string> silent;
  for (const auto& name : schema["x-prints-nothing"]) silent.insert(name.get<std::string>());
  std::set<std::string> commands;
  for (const Command* command : Commands()) {
    const std::string name(command->name);
    commands.insert(name);
    INFO(name << ": put what it prints with --json into $defs of dpctl.schema.json, or its name "
                 "into x-prints-nothing: see docs/reference/dpctl-json.md");
    CHECK((schema["$defs"].contains(name) ? 1U : 0U) + silent.count(name) == 1);
  }
  for (const std::string& name : silent) {
    INFO(name << " is in x-prints-nothing, and is no command");
    CHECK(commands.contains(name));
  }
  for (const auto& [name, definition] : schema["$defs"].items()) {
    const bool shared = name[0] >= 'A' && name[0] <= 'Z';
    INFO(name << " is in $defs, and is no command");
    CHECK((shared || commands.contains(name)));
  }
}

TEST_CASE("the schema's references lead somewhere") {
  const nlohmann::json schema = Schema();
  REQUIRE_FALSE(schema.is_discarded());
  std::set<std::string> references;
  CollectReferences(schema, &references);
  const std::string prefix = "#/$defs/";
  for (const std::string& reference : references) {
    CAPTURE(reference);
    REQUIRE(reference.substr(0, prefix.size()) == prefix);
    CHECK(schema["$defs"].contains(reference.substr(prefix.size())));
  }
}

}  // namespace sluice::dpctl
