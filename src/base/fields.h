// Result structs as documents: each says its members once, as a table of {name, member, one line}; the JSON
// and its schema (draft 2020-12) come from it, and so does docs/json.md.
//
//   template <>
//   struct FieldsOf<VerifyFinding> {
//     static auto fields() {
//       return fields_of<VerifyFinding>(field("key", &VerifyFinding::key, "Of a tensor, or a file's name"),
//       ...);
//     }
//   };
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tenon {

/// The `format` of every document. It changes when a member is renamed, goes away or means something else;
/// new members do not change it.
inline constexpr int kJsonFormat = 1;

/// The table of a struct: `static std::vector<Field<T>> fields()`.
template <typename T>
struct FieldsOf;

/// A value that is there, and may be null.
template <typename T>
struct OrNull {
  std::optional<T> value;
};

/// A number that may be none: JSON has no infinities, they are written as text.
struct Real {
  double value;
};

/// One member of a document.
template <typename T>
struct Field {
  std::string_view name;
  std::string_view about;
  // Of the value, without `about`.
  nlohmann::ordered_json schema;
  bool required = true;
  // Nothing where the member is left out.
  std::function<std::optional<nlohmann::ordered_json>(const T&)> value;
};

namespace fields {

template <typename V>
inline constexpr bool kIsOptional = false;
template <typename V>
inline constexpr bool kIsOptional<std::optional<V>> = true;
template <typename V>
inline constexpr bool kIsOrNull = false;
template <typename V>
inline constexpr bool kIsOrNull<OrNull<V>> = true;
template <typename V>
inline constexpr bool kIsList = false;
template <typename V>
inline constexpr bool kIsList<std::vector<V>> = true;
template <typename V>
inline constexpr bool kIsMap = false;
template <typename V>
inline constexpr bool kIsMap<std::map<std::string, V>> = true;

template <typename V>
concept HasTable = requires {
  FieldsOf<V>::fields();
};

}  // namespace fields

template <typename V>
nlohmann::ordered_json json_of(const V& value) {
  if constexpr (fields::HasTable<V>) {
    auto out = nlohmann::ordered_json::object();
    static const auto table = FieldsOf<V>::fields();
    for (const auto& field : table) {
      if (auto member = field.value(value)) out[std::string(field.name)] = std::move(*member);
    }
    return out;
  } else if constexpr (std::is_same_v<V, Real>) {
    if (std::isfinite(value.value)) return value.value;
    return std::isnan(value.value) ? "NaN" : value.value > 0 ? "Infinity" : "-Infinity";
  } else if constexpr (fields::kIsOrNull<V>) {
    return value.value ? json_of(*value.value) : nlohmann::ordered_json(nullptr);
  } else if constexpr (fields::kIsList<V>) {
    auto out = nlohmann::ordered_json::array();
    for (const auto& element : value) out.push_back(json_of(element));
    return out;
  } else if constexpr (fields::kIsMap<V>) {
    auto out = nlohmann::ordered_json::object();
    for (const auto& [key, element] : value) out[key] = json_of(element);
    return out;
  } else if constexpr (std::is_enum_v<V>) {
    return std::string(name_of(value));
  } else {
    return value;
  }
}

template <typename V>
nlohmann::ordered_json schema_of() {
  using Json = nlohmann::ordered_json;
  if constexpr (fields::HasTable<V>) {
    Json properties = Json::object();
    Json required = Json::array();
    for (const auto& field : FieldsOf<V>::fields()) {
      Json member = {{"description", field.about}};
      member.update(field.schema);
      properties[std::string(field.name)] = std::move(member);
      if (field.required) required.push_back(field.name);
    }
    return {{"type", "object"},
            {"properties", std::move(properties)},
            {"required", std::move(required)},
            {"additionalProperties", false}};
  } else if constexpr (fields::kIsOrNull<V>) {
    Json schema = schema_of<std::remove_cvref_t<decltype(*std::declval<V>().value)>>();
    if (schema.contains("type")) schema["type"] = Json::array({schema["type"], "null"});
    return schema;
  } else if constexpr (fields::kIsList<V>) {
    return {{"type", "array"}, {"items", schema_of<typename V::value_type>()}};
  } else if constexpr (fields::kIsMap<V>) {
    return {{"type", "object"}, {"additionalProperties", schema_of<typename V::mapped_type>()}};
  } else if constexpr (std::is_same_v<V, Real>) {
    return {{"type", Json::array({"number", "string"})}};
  } else if constexpr (std::is_same_v<V, bool>) {
    return {{"type", "boolean"}};
  } else if constexpr (std::is_same_v<V, Json>) {
    return Json::object();
  } else if constexpr (std::is_integral_v<V>) {
    Json schema = {{"type", "integer"}};
    if (std::is_unsigned_v<V>) schema["minimum"] = 0;
    return schema;
  } else if constexpr (std::is_floating_point_v<V>) {
    return {{"type", "number"}};
  } else {
    return {{"type", "string"}};
  }
}

/// A member, or anything else that a function finds out of the struct. One that is an std::optional is left
/// out where it is empty.
template <typename T, typename Getter>
Field<T> field(std::string_view name, Getter getter, std::string_view about) {
  using Value = std::remove_cvref_t<std::invoke_result_t<Getter, const T&>>;
  Field<T> out{name, about, {}, true, {}};
  if constexpr (fields::kIsOptional<Value>) {
    out.required = false;
    out.schema = schema_of<typename Value::value_type>();
    out.value = [getter](const T& of) -> std::optional<nlohmann::ordered_json> {
      const auto& value = std::invoke(getter, of);
      if (!value) return std::nullopt;
      return json_of(*value);
    };
  } else {
    out.schema = schema_of<Value>();
    out.value = [getter](const T& of) -> std::optional<nlohmann::ordered_json> {
      return json_of<Value>(std::invoke(getter, of));
    };
  }
  return out;
}

/// What a command prints: `format`, then the members.
template <typename T>
nlohmann::ordered_json document_of(const T& result) {
  nlohmann::ordered_json out = {{"format", kJsonFormat}};
  out.update(json_of(result));
  return out;
}

/// The schema of document_of(), with a title.
template <typename T>
nlohmann::ordered_json document_schema(std::string_view title) {
  nlohmann::ordered_json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                                {"title", title}};
  nlohmann::ordered_json schema = schema_of<T>();
  nlohmann::ordered_json properties = {
      {"format", {{"description", "The version of this form"}, {"const", kJsonFormat}}}};
  properties.update(schema["properties"]);
  schema["properties"] = std::move(properties);
  schema["required"].insert(schema["required"].begin(), "format");
  out.update(schema);
  return out;
}

}  // namespace tenon
