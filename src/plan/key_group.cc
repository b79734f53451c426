#include "plan/key_group.h"

#include <fmt/format.h>

namespace tenon {
namespace {

std::string shown_view(const View& view) {
  return fmt::format("{} {}", name_of(view.dtype), to_string(view.shape));
}

}  // namespace

void KeyGroupErrors::fail(ErrorId id, const KeyGroup& group, const std::string& message, std::string hint,
                          std::string_view pattern) const {
  const Transform& t = transform_of(group);
  const NamedView& input = first_input(group);
  diagnostics_.add_once(
      fmt::format("{} {} {}", t.id(), t.inverted, pattern),
      {Severity::kError,
       id,
       {"", 0, 0, {}, input.key, ""},
       fmt::format("{}: {} (this tensor: {})", describe(t), message, shown_view(input.view)),
       std::move(hint),
       {},
       {t.place.file, t.place.line, t.place.column, {}, "", ""}});
}

// Two tensors of the group that are unlike: of one list if there are such, else of two patterns.
std::optional<std::pair<std::uint32_t, std::uint32_t>> KeyGroupErrors::unlike(const KeyGroup& group,
                                                                              bool by_dtype) const {
  const auto differ = [&](std::uint32_t a, std::uint32_t b) {
    const View& x = inputs_[a].view;
    const View& y = inputs_[b].view;
    return by_dtype ? x.dtype != y.dtype : x.shape != y.shape;
  };
  for (const auto& [pattern, list] : group.members) {
    for (const std::uint32_t i : list) {
      if (differ(list.front(), i)) return std::pair(list.front(), i);
    }
  }
  const std::uint32_t first = group.members.begin()->second.front();
  for (const auto& [pattern, list] : group.members) {
    if (differ(first, list.front())) return std::pair(first, list.front());
  }
  return std::nullopt;
}

void KeyGroupErrors::fail(const KeyGroup& group, const Operation& operation, const OperationError& e) const {
  std::string message = fmt::format("{}: {}", to_string(operation), e.message);
  const bool dtypes = e.id == "rule-op-dtypes"_id;
  if (dtypes || e.id == "rule-op-shapes"_id) {
    if (const auto pair = unlike(group, dtypes)) {
      const NamedView& a = inputs_[pair->first];
      const NamedView& b = inputs_[pair->second];
      message += fmt::format(": {} is {}, {} is {}", a.key, shown_view(a.view), b.key, shown_view(b.view));
    }
  }
  fail(e.id, group, message, e.hint);
}

}  // namespace tenon
