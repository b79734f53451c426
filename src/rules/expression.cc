// A recursive-descent parser that evaluates as it goes. Grammar, loosest binding first:
//
//   or_      = and_ { "or" and_ }
//   and_     = not_ { "and" not_ }
//   not_     = "not" not_ | compare
//   compare  = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum ]
//   sum      = product { ("+" | "-") product }
//   product  = unary { ("*" | "/" | "//" | "%") unary }
//   unary    = "-" unary | primary
//   primary  = integer | "true" | "false" | "'" text "'" | "len" "(" or_ ")" | "(" or_ ")" | "config" { "."
//   name | "[" or_ "]" }
#include "rules/expression.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>

#include "base/checked.h"
#include "base/text.h"

namespace tenon {
namespace {

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
  Evaluator(std::string_view text, const Json* config) : text_(text), config_(config) {}

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
      // Every choice is parsed; the first that is there, and is not false, stands.
      const std::size_t begin = at_;
      try {
        Json next = and_();
        if (!value || !truth(*value)) value = std::move(next);
      } catch (const Absent& a) {
        if (!absent) absent = a;
        skip_choice(begin);
      }
    } while (take("or"));
    if (!value) throw Absent{*absent};
    return *value;
  }

  // Behind an absent value the rest of the choice must still be consumed: parse it without a config.
  void skip_choice(std::size_t begin) {
    at_ = begin;
    const Json* const config = std::exchange(config_, nullptr);
    and_();
    config_ = config;
  }

  Json and_() {
    Json value = not_();
    while (take("and")) {
      const Json next = not_();
      if (truth(value)) value = next;
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
        value = fitting(checked_add(integer(value), integer(product())));
      } else if (take("-")) {
        value = fitting(checked_sub(integer(value), integer(product())));
      } else {
        return value;
      }
    }
  }

  Json product() {
    Json value = unary();
    while (true) {
      if (take("*")) {
        value = fitting(checked_mul(integer(value), integer(unary())));
      } else if (take("//")) {
        value = quotient(integer(value), integer(unary()), false);
      } else if (take("/")) {
        value = quotient(integer(value), integer(unary()), true);
      } else if (take("%")) {
        const std::int64_t a = integer(value);
        value = a - quotient(a, integer(unary()), false) * divisor_;
      } else {
        return value;
      }
    }
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
    if (take("-")) return fitting(checked_sub<std::int64_t>(0, integer(unary())));
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
    if (take("config")) return path();
    throw SyntaxError{
        fmt::format("'{}' is not expected here; values are written config.NAME", text_.substr(at_, 20))};
  }

  Json number() {
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

  Json path() {
    const Json* node = config_;
    std::string name = "config";
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
  std::size_t at_ = 0;
  int depth_ = 0;
  std::int64_t divisor_ = 1;
};

std::string_view inside(std::string_view text) {
  return text.substr(2, text.size() - 3);
}

}  // namespace

bool is_expression(std::string_view text) {
  return text.starts_with("${") && text.ends_with('}') && text.size() > 3;
}

std::optional<std::string> expression_error(std::string_view text) {
  if (!is_expression(text)) return "an expression is written ${...}";
  if (text.size() > kMaxLength) return fmt::format("it is longer than {} characters", kMaxLength);
  try {
    Evaluator(inside(text), nullptr).run();
    return std::nullopt;
  } catch (const SyntaxError& e) {
    return e.message;
  }
}

Json evaluate(std::string_view text, const Json& config, const Place& place) {
  if (const auto error = expression_error(text))
    throw UserError(place, fmt::format("'{}': {}", text.substr(0, 80), *error));
  try {
    return Evaluator(inside(text), &config).run();
  } catch (const Absent& e) {
    throw UserError(place, fmt::format("{}: {} (config.json)", text, e.message),
                    "Add the value to config.json, or name in the rule where this model keeps it ('config.a "
                    "or config.b').");
  } catch (const WrongType& e) {
    throw UserError(place, fmt::format("{}: {}", text, e.message));
  }
}

std::int64_t evaluate_integer(std::string_view text, const Json& config, const Place& place) {
  const Json value = evaluate(text, config, place);
  if (!value.is_number_integer()) {
    throw UserError(place, fmt::format("{}: an integer is wanted here, config.json gives {}", text,
                                       value.dump().substr(0, 60)));
  }
  return value.get<std::int64_t>();
}

}  // namespace tenon
