// Concatenate joins tensors along a dimension, Chunk cuts one into parts.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "rules/operations/bundles.h"
#include "rules/operations/part_extents.h"
#include "rules/operations/registry.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

// What the two have in common, which is all that they have.
struct Parts {
  int dim = 0;
  std::string num_shards_attribute;
  PartSizes sizes;
  OptionalNumber groups;
  // the config's number of that name
  std::optional<std::int64_t> shard_count;

  std::string text() const {
    return groups ? fmt::format("dim={}, groups={}", dim,
                                groups->value ? std::to_string(*groups->value) : groups->text)
                  : fmt::format("dim={}", dim);
  }

  std::int64_t group_count() const { return groups ? groups->value.value_or(1) : 1; }

  std::optional<std::size_t> listed() const {
    return sizes.kind == PartSizes::Kind::kListed ? std::optional(sizes.listed.size()) : std::nullopt;
  }

  void resolve(const Place& place, const NumberResolver& resolver) {
    if (num_shards_attribute.empty()) return;
    const auto* const value = text_value(resolver.config, num_shards_attribute);
    if (value != nullptr && value->is_number_integer() && value->get<std::int64_t>() >= 1) {
      shard_count = value->get<std::int64_t>();
      return;
    }
    resolver.diagnostics.error(
        "config-value-missing"_id, place,
        fmt::format("num_shards_attribute: config.json has no positive integer '{}'", num_shards_attribute));
  }

  // A value of the text model: config.text_config or config.thinker_config has it, or the config itself.
  static const nlohmann::ordered_json* text_value(const nlohmann::ordered_json& config,
                                                  const std::string& name) {
    for (const char* const sub : {"text_config", "thinker_config"}) {
      const auto found = config.find(sub);
      if (found != config.end() && found->is_object() && found->contains(name)) return &(*found)[name];
    }
    const auto found = config.find(name);
    return found == config.end() ? nullptr : &*found;
  }

  // The parts' extents in one group.
  std::vector<std::int64_t> in_a_group(std::vector<std::int64_t> extents) const {
    for (auto& extent : extents) {
      if (extent % group_count() != 0) {
        throw OperationError{
            "rule-op-uneven"_id,
            fmt::format("a part of {} along dimension {} does not divide into {} groups", extent, dim,
                        group_count()),
            "`groups` is the number of key-value heads, or of heads, that the parts are dealt "
            "out by: each part has as many rows for each."};
      }
      extent /= group_count();
    }
    return extents;
  }

  template <class O>
  static std::vector<OperationParameter> parameters() {
    return {parameter<O>("dim", &O::dim, "Counts from 0; negative from the end."),
            parameter<O>("sizes", &O::sizes, "Extents of the parts along `dim`, or `equal`."),
            parameter<O>(
                "groups", &O::groups,
                "The parts are dealt out group by group: the first of so many equal pieces of every part, "
                "then the second of every part, and so on."),
            parameter<O>("num_shards_attribute", &O::num_shards_attribute,
                         "Key of the (text) config that says how many parts there are.")};
  }
};

// `dim` seen as (groups, extent / groups).
View by_group(const View& view, std::size_t dim, std::int64_t groups) {
  Shape shape = view.shape;
  shape[dim] /= groups;
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(dim), groups);
  return reshape(view, shape);
}

View all_groups(const View& view, std::size_t dim) {
  Shape shape = view.shape;
  shape[dim] *= shape[dim + 1];
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(dim) + 1);
  return reshape(view, shape);
}

PartSizes listed_sizes(const std::vector<std::int64_t>& extents) {
  PartSizes out{PartSizes::Kind::kListed, {}};
  for (const std::int64_t extent : extents) out.listed.push_back({std::to_string(extent), {}, extent});
  return out;
}

class Concatenate final : public Parts, public OperationOf<Concatenate> {
 public:
  static OperationRow describe();
  std::string text() const override { return Parts::text(); }
  std::shared_ptr<const LayoutOperation> inverse() const override;
  void resolve(const Place& place, const NumberResolver& r) override { Parts::resolve(place, r); }
  std::optional<int> parts_dim() const override { return dim; }
  std::shared_ptr<const LayoutOperation> with_parts(const std::vector<std::int64_t>& extents) const override {
    auto out = std::make_shared<Concatenate>(*this);
    out->sizes = listed_sizes(extents);
    return out;
  }
  std::optional<std::size_t> listed_parts() const override { return listed(); }
  bool knows_parts(bool of_list, bool from_registry) const override {
    return !num_shards_attribute.empty() || sizes.kind == PartSizes::Kind::kListed ||
           (!of_list && (sizes.kind == PartSizes::Kind::kEqual || from_registry));
  }

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    std::vector<View> parts;
    for (auto& entry : entries) std::move(entry.views.begin(), entry.views.end(), std::back_inserter(parts));
    const std::size_t at = dimension(dim, parts.front().shape.size());
    check_joinable(parts, at);
    if (shard_count && *shard_count != static_cast<std::int64_t>(parts.size())) {
      throw OperationError{"rule-op-count"_id,
                           fmt::format("{} parts, but {} in config.json says {}", parts.size(),
                                       num_shards_attribute, *shard_count),
                           ""};
    }
    std::vector<std::int64_t> extents;
    for (const auto& part : parts) extents.push_back(part.shape[at]);
    check_declared(sizes, extents, context);
    if (context.to_fused) context.found.part_sizes[context.key] = extents;
    entries = {{true, 0, {}, {joined(parts, at, extents)}, {}}};
  }

 private:
  View joined(const std::vector<View>& parts, std::size_t at,
              const std::vector<std::int64_t>& extents) const {
    if (!groups) return concatenate(parts, at);
    in_a_group(extents);
    std::vector<View> dealt;
    for (const auto& part : parts) dealt.push_back(by_group(part, at, group_count()));
    return all_groups(concatenate(dealt, at + 1), at);
  }
};

class Chunk final : public Parts, public OperationOf<Chunk> {
 public:
  static OperationRow describe();
  std::string text() const override { return Parts::text(); }
  std::shared_ptr<const LayoutOperation> inverse() const override;
  void resolve(const Place& place, const NumberResolver& r) override { Parts::resolve(place, r); }
  std::optional<int> parts_dim() const override { return dim; }
  std::shared_ptr<const LayoutOperation> with_parts(const std::vector<std::int64_t>& extents) const override {
    auto out = std::make_shared<Chunk>(*this);
    out->sizes = listed_sizes(extents);
    return out;
  }
  std::optional<std::size_t> listed_parts() const override { return listed(); }

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    if (entries.size() != 1)
      throw OperationError{"operation-arity"_id,
                           fmt::format("{} takes one tensor, not {}", row().name, entries.size()), ""};
    const View view = single(entries.front());
    const std::size_t at = dimension(dim, view.shape.size());
    std::vector<View> parts =
        taken_apart(view, at, part_extents(sizes, shard_count, view.shape[at], context));
    // Cut to be dealt out in another way.
    if (context.is_joined_later()) {
      if (parts.size() == 1)
        throw OperationError{"operation-arity"_id,
                             "it cuts to have its parts joined again, and lists no `sizes`",
                             "Say the extents of the parts in both operations."};
      entries.clear();
      for (auto& part : parts) entries.push_back({true, 0, {}, {std::move(part)}, {}});
      return;
    }
    const bool numbered =
        shard_count.has_value() || (context.target_count() == 1 && context.target_has_star(0));
    if (!numbered && parts.size() != context.target_count()) {
      throw OperationError{"operation-arity"_id,
                           fmt::format("{} parts for {} targets", parts.size(), context.target_count()), ""};
    }
    entries.clear();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      Entry part{true, numbered ? 0 : i, {}, {std::move(parts[i])}, {}};
      if (numbered) part.index = {static_cast<std::int64_t>(i)};
      entries.push_back(std::move(part));
    }
  }

 private:
  std::vector<View> taken_apart(const View& view, std::size_t at,
                                const std::vector<std::int64_t>& extents) const {
    if (!groups) return cut(view, at, extents);
    const auto in_group = in_a_group(extents);
    std::vector<View> parts = cut(by_group(view, at, group_count()), at + 1, in_group);
    for (auto& part : parts) part = all_groups(part, at);
    return parts;
  }
};

std::shared_ptr<const LayoutOperation> Concatenate::inverse() const {
  auto out = std::make_shared<Chunk>();
  static_cast<Parts&>(*out) = *this;
  return out;
}

std::shared_ptr<const LayoutOperation> Chunk::inverse() const {
  auto out = std::make_shared<Concatenate>();
  static_cast<Parts&>(*out) = *this;
  return out;
}

OperationRow Concatenate::describe() {
  return {"Concatenate",
          "Joins along `dim`, in the order of the source patterns.",
          "joins along `dim`, in the order of the source patterns; with `groups` dealt out group by group",
          "`Chunk`",
          {TensorArity::Takes::kAll, TensorArity::Leaves::kOne},
          parameters<Concatenate>(),
          &make};
}

OperationRow Chunk::describe() {
  return {
      "Chunk",
      "Cuts into parts.",
      "cuts into as many equal parts as there are targets, or into `sizes`, or into as many as the config's "
      "attribute says (then `*` in the target is the number); with `groups` each part is gathered from all "
      "groups. A `Concatenate` behind it joins the parts again, dealt out in another way",
      "`Concatenate`",
      {TensorArity::Takes::kOne, TensorArity::Leaves::kTargets},
      parameters<Chunk>(),
      &make};
}

}  // namespace

const OperationRow& concatenate_row() {
  return Concatenate::the_row();
}
const OperationRow& chunk_row() {
  return Chunk::the_row();
}

}  // namespace tenon
