// A recursive-descent parser that evaluates as it goes. Grammar, loosest binding first:
//
//   or_      = and_ { "or" and_ }
//   and_     = not_ { "and" not_ }
//   not_     = "not" not_ | compare
//   compare  = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum ]
//   sum      = product { ("+" | "-") product }
//   product  = unary { ("*" | "/" | "//" | "%") unary }
//   unary    = "-" unary | primary
//   primary  = number | "true" | "false" | "'" text "'" | ("len" | "sqrt" | "exp" | "real") "(" or_ ")" | "("
//   or_ ")" | "layer" | ("config" | "own" | "rope" | "set") { "." name | "[" or_ "]" }
#pragma once

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cmath>

#include "base/checked.h"
#include "base/text.h"
#include "rules/language/module_names.h"

namespace tenon::expression {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxLength = 2000;
constexpr int kMaxDepth = 50;

struct SyntaxError {
  std::string message;
};

// A value that config.json does not have: `or` goes on to its next choice, anything else reports it.
struct Absent {
  std::string message;
};

struct WrongType {
  std::string message;
};

class Evaluator {
 public:
  // Without a config only the syntax is checked: every value is 1 and every comparison holds.
  Evaluator(std::string_view text, const Json* config, const ModuleNames* names = nullptr)
      : text_(text), config_(config), names_(names) {}

  Json run() {
    Json value = or_();
    skip_space();
    if (at_ != text_.size())
      throw SyntaxError{fmt::format("'{}' is not expected here", text_.substr(at_, 20))};
    return value;
  }

 private:
  struct Deeper {
    explicit Deeper(int& depth) : depth_(depth) {
      if (++depth_ > kMaxDepth) throw SyntaxError{"it is nested too deeply"};
    }
    ~Deeper() { --depth_; }
    int& depth_;
  };

  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  static bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

  bool take(std::string_view token) {
    skip_space();
    if (!text_.substr(at_).starts_with(token)) return false;
    if (is_word(token.back()) && at_ + token.size() < text_.size() && is_word(text_[at_ + token.size()]))
      return false;
    at_ += token.size();
    return true;
  }

  void expect(std::string_view token) {
    if (!take(token)) throw SyntaxError{fmt::format("'{}' is missing", token)};
  }

  static bool truth(const Json& v) { return v.is_boolean() ? v.get<bool>() : !v.is_null(); }

  Json or_() {
    const Deeper deeper(depth_);
    std::optional<Json> value;
    std::optional<Absent> absent;
    do {
      // The first choice that is there, and is not false, stands; those behind it are not computed.
      const std::size_t begin = at_;
      if (value && truth(*value)) {
        skip(&Evaluator::and_);
        continue;
      }
      try {
        value = and_();
      } catch (const Absent& a) {
        if (!absent) absent = a;
        at_ = begin;
        skip(&Evaluator::and_);
      }
    } while (take("or"));
    if (!value) throw Absent{*absent};
    return *value;
  }

  // Consumes an operand whose value does not matter: it is parsed without a config.
  void skip(Json (Evaluator::*operand)()) {
    const Json* const config = std::exchange(config_, nullptr);
    (this->*operand)();
    config_ = config;
  }

  Json and_() {
    Json value = not_();
    while (take("and")) {
      if (truth(value)) {
        value = not_();
      } else {
        skip(&Evaluator::not_);
      }
    }
    return value;
  }

  Json not_() {
    const Deeper deeper(depth_);
    if (take("not")) return !truth(not_());
    return compare();
  }

  Json compare() {
    Json left = sum();
    for (const std::string_view op : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (!take(op)) continue;
      const Json right = sum();
      if (op == "==") return left == right;
      if (op == "!=") return left != right;
      if (config_ != nullptr && (left.is_number_float() || right.is_number_float())) {
        const double a = real(left);
        const double b = real(right);
        return op == "<=" ? a <= b : op == ">=" ? a >= b : op == "<" ? a < b : a > b;
      }
      const std::int64_t a = integer(left);
      const std::int64_t b = integer(right);
      return op == "<=" ? a <= b : op == ">=" ? a >= b : op == "<" ? a < b : a > b;
    }
    return left;
  }

  Json sum() {
    Json value = product();
    while (true) {
      if (take("+")) {
        value = combined(value, product(), '+');
      } else if (take("-")) {
        value = combined(value, product(), '-');
      } else {
        return value;
      }
    }
  }

  Json product() {
    Json value = unary();
    while (true) {
      if (take("*")) {
        value = combined(value, unary(), '*');
      } else if (take("//")) {
        value = quotient(integer(value), integer(unary()), false);
      } else if (take("/")) {
        value = combined(value, unary(), '/');
      } else if (take("%")) {
        const std::int64_t a = integer(value);
        value = a - quotient(a, integer(unary()), false) * divisor_;
      } else {
        return value;
      }
    }
  }

  // Of two integers an integer; where one is real, or not finite, FP64.
  Json combined(const Json& left, const Json& right, char op) {
    if (config_ != nullptr && (left.is_number_float() || right.is_number_float())) {
      const double a = real(left);
      const double b = real(right);
      if (op == '/' && b == 0) throw WrongType{"it divides by zero"};
      const double value = op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
      if (!std::isfinite(value)) throw WrongType{"the result is not finite"};
      return value;
    }
    const std::int64_t a = integer(left);
    const std::int64_t b = integer(right);
    if (op == '/') return quotient(a, b, true);
    return fitting(op == '+' ? checked_add(a, b) : op == '-' ? checked_sub(a, b) : checked_mul(a, b));
  }

  std::int64_t quotient(std::int64_t a, std::int64_t b, bool even) {
    if (config_ == nullptr) {
      a = b = 1;
    }
    divisor_ = b;
    if (b == 0) throw WrongType{"it divides by zero"};
    if (b == -1) return fitting(checked_sub<std::int64_t>(0, a));
    if (even && a % b != 0) throw WrongType{fmt::format("{} / {} leaves a remainder (// rounds down)", a, b)};
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
  }

  Json unary() {
    const Deeper deeper(depth_);
    if (take("-")) return combined(0, unary(), '-');
    return primary();
  }

  Json primary() {
    skip_space();
    if (at_ == text_.size()) throw SyntaxError{"it ends too early"};
    if (std::isdigit(static_cast<unsigned char>(text_[at_])) != 0) return number();
    if (take("(")) {
      Json value = or_();
      expect(")");
      return value;
    }
    if (take("'")) return quoted();
    if (take("true")) return true;
    if (take("false")) return false;
    if (take("len")) return length();
    if (take("sqrt")) return root();
    if (take("exp")) return exponential();
    if (take("real")) return as_real();
    if (take("config")) return path(config_, "config");
    if (take("own")) return path(names_ == nullptr ? nullptr : names_->own, "own");
    if (take("rope")) return path(names_ == nullptr ? nullptr : names_->rope, "rope");
    if (take("set")) return path(names_ == nullptr ? nullptr : names_->set, "set");
    if (take("layer")) return layer();
    throw SyntaxError{
        fmt::format("'{}' is not expected here; values are written config.NAME", text_.substr(at_, 20))};
  }

  Json number() {
    const std::size_t digits = text_.find_first_not_of("0123456789", at_);
    if (digits != std::string_view::npos && digits + 1 < text_.size() && text_[digits] == '.' &&
        std::isdigit(static_cast<unsigned char>(text_[digits + 1])) != 0) {
      double value = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
      if (error != std::errc() || !std::isfinite(value)) throw SyntaxError{"a number does not fit into FP64"};
      at_ = static_cast<std::size_t>(end - text_.data());
      return value;
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc()) throw SyntaxError{"a number does not fit into 64 bits"};
    at_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }

  Json quoted() {
    const std::size_t end = text_.find('\'', at_);
    if (end == std::string_view::npos) throw SyntaxError{"a quote is not closed"};
    std::string value(text_.substr(at_, end - at_));
    at_ = end + 1;
    return value;
  }

  Json length() {
    expect("(");
    const Json value = or_();
    expect(")");
    if (config_ == nullptr) return 1;
    if (!value.is_array() && !value.is_object()) throw WrongType{"len() wants a list"};
    return static_cast<std::int64_t>(value.size());
  }

  Json root() {
    const Json value = as_real();
    if (config_ == nullptr) return 1;
    if (value.get<double>() < 0) throw WrongType{"it takes the root of a negative number"};
    return std::sqrt(value.get<double>());
  }

  Json exponential() {
    const Json value = as_real();
    if (config_ == nullptr) return 1;
    const double power = std::exp(value.get<double>());
    if (!std::isfinite(power)) throw WrongType{"the result is not finite"};
    return power;
  }

  Json as_real() {
    expect("(");
    const Json value = or_();
    expect(")");
    if (config_ == nullptr) return 1;
    return real(value);
  }

  Json layer() {
    if (config_ == nullptr) return 1;
    if (names_ == nullptr || !names_->layer) throw Absent{"the module is in no layer"};
    return *names_->layer;
  }

  Json path(const Json* node, std::string name) {
    if (config_ != nullptr && node == nullptr) throw Absent{fmt::format("there is no '{}' here", name)};
    while (at_ < text_.size() && (text_[at_] == '.' || text_[at_] == '[')) {
      node = text_[at_++] == '.' ? member(node, name) : element(node, name);
    }
    if (config_ == nullptr) return 1;
    if (node->is_null()) throw Absent{fmt::format("{} is null", name)};
    return *node;
  }

  const Json* member(const Json* node, std::string& name) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    if (begin == at_) throw SyntaxError{"a name is missing after '.'"};
    const std::string key(text_.substr(begin, at_ - begin));
    if (config_ == nullptr) return nullptr;
    if (!node->is_object() || !node->contains(key)) {
      std::vector<std::string> beside;
      if (node->is_object()) {
        for (const auto& [k, v] : node->items()) beside.push_back(k);
      }
      const std::string near = did_you_mean(key, beside);
      throw Absent{fmt::format("{} has no '{}'{}{}", name, key, near.empty() ? "" : ". ", near)};
    }
    name += "." + key;
    return &(*node)[key];
  }

  const Json* element(const Json* node, std::string& name) {
    const std::int64_t i = integer(or_());
    expect("]");
    if (config_ == nullptr) return nullptr;
    if (!node->is_array() || i < 0 || static_cast<std::size_t>(i) >= node->size()) {
      throw Absent{fmt::format("{} has no element {}", name, i)};
    }
    name += fmt::format("[{}]", i);
    return &(*node)[static_cast<std::size_t>(i)];
  }

  static double real(const Json& value) {
    if (value.is_number()) return value.get<double>();
    throw WrongType{fmt::format("{} is no number", value.dump().substr(0, 60))};
  }

  std::int64_t integer(const Json& value) const {
    if (config_ == nullptr) return 1;
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX)
      throw WrongType{"a number is too large"};
    if (value.is_number_integer()) return value.get<std::int64_t>();
    throw WrongType{fmt::format("{} is no integer", value.dump().substr(0, 60))};
  }

  static std::int64_t fitting(std::optional<std::int64_t> value) {
    if (!value) throw WrongType{"the result does not fit into 64 bits"};
    return *value;
  }

  std::string_view text_;
  const Json* config_;
  const ModuleNames* names_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::int64_t divisor_ = 1;
};

}  // namespace tenon::expression
