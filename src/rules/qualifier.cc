#include "rules/qualifier.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/language/expression.h"

namespace tenon {

std::optional<std::string> Qualifier::obstacle(const std::string& module) {
  bool holds_any = false;
  std::string reason;
  for (const auto& wanted : fusable_.tensors) {
    const auto found = tensors_.find(below(module, wanted.name));
    if (found == tensors_.end()) {
      if (!wanted.optional && reason.empty()) reason = fmt::format("it has no {}", wanted.name);
      continue;
    }
    holds_any = true;
    if (reason.empty()) reason = misfit(wanted, *found->second);
  }
  if (!holds_any) return std::nullopt;
  for (const auto& name : fusable_.absent) {
    if (reason.empty() && tensors_.contains(below(module, name))) reason = fmt::format("it has {}", name);
  }
  if (reason.empty()) reason = incomplete_group(module);
  return reason.empty() ? unlike_group(module) : reason;
}

std::string Qualifier::below(const std::string& module, const std::string& name) {
  return module.empty() ? name : module + "." + name;
}

std::string Qualifier::misfit(const FusableTensor& wanted, const Shape& shape) {
  const bool rank_known = wanted.rank || !wanted.shape.empty();
  const std::size_t rank = wanted.rank ? static_cast<std::size_t>(*wanted.rank) : wanted.shape.size();
  if (rank_known && shape.size() != rank) {
    return fmt::format("{} has {} dimensions, not {}", wanted.name, shape.size(), rank);
  }
  const auto i = first_misfit(wanted.shape, shape);
  if (!i || (!wanted.or_shape.empty() && !first_misfit(wanted.or_shape, shape))) return "";
  return fmt::format("{} is {}, dimension {} should be {} ({})", wanted.name, to_string(shape), *i,
                     value_of(*wanted.shape[*i]), wanted.shape[*i]->text);
}

// The first dimension that has not the extent that is wanted.
std::optional<std::size_t> Qualifier::first_misfit(const std::vector<std::optional<Number>>& wanted,
                                                   const Shape& shape) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (i >= shape.size() || (wanted[i] && shape[i] != value_of(*wanted[i]))) return i;
  }
  return std::nullopt;
}

std::int64_t Qualifier::value_of(const Number& n) {
  if (n.value) return *n.value;
  const auto [at, fresh] = values_.try_emplace(n.text, 0);
  if (fresh) at->second = evaluate_integer(n.text, config_, n.place);
  return at->second;
}

std::string Qualifier::incomplete_group(const std::string& module) const {
  for (const auto& group : fusable_.together) {
    const auto held = std::count_if(group.begin(), group.end(),
                                    [&](const auto& n) { return tensors_.contains(below(module, n)); });
    if (held != 0 && held != static_cast<std::ptrdiff_t>(group.size())) {
      return fmt::format("it has some but not all of {}", fmt::join(group, ", "));
    }
  }
  return "";
}

std::string Qualifier::unlike_group(const std::string& module) const {
  for (const auto& group : fusable_.alike) {
    const Shape* first = nullptr;
    for (const auto& name : group) {
      const auto found = tensors_.find(below(module, name));
      if (found == tensors_.end()) continue;
      if (first != nullptr && *first != *found->second)
        return fmt::format("{} are of several shapes", fmt::join(group, ", "));
      first = found->second;
    }
  }
  return "";
}

}  // namespace tenon
