// Keys that differ in their numbers only are one *kind*: `layers.*.experts.*.w1.weight`. A kind of the fused
// side is explained by kinds of the original side, the simplest explanation first:
//
//   the same key          nothing to do
//   one kind, same shape  a renaming (the nearest name wins)
//   one kind, turned      a transpose
//   several kinds         joined along a dimension: their extents add up
//   kinds with one more `*`  stacked experts: that many of them along a new dimension, then perhaps joined
//   one kind, several fused  cut into parts
#include "lint/scaffold.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "lint/draft_patterns.h"

namespace tenon {
namespace {

struct Kind {
  std::string pattern;  // with `*` for each part of digits
  Shape shape;          // of all its tensors; empty and `uneven` where they differ
  bool uneven = false;
  std::size_t count = 0;
  std::set<std::string> last_numbers;  // what the last `*` stands for
  bool used = false;
};

std::vector<Kind> kinds_of(const std::vector<Tensor>& tensors) {
  std::map<std::string, Kind> kinds;
  std::vector<std::string> order;
  for (const auto& t : tensors) {
    auto segments = key_segments(t.key);
    std::string last;
    for (auto& s : segments) {
      if (is_key_number(s)) last = std::exchange(s, "*");
    }
    const std::string pattern = fmt::format("{}", fmt::join(segments, "."));
    auto [at, fresh] = kinds.try_emplace(pattern);
    Kind& kind = at->second;
    if (fresh) {
      order.push_back(pattern);
      kind.pattern = pattern;
      kind.shape = t.shape;
    }
    kind.uneven = kind.uneven || kind.shape != t.shape;
    ++kind.count;
    if (!last.empty()) kind.last_numbers.insert(last);
  }
  std::vector<Kind> out;
  for (const auto& pattern : order) out.push_back(std::move(kinds.at(pattern)));
  return out;
}

// A pattern as a regular expression for one side of a rule: dots escaped, each `*` a number, anchored.
// `list`: the last `*` collects a list.
std::string as_source(const std::string& pattern, bool list) {
  const std::size_t last = pattern.rfind('*');
  std::string out = "^";
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '.' && !(list && i == last + 1)) {
      out += "\\.";
    } else if (pattern[i] == '*' && !(list && i == last)) {
      out += "\\d+";
    } else {
      out += pattern[i];
    }
  }
  return out + "$";
}

// The parts of two patterns that differ, cut at dots: "self_attn.q_proj" and "attention.query". What is alike
// on both sides stays out of the rule.
std::pair<std::string, std::string> differing(const std::vector<std::string>& sources,
                                              const std::string& target) {
  auto y = key_segments(target);
  std::size_t front = y.size();
  std::size_t end = y.size();
  for (const auto& source : sources) {
    const auto x = key_segments(source);
    std::size_t f = 0;
    while (f < std::min(x.size(), y.size()) && x[f] == y[f]) ++f;
    std::size_t e = 0;
    while (e < std::min(x.size(), y.size()) - std::min(f, std::min(x.size(), y.size())) &&
           x[x.size() - 1 - e] == y[y.size() - 1 - e]) {
      ++e;
    }
    front = std::min(front, f);
    end = std::min(end, e);
  }
  // Two segments of context keep the rule from hitting a neighbour.
  front = front >= 1 ? front - 1 : 0;
  while (front > 0 && y[front] == "*") --front;
  std::string tail;
  for (std::size_t i = front; i < y.size(); ++i) tail += (i > front ? "." : "") + y[i];
  std::string head;
  for (std::size_t i = 0; i < front; ++i) head += y[i] + ".";
  return {head, tail};
}

class Drafter {
 public:
  Drafter(std::vector<Kind> original, std::vector<Kind> fused)
      : original_(std::move(original)), fused_(std::move(fused)) {}

  Scaffold run(const std::string& name) {
    same_keys();
    for (auto& kind : fused_) {
      if (!kind.used) explain(kind);
    }
    Scaffold out;
    out.rule_file = fmt::format(
        "tenon: 1\nname: {}\nabout: Proposed by tenon rules scaffold; read it through before you use it.\n",
        name);
    out.rule_file += transforms_.empty() ? "" : "transforms:\n" + transforms_;
    for (const auto& kind : fused_) {
      if (kind.used) {
        ++out.explained;
      } else {
        out.unexplained.push_back(kind.pattern);
      }
    }
    for (const auto& kind : original_) {
      if (!kind.used) out.left_over.push_back(kind.pattern);
    }
    return out;
  }

 private:
  void same_keys() {
    for (auto& kind : fused_) {
      for (auto& source : original_) {
        if (source.pattern == kind.pattern && source.shape == kind.shape) source.used = kind.used = true;
      }
    }
  }

  void explain(Kind& kind) {
    if (rename(kind) || transpose(kind) || join(kind, false) || join(kind, true)) return;
    split(kind);
  }

  // The unused kind that the test accepts and whose name is nearest.
  template <class Accepts>
  Kind* best(const Kind& kind, const Accepts& accepts) {
    Kind* found = nullptr;
    double score = 0;
    for (auto& source : original_) {
      if (source.used || source.uneven != kind.uneven || !accepts(source)) continue;
      const double s = key_likeness(source.pattern, kind.pattern);
      if (found == nullptr || s > score) found = &source;
      score = std::max(score, s);
    }
    return found;
  }

  bool rename(Kind& kind) {
    Kind* const source =
        best(kind, [&](const Kind& s) { return s.count == kind.count && s.shape == kind.shape; });
    if (source == nullptr) return false;
    add_renaming(*source, kind);
    return true;
  }

  bool transpose(Kind& kind) {
    if (kind.shape.size() < 2) return false;
    Shape turned = kind.shape;
    std::swap(turned[turned.size() - 1], turned[turned.size() - 2]);
    Kind* const source = best(kind, [&](const Kind& s) {
      return s.count == kind.count && s.shape == turned && turned != kind.shape;
    });
    if (source == nullptr) return false;
    add_converter({source}, {&kind}, "Transpose: {dim0: -2, dim1: -1}", false);
    return true;
  }

  // Kinds whose extents along one dimension add up to the fused one; with `stacked` each of them is a list
  // along a new first dimension.
  bool join(Kind& kind, bool stacked) {
    const std::size_t first = stacked ? 1 : 0;
    if (kind.shape.size() <= first) return false;
    const Shape part(kind.shape.begin() + static_cast<std::ptrdiff_t>(first), kind.shape.end());
    const auto is_list = [&](const Kind& s) {
      const auto experts = static_cast<std::size_t>(kind.shape.front());
      return !stacked ? s.count == kind.count
                      : s.last_numbers.size() == experts && s.count == kind.count * experts;
    };
    if (stacked) {
      if (Kind* const source = best(kind, [&](const Kind& s) { return is_list(s) && s.shape == part; })) {
        add_converter({source}, {&kind}, "MergeModulelist: {dim: 0}", true);
        return true;
      }
    }
    for (std::size_t dim = 0; dim < part.size(); ++dim) {
      std::vector<Kind*> fitting;
      for (auto& s : original_) {
        Shape shape = s.shape;
        if (s.used || s.uneven || !is_list(s) || shape.size() != part.size()) continue;
        shape[dim] = part[dim];
        if (shape == part && s.shape[dim] < part[dim]) fitting.push_back(&s);
      }
      if (const auto parts = adding_up(fitting, kind, dim, part[dim])) {
        const std::string join_along = fmt::format("Concatenate: {{dim: {}}}", dim + first);
        add_converter(*parts, {&kind}, stacked ? "MergeModulelist: {dim: 0}, " + join_along : join_along,
                      stacked);
        return true;
      }
    }
    return false;
  }

  // Of the kinds that fit, those nearest in name whose extents add up exactly, in the order of the
  // checkpoint.
  static std::optional<std::vector<Kind*>> adding_up(std::vector<Kind*> fitting, const Kind& kind,
                                                     std::size_t dim, std::int64_t total) {
    std::stable_sort(fitting.begin(), fitting.end(), [&](const Kind* a, const Kind* b) {
      return key_likeness(a->pattern, kind.pattern) > key_likeness(b->pattern, kind.pattern);
    });
    std::vector<Kind*> parts;
    std::int64_t sum = 0;
    for (Kind* const s : fitting) {
      if (sum + s->shape[dim] > total) continue;
      parts.push_back(s);
      sum += s->shape[dim];
      if (sum == total) break;
    }
    if (sum != total || parts.size() < 2) return std::nullopt;
    std::sort(parts.begin(), parts.end());
    return parts;
  }

  void split(Kind& kind) {
    Kind* const source = best(kind, [&](const Kind& s) {
      return s.count == kind.count && s.shape.size() == kind.shape.size() && !s.shape.empty() &&
             s.shape[0] > kind.shape[0] &&
             std::equal(s.shape.begin() + 1, s.shape.end(), kind.shape.begin() + 1);
    });
    if (source == nullptr) return;
    std::vector<Kind*> parts;
    std::vector<std::int64_t> sizes;
    std::int64_t sum = 0;
    for (auto& other : fused_) {
      const bool fits = !other.used && other.count == kind.count && other.shape.size() == kind.shape.size() &&
                        std::equal(other.shape.begin() + 1, other.shape.end(), kind.shape.begin() + 1);
      if (!fits || sum + other.shape[0] > source->shape[0]) continue;
      parts.push_back(&other);
      sizes.push_back(other.shape[0]);
      sum += other.shape[0];
      if (sum == source->shape[0]) break;
    }
    if (sum != source->shape[0]) return;
    add_converter({source}, parts, fmt::format("Chunk: {{dim: 0, sizes: [{}]}}", fmt::join(sizes, ", ")),
                  false);
  }

  void add_renaming(Kind& source, Kind& target) {
    source.used = target.used = true;
    const auto [head, tail] = differing({source.pattern}, target.pattern);
    // Where the heads agree, only the tails are in the rule; else the whole key.
    const bool same_head = source.pattern.starts_with(head) && tail.find('*') == std::string::npos &&
                           source.pattern.substr(head.size()).find('*') == std::string::npos;
    if (same_head) {
      const std::string from = source.pattern.substr(head.size());
      transforms_ += fmt::format("  - WeightRenaming: {{source_patterns: '{}{}', target_patterns: {}}}\n",
                                 head.empty() ? "^" : "\\.", as_source(from, false).substr(1),
                                 (head.empty() ? "" : ".") + tail);
      return;
    }
    transforms_ += rename_with_numbers(source.pattern, target.pattern);
  }

  // One number can be carried over by a group; more cannot, and need rules by hand.
  std::string rename_with_numbers(const std::string& from, const std::string& to) {
    const auto stars = [](const std::string& s) { return std::count(s.begin(), s.end(), '*'); };
    if (stars(from) != 1 || stars(to) != 1) {
      return fmt::format("  # By hand: {} becomes {}; more than one number differs in place.\n", from, to);
    }
    std::string source = as_source(from, false);
    source.replace(source.find("\\d+"), 3, "(\\d+)");
    std::string target = to;
    target.replace(target.find('*'), 1, "\\1");
    return fmt::format("  - WeightRenaming: {{source_patterns: '{}', target_patterns: '{}'}}\n", source,
                       target);
  }

  void add_converter(const std::vector<Kind*>& sources, const std::vector<Kind*>& targets,
                     const std::string& operations, bool lists) {
    std::string common = sources.front()->pattern;
    const auto shorten = [&](const std::string& other) {
      std::size_t n = 0;
      while (n < std::min(common.size(), other.size()) && common[n] == other[n]) ++n;
      common.resize(n);
    };
    for (const Kind* s : sources) shorten(s->pattern);
    for (const Kind* t : targets) shorten(t->pattern);
    // The rule begins behind the last number that all share, so that it tells its module from a neighbour's.
    const std::size_t number = common.rfind("*.");
    const std::size_t cut = number == std::string::npos ? 0 : number + 2;
    const auto side = [&](const Kind* kind, bool source) {
      const std::string tail = kind->pattern.substr(cut);
      if (!source) return fmt::format("'{}{}'", cut == 0 ? "" : ".", tail);
      return fmt::format("'{}{}'", cut == 0 ? "^" : "\\.", as_source(tail, lists).substr(1));
    };
    std::vector<std::string> from;
    std::vector<std::string> to;
    for (Kind* s : sources) from.push_back(side(s, true));
    for (Kind* t : targets) to.push_back(side(t, false));
    for (Kind* s : sources) s->used = true;
    for (Kind* t : targets) t->used = true;
    transforms_ += "  - WeightConverter:\n";
    if (sources.size() > 1)
      transforms_ +=
          "      # The order of the parts is a guess: compare with what the fused model expects.\n";
    transforms_ +=
        fmt::format("      source_patterns: [{}]\n      target_patterns: [{}]\n      operations: [{}]\n",
                    fmt::join(from, ", "), fmt::join(to, ", "), operations);
  }

  std::vector<Kind> original_;
  std::vector<Kind> fused_;
  std::string transforms_;
};

}  // namespace

Scaffold scaffold_rules(const std::vector<Tensor>& original, const std::vector<Tensor>& fused,
                        const std::string& name) {
  return Drafter(kinds_of(original), kinds_of(fused)).run(name);
}

}  // namespace tenon
