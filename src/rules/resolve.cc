#include "rules/resolve.h"

#include <fmt/format.h>

#include "rules/expression.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

class Resolver {
 public:
  Resolver(Transform& transform, const Json& config, Diagnostics& diagnostics)
      : transform_(transform), config_(config), diagnostics_(diagnostics) {}

  void run() {
    for (auto& operation : transform_.operations) {
      std::visit([&](auto& o) { operation_(o, operation); }, operation.does);
    }
  }

 private:
  void number(Number& n) {
    if (n.value) return;
    try {
      n.value = evaluate_integer(n.text, config_, n.place);
      if (*n.value >= 1) return;
      diagnostics_.error(n.place, fmt::format("{} is {}: an extent is at least 1", n.text, *n.value));
    } catch (const UserError& e) {
      for (const auto& d : e.diagnostics()) diagnostics_.add(d);
    }
  }

  template <class ChunkOrConcatenate>
  void parts(ChunkOrConcatenate& o, Operation& operation) {
    for (auto& n : o.sizes.listed) number(n);
    if (o.num_shards_attribute.empty()) return;
    const Json* const value = text_value(o.num_shards_attribute);
    if (value != nullptr && value->is_number_integer() && value->template get<std::int64_t>() >= 1) {
      operation.shard_count = value->template get<std::int64_t>();
      return;
    }
    diagnostics_.error(operation.place,
                       fmt::format("num_shards_attribute: config.json has no positive integer '{}'",
                                   o.num_shards_attribute));
  }

  // A value of the text model: config.text_config or config.thinker_config has it, or the config itself.
  const Json* text_value(const std::string& name) const {
    for (const char* const sub : {"text_config", "thinker_config"}) {
      const auto found = config_.find(sub);
      if (found != config_.end() && found->is_object() && found->contains(name)) return &(*found)[name];
    }
    const auto found = config_.find(name);
    return found == config_.end() ? nullptr : &*found;
  }

  void patch(std::optional<Number>& in_channels, std::vector<Number>& kernel_size) {
    if (in_channels) number(*in_channels);
    for (auto& n : kernel_size) number(n);
  }

  void operation_(Chunk& o, Operation& operation) { parts(o, operation); }
  void operation_(Concatenate& o, Operation& operation) { parts(o, operation); }
  void operation_(Conv3dToLinear& o, Operation&) { patch(o.in_channels, o.kernel_size); }
  void operation_(LinearToConv3d& o, Operation&) { patch(o.in_channels, o.kernel_size); }
  void operation_(Transpose& o, Operation&) {
    for (auto& n : o.target_shape) {
      if (n) number(*n);
    }
  }
  void operation_(PermuteForRope& o, Operation& operation) {
    const Json* config = &config_;
    if (!o.subconfig_key.empty()) {
      const auto found = config_.find(o.subconfig_key);
      if (found != config_.end() && found->is_object()) config = &*found;
    }
    for (const char* const name : {"num_attention_heads", "num_heads"}) {
      const auto found = config->find(name);
      if (found == config->end() || !found->is_number_integer() || found->get<std::int64_t>() < 1) continue;
      o.heads = found->get<std::int64_t>();
      return;
    }
    diagnostics_.add({Severity::kError, "rope-without-heads", operation.place,
                      fmt::format("PermuteForRope: config.json has no num_attention_heads{}",
                                  o.subconfig_key.empty() ? "" : " in " + o.subconfig_key),
                      "The permutation works head by head: add the number of heads to config.json."});
  }
  template <class Other>
  void operation_(Other&, Operation&) {}

  Transform& transform_;
  const Json& config_;
  Diagnostics& diagnostics_;
};

}  // namespace

void resolve(Transform& transform, const Json& config, Diagnostics& diagnostics) {
  Resolver(transform, config, diagnostics).run();
}

}  // namespace tenon
