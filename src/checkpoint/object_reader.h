// The members of a JSON object, read one by one: what is missing, of another type or not known is collected.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "base/text.h"
#include "checkpoint/json_text.h"

namespace tenon {

/// More are not collected: they tend to have one cause.
inline constexpr std::size_t kMaxMistakes = 20;

/// Members that nobody asked for are a mistake too. All outlive the reader.
class ObjectReader {
 public:
  ObjectReader(const nlohmann::ordered_json& object, std::string pointer, const std::string& file,
               Diagnostics& diagnostics)
      : object_(object), pointer_(std::move(pointer)), file_(file), diagnostics_(diagnostics) {
    if (!object.is_object()) wrong("", "is not an object");
  }

  /// The member, nullptr where it is absent.
  const nlohmann::ordered_json* optional(const char* name) {
    asked_.emplace_back(name);
    if (!object_.is_object()) return nullptr;
    const auto at = object_.find(name);
    return at == object_.end() ? nullptr : &*at;
  }

  template <typename Value>
  void read(const char* name, Value& out) {
    const nlohmann::ordered_json* member = optional(name);
    if (member == nullptr) {
      if (object_.is_object()) wrong(name, "is missing");
    } else if (!assign(*member, out)) {
      wrong(name, "is not of the right type");
    }
  }

  void refuse_others() {
    if (!object_.is_object()) return;
    for (const auto& [name, value] : object_.items()) {
      if (std::find(asked_.begin(), asked_.end(), name) == asked_.end()) {
        diagnostics_.error("manifest-unknown-key"_id, place(name), "unknown key", did_you_mean(name, asked_));
        if (diagnostics_.all().size() >= kMaxMistakes) diagnostics_.throw_if_errors();
      }
    }
  }

  void wrong(const std::string& name, std::string message) {
    diagnostics_.error("manifest-malformed"_id, place(name), std::move(message));
  }

 private:
  Place place(const std::string& name) const {
    const std::string inside = name.empty() ? pointer_ : pointer_ + "/" + shown(name);
    return {file_, 0, 0, {}, inside.empty() ? "/" : inside, ""};
  }

  static bool assign(const nlohmann::ordered_json& from, std::string& out) {
    if (from.is_string()) out = from.get<std::string>();
    return from.is_string();
  }
  static bool assign(const nlohmann::ordered_json& from, bool& out) {
    if (from.is_boolean()) out = from.get<bool>();
    return from.is_boolean();
  }
  static bool assign(const nlohmann::ordered_json& from, std::int64_t& out) {
    if (!from.is_number_integer()) return false;
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (from.is_number_unsigned() && from.get<std::uint64_t>() > kLargest) return false;
    out = from.get<std::int64_t>();
    return true;
  }
  template <typename T>
  static bool assign(const nlohmann::ordered_json& from, std::vector<T>& out) {
    if (!from.is_array()) return false;
    for (const auto& element : from) {
      if (!assign(element, out.emplace_back())) return false;
    }
    return true;
  }
  template <typename T>
  static bool assign(const nlohmann::ordered_json& from, std::map<std::string, T>& out) {
    if (!from.is_object()) return false;
    for (const auto& [key, value] : from.items()) {
      if (!assign(value, out[key])) return false;
    }
    return true;
  }

  const nlohmann::ordered_json& object_;
  std::string pointer_;
  const std::string& file_;
  Diagnostics& diagnostics_;
  std::vector<std::string> asked_;
};

}  // namespace tenon
