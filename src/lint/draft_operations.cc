// A kind of tensors is explained by hypotheses, the simplest first: one source by one operation or two, a
// list stacked, several sources joined (their order is found from the left: a part that stands first has its
// bytes there). Each is made of the operations that the rule would have, applied to views, and holds only if
// every byte of every tensor of the kind is what it says.
#include "lint/draft_operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lint/draft_steps.h"
#include "lint/operation_text.h"
#include "rules/invert.h"
#include "rules/operations/bundles.h"
#include "rules/operations/layout_operation.h"
#include "rules/parse_rules.h"
#include "rules/resolve.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

// Pairs of operations are tried on so many sources, the likeliest by name.
constexpr std::size_t kTriedInPairs = 6;
constexpr std::size_t kMostTensorsOfList = 1 << 16;

void collect_heads(const Json& config, const std::string& path, int depth,
                   std::vector<std::pair<std::string, std::int64_t>>& out) {
  if (!config.is_object()) return;
  for (const auto& [name, value] : config.items()) {
    if (depth > 0 && value.is_object())
      collect_heads(value, fmt::format("{}.{}", path, name), depth - 1, out);
    const bool plain = std::all_of(name.begin(), name.end(),
                                   [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
    if (!plain || name.find("head") == std::string::npos || name.find("dim") != std::string::npos ||
        !value.is_number_integer() || value.get<std::int64_t>() < 1)
      continue;
    out.emplace_back(fmt::format("'${{{}.{}}}'", path, name), value.get<std::int64_t>());
  }
}

}  // namespace

DraftSearch::DraftSearch(const Checkpoint& from, const Checkpoint& to, const Json& config)
    : from_(from), to_(to), config_(config), equal_(from, to) {
  collect_heads(config, "config", 2, heads_);
}

View DraftSearch::view_of(std::uint32_t tensor) const {
  const Tensor& t = from_.tensors[tensor];
  return identity_view(tensor, t.dtype, t.shape);
}

// The operations as the rule would have them, read by the same code.
const Transform* DraftSearch::transform(const std::vector<std::string>& operations, std::size_t parts) {
  const std::string list = fmt::format("{}", fmt::join(operations, ", "));
  const auto [at, fresh] = transforms_.try_emplace(fmt::format("{} {}", parts, list));
  if (fresh) {
    std::vector<std::string> sources;
    for (std::size_t i = 0; i < parts; ++i) sources.push_back(fmt::format("a{}", i));
    const std::string text = fmt::format(
        "tenon: 1\nname: draft\nabout: x\ntransforms:\n  - WeightConverter:\n      source_patterns: [{}]\n"
        "      target_patterns: [b]\n      operations: [{}]\n",
        fmt::join(sources, ", "), list);
    Diagnostics diagnostics;
    RuleFile file = parse_rules(text, "draft", diagnostics);
    if (!diagnostics.has_errors() && file.transforms.size() == 1) {
      resolve(file.transforms.front(), config_, diagnostics);
      if (!diagnostics.has_errors()) at->second = std::move(file.transforms.front());
    }
  }
  return at->second ? &*at->second : nullptr;
}

// What the operations make of the parts; nothing where they do not fit.
std::optional<View> DraftSearch::apply(const std::vector<std::string>& operations,
                                       const std::vector<std::vector<View>>& parts) {
  if (operations.empty()) {
    return parts.size() == 1 && parts.front().size() == 1 ? std::optional(parts.front().front())
                                                          : std::nullopt;
  }
  const Transform* const rule = transform(operations, parts.size());
  if (rule == nullptr) return std::nullopt;
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < parts.size(); ++i) entries.push_back({false, i, {}, parts[i], {}});
  const Facts known;
  const std::vector<LayoutAssumption> none;
  Facts found;
  std::vector<std::string> notes;
  std::vector<CutOff> cuts;
  const std::string key = "draft";
  OperationContext context{*rule, key, true, known, none, found, notes, cuts, 0};
  try {
    for (const Operation& operation : rule->operations) {
      apply_operation(operation, context, entries);
      ++context.position;
    }
  } catch (const OperationError&) {
    return std::nullopt;
  }
  if (entries.size() != 1 || entries.front().views.size() != 1) return std::nullopt;
  return entries.front().views.front();
}

std::optional<DraftSearch::Candidate> DraftSearch::candidate(const KeyKind& wanted, KeyKind& kind,
                                                             int star) const {
  std::map<std::vector<std::string>, std::map<std::int64_t, std::uint32_t>> by_numbers;
  for (std::size_t i = 0; i < kind.tensors.size(); ++i) {
    std::vector<std::string> numbers = kind.numbers[i];
    std::int64_t number = 0;
    if (star >= 0) {
      const std::string text = numbers[static_cast<std::size_t>(star)];
      if (text.size() > 6) return std::nullopt;
      number = std::stoll(text);
      numbers.erase(numbers.begin() + star);
    }
    by_numbers[numbers].emplace(number, kind.tensors[i]);
  }
  Candidate out{{&kind, star}, {}, {}};
  for (const auto& numbers : wanted.numbers) {
    const auto found = by_numbers.find(numbers);
    if (found == by_numbers.end()) return std::nullopt;
    auto& tensors = out.tensors.emplace_back();
    for (const auto& [number, tensor] : found->second) {
      if (number != static_cast<std::int64_t>(tensors.size())) return std::nullopt;
      tensors.push_back(tensor);
    }
  }
  if (by_numbers.size() != wanted.numbers.size()) return std::nullopt;  // some would be left over
  if (out.tensors.front().size() > kMostTensorsOfList) return std::nullopt;
  for (const std::uint32_t tensor : out.tensors.front()) out.views.push_back(view_of(tensor));
  return out;
}

// By the likeness of their names, and of one dtype with what is wanted.
std::vector<DraftSearch::Candidate> DraftSearch::candidates(const KeyKind& wanted,
                                                            std::vector<KeyKind>& kinds) const {
  std::vector<Candidate> out;
  const Tensor& first = to_.tensors[wanted.tensors.front()];
  for (KeyKind& kind : kinds) {
    if (kind.used || from_.tensors[kind.tensors.front()].dtype != first.dtype) continue;
    if (kind.stars() == wanted.stars()) {
      if (auto found = candidate(wanted, kind, -1)) out.push_back(std::move(*found));
    } else if (kind.stars() == wanted.stars() + 1) {
      for (int star = static_cast<int>(kind.stars()); star-- > 0;) {
        if (auto found = candidate(wanted, kind, star)) out.push_back(std::move(*found));
      }
    }
  }
  std::stable_sort(out.begin(), out.end(), [&](const Candidate& a, const Candidate& b) {
    return key_likeness(a.part.kind->pattern, wanted.pattern) >
           key_likeness(b.part.kind->pattern, wanted.pattern);
  });
  return out;
}

bool DraftSearch::holds(const Attempt& attempt, const KeyKind& wanted) {
  for (std::size_t i = 0; i < wanted.tensors.size(); ++i) {
    std::vector<std::vector<View>> parts;
    for (const Candidate* const part : attempt.parts) {
      parts.emplace_back();
      for (const std::uint32_t tensor : part->tensors[i]) parts.back().push_back(view_of(tensor));
    }
    const auto view = apply(attempt.operations, parts);
    if (!view || !equal_(*view, to_.tensors[wanted.tensors[i]])) return false;
  }
  return true;
}

// One source, or one list.
std::optional<DraftSearch::Attempt> DraftSearch::alone(const KeyKind& wanted,
                                                       const std::vector<Candidate>& all) {
  const Shape& shape = to_.tensors[wanted.tensors.front()].shape;
  const auto works = [&](const Candidate& c, const std::vector<std::string>& operations) {
    const auto view = apply(operations, {c.views});
    return view && equal_(*view, to_.tensors[wanted.tensors.front()]) && holds({{&c}, operations}, wanted);
  };
  const auto starts = [&](const Candidate& c) {
    std::vector<std::vector<std::string>> out;
    if (c.part.list_star < 0) return std::vector<std::vector<std::string>>{{}};
    for (std::size_t dim = 0; dim <= c.views.front().shape.size(); ++dim)
      out.push_back({fmt::format("MergeModulelist: {{dim: {}}}", dim)});
    return out;
  };
  for (const Candidate& c : all) {
    for (const auto& start : starts(c)) {
      if (works(c, start)) return Attempt{{&c}, start};
    }
  }
  std::size_t tried = 0;
  for (const Candidate& c : all) {
    for (const auto& start : starts(c)) {
      const auto made = apply(start, {c.views});
      if (!made || elements_in(made->shape) < 0) continue;
      const bool in_pairs = tried < kTriedInPairs && elements_in(made->shape) == elements_in(shape);
      for (const std::string& step : draft_steps(made->shape, shape, heads_)) {
        std::vector<std::string> one = start;
        one.push_back(step);
        if (works(c, one)) return Attempt{{&c}, one};
      }
      if (!in_pairs) continue;
      for (const std::string& step : draft_steps(made->shape, shape, heads_)) {
        std::vector<std::string> two = start;
        two.push_back(step);
        const auto between = apply(two, {c.views});
        if (!between) continue;
        for (const std::string& next : draft_steps(between->shape, shape, heads_)) {
          two.push_back(next);
          if (works(c, two)) return Attempt{{&c}, two};
          two.pop_back();
        }
      }
    }
    ++tried;
  }
  return std::nullopt;
}

// Takes the part that stands at extent `at` of dimension `dim`, and those behind it; with zeros in place of
// the others.
bool DraftSearch::go_on(const KeyKind& wanted, const std::vector<const Candidate*>& all,
                        const std::vector<View>& views, const std::string& join, std::size_t dim,
                        std::int64_t at, const Shape& shape, const std::vector<std::string>& behind,
                        std::vector<std::size_t>& order) {
  if (at == shape[dim]) return order.size() > 1;
  for (std::size_t i = 0; i < views.size(); ++i) {
    const View& view = views[i];
    const bool taken = std::any_of(order.begin(), order.end(), [&](std::size_t other) {
      return all[other]->part.kind == all[i]->part.kind;
    });
    if (taken || view.shape.size() != shape.size() || at + view.shape[dim] > shape[dim]) continue;
    Shape like = view.shape;
    like[dim] = shape[dim];
    if (like != shape || view.shape[dim] == shape[dim] || view.shape[dim] == 0) continue;
    std::vector<std::vector<View>> parts;
    const auto filler = [&](std::int64_t extent) {
      if (extent == 0) return;
      Shape zeros = shape;
      zeros[dim] = extent;
      parts.push_back({zero_view(view.dtype, zeros)});
    };
    filler(at);
    parts.push_back({view});
    filler(shape[dim] - at - view.shape[dim]);
    std::vector<std::string> operations{join};
    operations.insert(operations.end(), behind.begin(), behind.end());
    const auto made = apply(operations, parts);
    if (!made || !equal_(*made, to_.tensors[wanted.tensors.front()], true)) continue;
    order.push_back(i);
    if (go_on(wanted, all, views, join, dim, at + view.shape[dim], shape, behind, order)) return true;
    order.pop_back();
  }
  return false;
}

// `shape`: of what is joined, before the operations `behind`.
std::optional<DraftSearch::Attempt> DraftSearch::joined_by(const KeyKind& wanted,
                                                           const std::vector<const Candidate*>& all,
                                                           const std::vector<std::string>& before,
                                                           const std::vector<std::string>& behind,
                                                           const Shape& shape) {
  std::vector<View> views;
  for (const Candidate* const c : all) {
    const auto view = apply(before, {c->views});
    views.push_back(view ? *view : View{});
  }
  for (std::size_t dim = 0; dim < shape.size(); ++dim) {
    std::vector<std::string> joins{fmt::format("Concatenate: {{dim: {}}}", dim)};
    for (const auto& [text, heads] : heads_)
      joins.push_back(fmt::format("Concatenate: {{dim: {}, groups: {}}}", dim, text));
    for (const std::string& join : joins) {
      std::vector<std::size_t> order;
      if (!go_on(wanted, all, views, join, dim, 0, shape, behind, order)) continue;
      Attempt attempt;
      for (const std::size_t i : order) attempt.parts.push_back(all[i]);
      attempt.operations = before;
      attempt.operations.push_back(join);
      attempt.operations.insert(attempt.operations.end(), behind.begin(), behind.end());
      if (holds(attempt, wanted)) return attempt;
    }
  }
  return std::nullopt;
}

std::optional<DraftSearch::Attempt> DraftSearch::joined(const KeyKind& wanted,
                                                        const std::vector<Candidate>& all) {
  const Shape& shape = to_.tensors[wanted.tensors.front()].shape;
  for (const bool list : {false, true}) {
    std::vector<const Candidate*> alike;
    for (const Candidate& c : all) {
      if ((c.part.list_star >= 0) == list) alike.push_back(&c);
    }
    if (alike.size() < 2) continue;
    const std::vector<std::string> merge =
        list ? std::vector<std::string>{"MergeModulelist: {dim: 0}"} : std::vector<std::string>{};
    std::vector<std::vector<std::string>> befores{merge};
    const std::size_t rank = alike.front()->views.front().shape.size();
    if (rank >= 2) {
      befores.push_back({fmt::format("Transpose: {{dim0: {}, dim1: {}}}", rank - 2, rank - 1)});
      befores.back().insert(befores.back().end(), merge.begin(), merge.end());
    }
    // What is joined may be woven, and then turned.
    std::vector<std::pair<std::vector<std::string>, Shape>> endings{{{}, shape}};
    for (const auto& [text, order] : draft_swaps(shape.size()))
      endings.push_back({{text}, permuted_shape(shape, order)});
    for (std::size_t i = 0, count = endings.size(); i < count; ++i) {
      for (std::size_t dim = 0; dim < shape.size(); ++dim) {
        for (const char* const inverse : {"", ", inverse: true"}) {
          auto woven = endings[i];
          woven.first.insert(woven.first.begin(), fmt::format("Interleave: {{dim: {}{}}}", dim, inverse));
          endings.push_back(std::move(woven));
        }
      }
    }
    for (const auto& before : befores) {
      for (const auto& [behind, joined_shape] : endings) {
        if (auto found = joined_by(wanted, alike, before, behind, joined_shape)) return found;
      }
    }
  }
  return std::nullopt;
}

// The sizes of the parts, so that a checkpoint without a manifest comes apart again: where they are the same
// in every tensor of the kind.
std::string DraftSearch::with_sizes(const Attempt& attempt, std::size_t join, const KeyKind& wanted) {
  const std::string& text = attempt.operations[join];
  const std::size_t colon = text.find("dim: ") + 5;
  const auto dim = static_cast<std::size_t>(std::stoll(text.substr(colon)));
  const std::vector<std::string> before(attempt.operations.begin(),
                                        attempt.operations.begin() + static_cast<std::ptrdiff_t>(join));
  std::optional<std::vector<std::int64_t>> sizes;
  for (std::size_t i = 0; i < wanted.tensors.size(); ++i) {
    std::vector<std::int64_t> own;
    for (const Candidate* const part : attempt.parts) {
      std::vector<View> views;
      for (const std::uint32_t tensor : part->tensors[i]) views.push_back(view_of(tensor));
      const auto view = apply(before, {views});
      if (!view) return text;
      own.push_back(view->shape[dim]);
    }
    if (sizes && *sizes != own) return text;
    sizes = std::move(own);
  }
  const bool equal = std::all_of(sizes->begin(), sizes->end(), [&](auto s) { return s == sizes->front(); });
  std::string out = text;
  out.insert(out.size() - 1,
             equal ? std::string(", sizes: equal") : fmt::format(", sizes: [{}]", fmt::join(*sizes, ", ")));
  return out;
}

DraftJoin DraftSearch::finished(const Attempt& attempt, const KeyKind& wanted) {
  DraftJoin out;
  for (const Candidate* const part : attempt.parts) out.parts.push_back(part->part);
  out.operations = attempt.operations;
  for (std::size_t i = 0; i < out.operations.size(); ++i) {
    if (out.operations[i].starts_with("Concatenate")) out.operations[i] = with_sizes(attempt, i, wanted);
  }
  const Transform* const rule = transform(out.operations, attempt.parts.size());
  if (rule == nullptr) return out;
  for (const Operation& operation : invert(*rule).operations)
    out.inverse.push_back(operation_text(to_json(operation)));
  return out;
}

std::optional<DraftJoin> DraftSearch::find(const KeyKind& wanted, std::vector<KeyKind>& kinds) {
  const std::vector<Candidate> all = candidates(wanted, kinds);
  std::optional<Attempt> found = alone(wanted, all);
  if (!found) found = joined(wanted, all);
  if (!found) return std::nullopt;
  return finished(*found, wanted);
}

}  // namespace tenon
