// Checks a JSON value against the part of JSON Schema that docs/schema uses: type, enum, const,
// required, properties, additionalProperties, items, minimum, $ref to $defs. Any other keyword
// that constrains is an error, so that no rule of the schema goes unchecked.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace mla::test {

class SchemaChecker {
 public:
  explicit SchemaChecker(nlohmann::json schema) : schema_(std::move(schema)) {}

  // What is wrong, one line each; empty: valid.
  std::vector<std::string> check(const nlohmann::json& value) {
    errors_.clear();
    check(value, schema_, "$");
    return errors_;
  }

 private:
  using Json = nlohmann::json;

  void error(const std::string& at, const std::string& what) {
    std::string line = at;
    errors_.push_back(line.append(": ").append(what));
  }

  static std::string below(std::string at, const std::string& name) {
    return at.append(".").append(name);
  }

  void check(const Json& value, const Json& rule, const std::string& at) {
    if (rule.contains("$ref")) {
      const std::string ref = rule["$ref"];
      check(value, schema_.at(Json::json_pointer(ref.substr(1))), at);
      return;
    }
    static const std::set<std::string> kKnown{
        "$schema", "$id",   "$defs",    "title",      "description",          "type",
        "enum",    "const", "required", "properties", "additionalProperties", "items",
        "minimum"};
    for (const auto& [keyword, unused] : rule.items()) {
      if (kKnown.count(keyword) == 0) error(at, "unknown keyword " + keyword);
    }
    if (rule.contains("type") && !has_type(value, rule["type"])) {
      error(at, std::string("is a ") + value.type_name() + ", not " + rule["type"].dump());
      return;
    }
    if (rule.contains("const") && value != rule["const"]) error(at, "not the const");
    if (rule.contains("enum") &&
        std::find(rule["enum"].begin(), rule["enum"].end(), value) == rule["enum"].end()) {
      error(at, value.dump() + " is not in the enum");
    }
    if (rule.contains("minimum") && value.is_number() && value < rule["minimum"]) {
      error(at, "below the minimum");
    }
    if (value.is_object()) check_object(value, rule, at);
    if (value.is_array() && rule.contains("items")) {
      for (size_t i = 0; i < value.size(); ++i) {
        check(value[i], rule["items"], below(at, std::to_string(i)));
      }
    }
  }

  void check_object(const Json& value, const Json& rule, const std::string& at) {
    for (const std::string name : rule.value("required", Json::array())) {
      if (!value.contains(name)) error(at, "lacks " + name);
    }
    for (const auto& [name, member] : value.items()) {
      if (rule.contains("properties") && rule["properties"].contains(name)) {
        check(member, rule["properties"][name], below(at, name));
      } else if (rule.contains("additionalProperties")) {
        if (rule["additionalProperties"] == false) {
          error(at, "has undocumented " + name);
        } else {
          check(member, rule["additionalProperties"], below(at, name));
        }
      }
    }
  }

  static bool has_type(const Json& value, const Json& type) {
    if (type.is_array()) {
      for (const Json& one : type) {
        if (has_type(value, one)) return true;
      }
      return false;
    }
    const std::string name = type;
    return (name == "null" && value.is_null()) || (name == "boolean" && value.is_boolean()) ||
           (name == "integer" && value.is_number_integer()) ||
           (name == "number" && value.is_number()) || (name == "string" && value.is_string()) ||
           (name == "array" && value.is_array()) || (name == "object" && value.is_object());
  }

  Json schema_;
  std::vector<std::string> errors_;
};

}  // namespace mla::test
