// The attributes of a bound step, by name.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tenon {

class Attributes {
 public:
  explicit Attributes(const nlohmann::ordered_json& values) : values_(values) {}

  bool has(const char* name) const { return values_.contains(name); }
  std::int64_t integer(const char* name) const { return values_.at(name).get<std::int64_t>(); }
  std::int64_t integer(const char* name, std::int64_t fallback) const {
    return has(name) ? integer(name) : fallback;
  }
  double real(const char* name) const { return values_.at(name).get<double>(); }
  double real(const char* name, double fallback) const { return has(name) ? real(name) : fallback; }
  bool flag(const char* name, bool fallback = false) const {
    return has(name) ? values_.at(name).get<bool>() : fallback;
  }
  std::string text(const char* name, const char* fallback = "") const {
    return has(name) ? values_.at(name).get<std::string>() : fallback;
  }
  const nlohmann::ordered_json& map(const char* name) const { return values_.at(name); }
  std::vector<std::int64_t> integers(const char* name, std::vector<std::int64_t> fallback) const {
    return has(name) ? values_.at(name).get<std::vector<std::int64_t>>() : fallback;
  }

 private:
  const nlohmann::ordered_json& values_;
};

}  // namespace tenon
