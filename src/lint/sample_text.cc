// A reader of as much of the `re` syntax as rule lists use, and a writer that walks the tree and makes one
// choice at each branch. A variant is a number from which every choice is taken.
#include "lint/sample_text.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <optional>

#include "rules/pattern.h"

namespace tenon {
namespace {

constexpr int kVariants = 8;

enum class Look { kNone, kPositive, kNegative };

struct Node;
using Sequence = std::vector<Node>;

struct Node {
  std::vector<std::string> choices;  // texts that stand for this node; empty: it has branches
  std::vector<Sequence> branches;
  Look look = Look::kNone;
  bool loose_dot = false;
  bool any = false;  // an unescaped dot
  std::size_t at = 0;
  int least = 1;  // repetitions
  bool optional = false;
};

Node text_node(std::vector<std::string> choices, std::size_t at) {
  Node out;
  out.choices = std::move(choices);
  out.at = at;
  return out;
}

class Reader {
 public:
  explicit Reader(std::string_view pattern) : pattern_(pattern) {}

  std::vector<Sequence> branches() {
    std::vector<Sequence> out(1);
    while (at_ < pattern_.size() && pattern_[at_] != ')') {
      if (pattern_[at_] == '|') {
        out.emplace_back();
        ++at_;
      } else if (starts_with("*.")) {  // "anything, then a dot"
        Node any = text_node({"0", "1", "12"}, at_);
        any.any = true;
        out.back().push_back(std::move(any));
        out.back().push_back(text_node({"."}, at_ + 1));
        at_ += 2;
      } else if (ends_in_number()) {  // `weight*`: a number
        out.back().push_back(text_node({"0", "1", "12"}, at_));
        ++at_;
      } else if (auto node = atom()) {
        quantify(*node);
        out.back().push_back(std::move(*node));
      }
    }
    return out;
  }

 private:
  bool starts_with(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }

  // Is this the `*` that ends a word and the pattern (rules/pattern.h)?
  bool ends_in_number() const {
    const std::string_view rest = pattern_.substr(at_);
    return (rest == "*" || rest == "*$") && tenon::ends_in_number(pattern_);
  }

  std::optional<Node> atom() {
    const std::size_t begin = at_;
    const char c = pattern_[at_++];
    switch (c) {
      case '(':
        return group();
      case '[':
        return character_class();
      case '\\':
        return escape();
      case '^':
      case '$':
        return std::nullopt;
      case '.': {
        Node node = text_node({"."}, begin);
        node.any = node.loose_dot = true;
        return node;
      }
      default:
        return text_node({std::string(1, c)}, begin);
    }
  }

  std::optional<Node> group() {
    Node node;
    if (starts_with("?=") || starts_with("?<=")) node.look = Look::kPositive;
    if (starts_with("?!") || starts_with("?<!")) node.look = Look::kNegative;
    if (node.look != Look::kNone) {
      at_ += pattern_[at_ + 1] == '<' ? 3 : 2;
    } else if (starts_with("?P<") || starts_with("?<")) {
      at_ = std::min(pattern_.find('>', at_), pattern_.size() - 1) + 1;
    } else if (starts_with("?:")) {
      at_ += 2;
    } else if (starts_with("?")) {  // flags
      at_ = std::min(pattern_.find(')', at_), pattern_.size() - 1) + 1;
      return std::nullopt;
    }
    node.branches = branches();
    if (at_ < pattern_.size()) ++at_;
    return node;
  }

  std::optional<Node> escape() {
    if (at_ == pattern_.size()) return std::nullopt;
    const std::size_t begin = at_ - 1;
    const char c = pattern_[at_++];
    switch (c) {
      case 'd':
        return text_node({"0", "1", "12"}, begin);
      case 'w':
      case 'S':
      case 'D':
        return text_node({"x", "w"}, begin);
      case 's':
        return text_node({" "}, begin);
      case 'W':
        return text_node({"."}, begin);
      case 'b':
      case 'B':
      case 'A':
      case 'Z':
        return std::nullopt;
      default:
        return text_node({std::string(1, c)}, begin);
    }
  }

  Node character_class() {
    const std::size_t begin = at_ - 1;
    const bool negated = starts_with("^");
    if (negated) ++at_;
    std::bitset<128> in;
    for (bool first = true; at_ < pattern_.size() && (first || pattern_[at_] != ']'); first = false) {
      const auto from = static_cast<unsigned char>(pattern_[at_++]);
      if (from == '\\' && at_ < pattern_.size()) {
        escape_in_class(pattern_[at_++], in);
      } else if (at_ + 1 < pattern_.size() && pattern_[at_] == '-' && pattern_[at_ + 1] != ']') {
        const auto to = static_cast<unsigned char>(pattern_[at_ + 1]);
        for (unsigned c = from; c <= to && c < in.size(); ++c) in.set(c);
        at_ += 2;
      } else if (from < in.size()) {
        in.set(from);
      }
    }
    if (at_ < pattern_.size()) ++at_;
    std::vector<std::string> choices;
    for (char c = '!'; c < '\x7f'; ++c) {
      if (in.test(static_cast<std::size_t>(c)) != negated && choices.size() < kVariants &&
          (!negated || std::isalpha(c) != 0))
        choices.emplace_back(1, c);
    }
    return text_node(choices.empty() ? std::vector<std::string>{"x"} : choices, begin);
  }

  static void escape_in_class(char c, std::bitset<128>& in) {
    for (unsigned i = 0; i < in.size(); ++i) {
      const bool digit = i >= '0' && i <= '9';
      const bool word = digit || i == '_' || (i < 128 && std::isalpha(static_cast<int>(i)) != 0);
      if (c == 'd' ? digit : c == 'w' ? word : i == static_cast<unsigned char>(c)) in.set(i);
    }
  }

  void quantify(Node& node) {
    if (at_ >= pattern_.size() || starts_with("*.") || ends_in_number()) return;
    const char c = pattern_[at_];
    if (c == '*' || c == '+' || c == '?') {
      ++at_;
      node.optional = c != '+';
    } else if (c == '{' && at_ + 1 < pattern_.size() &&
               std::isdigit(static_cast<unsigned char>(pattern_[at_ + 1])) != 0) {
      node.least = pattern_[at_ + 1] - '0';
      at_ = std::min(pattern_.find('}', at_), pattern_.size() - 1) + 1;
    } else {
      return;
    }
    if (node.any) {  // `.*`, `.+`: meant as written
      node.choices = {"layers.0.norm", "0", "proj.weight"};
      node.loose_dot = false;
    }
    if (starts_with("?") || starts_with("+")) ++at_;
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
};

class Writer {
 public:
  Writer(int variant, bool against) : variant_(static_cast<std::size_t>(variant)), against_(against) {}

  SampleText write(const std::vector<Sequence>& branches) {
    branch(branches);
    return std::move(out_);
  }

 private:
  void branch(const std::vector<Sequence>& branches) {
    for (const auto& node : branches[variant_ % branches.size()]) {
      if (skipped(node)) continue;
      for (int i = 0; i < node.least; ++i) one(node);
    }
  }

  bool skipped(const Node& node) const {
    if (node.look == Look::kNone) return node.optional && variant_ % 2 == 1;
    if (against_) return node.look == Look::kPositive;
    return node.look == Look::kNegative || variant_ >= kVariants / 2;
  }

  void one(const Node& node) {
    if (node.choices.empty()) {
      branch(node.branches);
      return;
    }
    if (node.loose_dot) out_.loose_dots.push_back({node.at, out_.text.size()});
    out_.text += node.choices[variant_ % node.choices.size()];
  }

  std::size_t variant_;
  bool against_;
  SampleText out_;
};

std::vector<SampleText> texts(std::string_view pattern, bool against) {
  const auto branches = Reader(pattern).branches();
  std::vector<SampleText> out;
  for (int variant = 0; variant < kVariants; ++variant) {
    SampleText made = Writer(variant, against).write(branches);
    const bool known =
        std::any_of(out.begin(), out.end(), [&](const auto& o) { return o.text == made.text; });
    if (!known) out.push_back(std::move(made));
  }
  return out;
}

}  // namespace

std::vector<SampleText> sample_texts(std::string_view pattern) {
  return texts(pattern, false);
}

std::vector<SampleText> texts_against_lookarounds(std::string_view pattern) {
  return texts(pattern, true);
}

std::string without_lookarounds(std::string_view pattern) {
  constexpr std::array<std::string_view, 4> kOpenings = {"(?=", "(?!", "(?<=", "(?<!"};
  std::string out;
  for (std::size_t at = 0; at < pattern.size();) {
    const bool opens = std::any_of(kOpenings.begin(), kOpenings.end(),
                                   [&](const auto& o) { return pattern.substr(at).starts_with(o); });
    if (!opens) {
      if (pattern[at] == '\\' && at + 1 < pattern.size()) out += pattern[at++];
      out += pattern[at++];
      continue;
    }
    int depth = 0;
    do {
      if (pattern[at] == '\\')
        ++at;
      else if (pattern[at] == '(')
        ++depth;
      else if (pattern[at] == ')')
        --depth;
      ++at;
    } while (depth > 0 && at < pattern.size());
  }
  return out;
}

}  // namespace tenon
