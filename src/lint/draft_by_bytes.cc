// First whole tensors are found by their hashes: what only has another name. Then each kind of the fused side
// is looked for as something made of the original's, and each kind of the original that is left as something
// made of the fused side's, whose rule is the inverse. What neither finds is told, with what names and shapes
// alone suggest.
#include "lint/draft_by_bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "base/text.h"
#include "engine/hash_tensors.h"
#include "lint/draft_operations.h"
#include "lint/draft_patterns.h"
#include "lint/scaffold.h"
#include "lint/tensor_equality.h"

namespace tenon {
namespace {

// A rule of the draft before it has its patterns.
struct DraftRule {
  std::vector<KeySide> sources;
  std::vector<KeySide> targets;
  std::vector<std::string> operations;  // none: a renaming
  std::size_t tensors = 0;              // that it makes, or cuts
};

// The text before the first number, or all of it.
std::string head_of(const std::string& pattern) {
  return pattern.substr(0, pattern.find('*'));
}

class BytesDrafter {
 public:
  BytesDrafter(const Checkpoint& original, const Checkpoint& fused, Observer& observer)
      : original_(original),
        fused_(fused),
        observer_(observer),
        from_(key_kinds(original.tensors)),
        to_(key_kinds(fused.tensors)) {}

  BytesDraft run(const std::string& name) {
    match_whole();
    match_made();
    match_cut();
    BytesDraft out;
    out.kinds = to_.size();
    for (const KeyKind& kind : to_) {
      if (kind.used) {
        ++out.explained;
      } else if (same_name(kind)) {
        out.differing.push_back(kind.pattern);
      } else {
        out.unexplained.push_back(kind.pattern);
      }
    }
    for (const KeyKind& kind : from_) {
      if (!kind.used) out.left_over.push_back(kind.pattern);
    }
    out.rule_file = text(name);
    return out;
  }

 private:
  static KeySide side_of(const KeyKind& kind) { return KeySide{kind.pattern, -1}; }

  std::vector<TensorHash> hashes_of(const Checkpoint& checkpoint) {
    EngineOptions options;
    options.hash = HashKind::kXxh3;
    options.stage = "hashing";
    return hash_tensors(checkpoint, options, observer_);
  }

  // Kinds whose tensors have the same numbers, headers and hashes, the likeliest by name first.
  void match_whole() {
    const auto ours = hashes_of(original_);
    const auto theirs = hashes_of(fused_);
    std::multimap<std::tuple<std::string, DType, Shape>, std::size_t> by_first;
    for (std::size_t i = 0; i < from_.size(); ++i) {
      const std::uint32_t t = from_[i].tensors.front();
      by_first.emplace(std::tuple(ours[t].xxh3, original_.tensors[t].dtype, original_.tensors[t].shape), i);
    }
    std::vector<std::tuple<double, std::size_t, std::size_t>> pairs;
    for (std::size_t j = 0; j < to_.size(); ++j) {
      const std::uint32_t t = to_[j].tensors.front();
      const auto [begin, end] =
          by_first.equal_range(std::tuple(theirs[t].xxh3, fused_.tensors[t].dtype, fused_.tensors[t].shape));
      for (auto at = begin; at != end; ++at) {
        const KeyKind& source = from_[at->second];
        if (same_tensors(source, to_[j], ours, theirs))
          pairs.emplace_back(-key_likeness(source.pattern, to_[j].pattern), at->second, j);
      }
    }
    std::stable_sort(pairs.begin(), pairs.end());
    for (const auto& [likeness, i, j] : pairs) {
      if (from_[i].used || to_[j].used) continue;
      from_[i].used = to_[j].used = true;
      if (from_[i].pattern == to_[j].pattern) {
        ++kept_;
        kept_tensors_ += to_[j].tensors.size();
      } else {
        rules_.push_back(DraftRule{{side_of(from_[i])}, {side_of(to_[j])}, {}, to_[j].tensors.size()});
      }
    }
  }

  bool same_tensors(const KeyKind& a, const KeyKind& b, const std::vector<TensorHash>& ours,
                    const std::vector<TensorHash>& theirs) const {
    if (a.numbers != b.numbers) return false;
    for (std::size_t i = 0; i < a.tensors.size(); ++i) {
      const Tensor& one = original_.tensors[a.tensors[i]];
      const Tensor& other = fused_.tensors[b.tensors[i]];
      if (one.dtype != other.dtype || one.shape != other.shape ||
          ours[a.tensors[i]].xxh3 != theirs[b.tensors[i]].xxh3)
        return false;
    }
    return true;
  }

  void match_made() {
    DraftSearch search(original_, fused_, original_.config);
    for (KeyKind& kind : to_) {
      observer_.throw_if_stopped();
      if (kind.used) continue;
      const auto found = search.find(kind, from_);
      if (!found) continue;
      DraftRule rule{{}, {side_of(kind)}, found->operations, kind.tensors.size()};
      for (const DraftPart& part : found->parts) {
        part.kind->used = true;
        rule.sources.push_back({part.kind->pattern, part.list_star});
      }
      kind.used = true;
      rules_.push_back(std::move(rule));
    }
  }

  // A source that the fused side's tensors make is one that is cut into them.
  void match_cut() {
    DraftSearch search(fused_, original_, original_.config);
    for (KeyKind& kind : from_) {
      observer_.throw_if_stopped();
      if (kind.used) continue;
      const auto found = search.find(kind, to_);
      if (!found || found->inverse.empty()) continue;
      DraftRule rule{{side_of(kind)}, {}, found->inverse, kind.tensors.size()};
      for (const DraftPart& part : found->parts) {
        part.kind->used = true;
        rule.targets.push_back({part.kind->pattern, part.list_star});
      }
      kind.used = true;
      rules_.push_back(std::move(rule));
    }
  }

  bool same_name(const KeyKind& wanted) const {
    return std::any_of(from_.begin(), from_.end(),
                       [&](const KeyKind& kind) { return !kind.used && kind.pattern == wanted.pattern; });
  }

  // "blocks." -> "model.layers.", where every kind below the one goes below the other, and nothing else is
  // there.
  std::map<std::string, std::string> common_heads() const {
    std::map<std::string, std::optional<std::string>> found;
    for (const DraftRule& rule : rules_) {
      for (const KeySide& source : rule.sources) {
        for (const KeySide& target : rule.targets) {
          if (source.pattern.find('*') == std::string::npos || source.list_star == 0 || target.list_star == 0)
            continue;
          const auto [at, fresh] = found.try_emplace(head_of(source.pattern), head_of(target.pattern));
          if (!fresh && at->second != head_of(target.pattern)) at->second.reset();
        }
      }
    }
    std::map<std::string, std::string> out;
    for (const auto& [head, other] : found) {
      if (!other || head == *other || head.empty()) continue;
      std::size_t all = 0;
      for (const KeyKind& kind : from_) all += kind.pattern.starts_with(head) ? 1 : 0;
      std::size_t moved = 0;
      for (const DraftRule& rule : rules_) {
        for (const KeySide& source : rule.sources) moved += head_of(source.pattern) == head ? 1 : 0;
      }
      const bool is_there = std::any_of(from_.begin(), from_.end(), [&, &becomes = *other](const auto& kind) {
        return kind.pattern.starts_with(becomes);
      });
      if (all == moved && all > 1 && !is_there) out.emplace(head, *other);
    }
    return out;
  }

  std::string text(const std::string& name) {
    std::string out = fmt::format(
        "tenon: 1\nname: {}\nabout: Drafted by tenon rules scaffold out of the bytes of two checkpoints.\n",
        name);
    if (kept_ > 0)
      out += fmt::format("# {} of keys stay as they are, name and bytes: {}.\n",
                         kept_ == 1 ? "1 kind" : fmt::format("{} kinds", kept_),
                         counted(kept_tensors_, "tensor"));
    std::string list = heads_text();
    for (const DraftRule& rule : in_order()) list += rule_text(rule);
    if (!list.empty()) out += (list.find("\n  - ") == std::string::npos ? "" : "transforms:\n") + list;
    return out + remainder();
  }

  // Renames heads, and the rules' own patterns with them: their other rules meet the new ones.
  std::string heads_text() {
    std::string out;
    for (const auto& [head, other] : common_heads()) {
      std::size_t kinds = 0;
      for (DraftRule& rule : rules_) {
        for (KeySide& source : rule.sources) {
          if (head_of(source.pattern) != head) continue;
          source.pattern = other + source.pattern.substr(head.size());
          ++kinds;
        }
      }
      for (KeyKind& kind : from_) {
        if (kind.pattern.starts_with(head)) kind.pattern = other + kind.pattern.substr(head.size());
      }
      std::string from = head;
      for (std::size_t at = from.find('.'); at != std::string::npos; at = from.find('.', at + 2))
        from.replace(at, 1, "\\.");
      out += fmt::format(
          "  # {} of keys.\n  - WeightRenaming: {{source_patterns: '^{}', target_patterns: {}}}\n",
          kinds == 1 ? "1 kind" : fmt::format("{} kinds", kinds), from, other);
    }
    return out;
  }

  // A renaming whose new name is another's old one comes behind that one.
  std::vector<DraftRule> in_order() const {
    std::vector<DraftRule> left;
    std::vector<DraftRule> out;
    for (const DraftRule& rule : rules_) {
      const bool done =
          rule.operations.empty() && rule.sources.front().pattern == rule.targets.front().pattern;
      if (!done) (rule.operations.empty() ? left : out).push_back(rule);
    }
    std::vector<DraftRule> renamings;
    while (!left.empty()) {
      auto next = std::find_if(left.begin(), left.end(), [&](const DraftRule& rule) {
        return std::none_of(left.begin(), left.end(), [&](const DraftRule& other) {
          return &other != &rule && other.sources.front().pattern == rule.targets.front().pattern;
        });
      });
      if (next == left.end()) {
        // Names that go round: one of them steps aside first.
        next = left.begin();
        const std::string aside = next->sources.front().pattern + "_aside";
        left.push_back(DraftRule{{KeySide{aside, -1}}, next->targets, {}, next->tensors});
        next = left.begin();
        next->targets = {KeySide{aside, -1}};
      }
      renamings.push_back(*next);
      left.erase(next);
    }
    renamings.insert(renamings.end(), out.begin(), out.end());
    return renamings;
  }

  std::string rule_text(const DraftRule& rule) const {
    std::vector<std::string> others;
    for (const KeyKind& kind : from_) others.push_back(kind.pattern);
    const auto patterns = rule_patterns(rule.sources, rule.targets, others);
    const std::string seen =
        fmt::format("  # Seen to hold, every byte: {}.\n", counted(rule.tensors, "tensor"));
    if (!patterns) {
      return fmt::format(
          "  # By hand, since numbers in several places move: {} {} {}{}\n", names_of(rule.sources),
          rule.operations.empty() ? "becomes" : "become", names_of(rule.targets),
          rule.operations.empty() ? "" : fmt::format(" by {}", fmt::join(rule.operations, ", ")));
    }
    if (rule.operations.empty()) {
      return seen + fmt::format("  - WeightRenaming: {{source_patterns: '{}', target_patterns: '{}'}}\n",
                                patterns->sources.front(), patterns->targets.front());
    }
    return seen + fmt::format(
                      "  - WeightConverter:\n      source_patterns: ['{}']\n      target_patterns: ['{}']\n"
                      "      operations: [{}]\n",
                      fmt::join(patterns->sources, "', '"), fmt::join(patterns->targets, "', '"),
                      fmt::join(rule.operations, ", "));
  }

  static std::string names_of(const std::vector<KeySide>& sides) {
    std::vector<std::string> out;
    for (const KeySide& side : sides) out.push_back(side.pattern);
    return fmt::format("{}", fmt::join(out, ", "));
  }

  // What was not seen, and what names and shapes would suggest: as comments.
  std::string remainder() const {
    const auto rest = [](const std::vector<KeyKind>& kinds, const Checkpoint& checkpoint) {
      std::vector<Tensor> out;
      for (const KeyKind& kind : kinds) {
        for (const std::uint32_t t : kind.tensors) {
          if (!kind.used) out.push_back(checkpoint.tensors[t]);
        }
      }
      return out;
    };
    std::string out;
    for (const KeyKind& kind : to_) {
      if (kind.used) continue;
      out += same_name(kind) ? fmt::format(
                                   "# {}: the bytes differ, and no operation was seen that makes the one "
                                   "of the other ({}).\n",
                                   kind.pattern, counted(kind.tensors.size(), "tensor"))
                             : fmt::format("# {}: nothing was seen that has these bytes ({}).\n",
                                           kind.pattern, counted(kind.tensors.size(), "tensor"));
    }
    if (out.empty()) return out;
    const std::string guess = scaffold_rules(rest(from_, original_), rest(to_, fused_), "x").rule_file;
    const std::size_t at = guess.find("transforms:\n");
    if (at == std::string::npos) return out;
    out += "# By shape and name alone, with other bytes than FUSED has:\n";
    for (const std::string& line : lines_of_text(guess.substr(at + 12))) out += "#" + line + "\n";
    return out;
  }

  static std::vector<std::string> lines_of_text(const std::string& text) {
    std::vector<std::string> out;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      out.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return out;
  }

  const Checkpoint& original_;
  const Checkpoint& fused_;
  Observer& observer_;
  std::vector<KeyKind> from_;
  std::vector<KeyKind> to_;
  std::vector<DraftRule> rules_;
  std::size_t kept_ = 0;
  std::size_t kept_tensors_ = 0;
};

}  // namespace

BytesDraft draft_by_bytes(const Checkpoint& original, const Checkpoint& fused, const std::string& name,
                          Observer& observer) {
  return BytesDrafter(original, fused, observer).run(name);
}

DraftDifferences differences_of(const Plan& plan, const Checkpoint& source, const Checkpoint& wanted,
                                std::size_t limit, const Observer& observer) {
  DraftDifferences out;
  const auto add = [&](const std::string& key, std::string_view what) {
    if (++out.count <= limit) out.shown.push_back(fmt::format("{}: {}", key, what));
  };
  std::map<std::string_view, const PlannedTensor*> made;
  for (const PlannedTensor& output : plan.outputs) made.emplace(output.key, &output);
  std::vector<std::pair<const PlannedTensor*, const Tensor*>> alike;
  for (const Tensor& tensor : wanted.tensors) {
    const auto found = made.find(tensor.key);
    if (found == made.end()) {
      add(tensor.key, "is not made");
      continue;
    }
    const View& view = found->second->view;
    if (view.dtype == tensor.dtype && view.shape == tensor.shape) {
      alike.emplace_back(found->second, &tensor);
    } else {
      add(tensor.key, fmt::format("is made as {} {}, and is {} {}", name_of(view.dtype),
                                  to_string(view.shape), name_of(tensor.dtype), to_string(tensor.shape)));
    }
    made.erase(found);
  }
  for (const PlannedTensor& output : plan.outputs) {
    if (made.contains(output.key)) add(output.key, "is made, and is not there");
  }
  TensorEquality equal(source, wanted);
  for (const auto& [output, tensor] : alike) {
    observer.throw_if_stopped();
    if (!equal(output->view, *tensor)) add(tensor->key, "other bytes");
  }
  return out;
}

}  // namespace tenon
