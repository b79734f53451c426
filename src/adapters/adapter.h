// A LoRA adapter as pairs. A pair says how one tensor of the base model changes: by scale * left right, a
// product of a matrix [rows, rank] and a matrix [rank, columns]. In nn.Linear's weight the rows are outputs,
// so that left is B and right is A; a weight whose rows are inputs (an embedding, Conv1D) has left = A^T.
//
// The rules of the base model speak of its weights. What they do to a weight they do to the product, of which
// nothing but the names and places of rows and columns is known: follow_pairs.h takes that apart again.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/adapter_record.h"
#include "plan/convert_views.h"
#include "tensor/view.h"

namespace tenon {

enum class PairForm {
  // lora_A.weight, lora_B.weight of an nn.Linear
  kLinear,
  // lora_embedding_A, lora_embedding_B
  kEmbedding,
  // of a convolution: A has the kernel, B is one by one
  kConvolution,
  // of a parameter that is no module's `weight`, [experts, rows, columns] or [rows, columns]
  kParameter
};

/// One product, as views of the adapter's tensors.
struct Factors {
  /// [rows, rank]
  View left;
  /// [rank, columns]
  View right;
};

struct LoraPair {
  /// of the base's tensor: "model.layers.0.self_attn.q_proj.weight"
  std::string key;
  /// what the adapter's keys have before it: "base_model.model."
  std::string prefix;
  PairForm form = PairForm::kLinear;
  // As in an embedding, or in nn.Linear's weight transposed.
  bool rows_are_inputs = false;
  /// of the base's tensor
  Shape shape;
  std::int64_t rank = 0;
  double alpha = 0;
  /// one, or one for each expert of a parameter
  std::vector<Factors> experts;
  /// lora_B.bias, [rows]
  std::optional<View> bias;
  /// DoRA's, [rows]
  std::optional<View> magnitude;
  /// the adapter's tensors that it consists of: A, B, then others
  std::vector<std::uint32_t> inputs;
  // By role ("lora_A"): how the adapter writes it, where that is not as PEFT does ("lora_A.default.weight").
  std::map<std::string, std::string> written;
};

/// adapter_config.json, and what of it decides numbers.
class AdapterConfig {
 public:
  /// Throws UserError where a setting is none that tenon knows the meaning of.
  AdapterConfig(nlohmann::ordered_json json, std::string file);

  const nlohmann::ordered_json& json() const { return json_; }
  nlohmann::ordered_json& json() { return json_; }
  const std::string& file() const { return file_; }

  /// By rank_pattern and alpha_pattern, as PEFT matches their keys with a module's name.
  std::int64_t rank_of(const std::string& module) const;
  double alpha_of(const std::string& module) const;
  bool is_set(const char* flag) const;
  bool scales_by_root() const { return is_set("use_rslora"); }
  std::vector<std::string> list(const char* name) const;

 private:
  nlohmann::ordered_json json_;
  std::string file_;
};

struct Adapter {
  std::vector<LoraPair> pairs;
  /// tensors that stand for themselves: modules_to_save, biases
  std::vector<NamedView> whole;
};

inline constexpr const char* kAdapterConfigName = "adapter_config.json";

/// "model.layers.0.self_attn.q_proj" of its ".weight"; a parameter's own key.
std::string module_of(const LoraPair& pair);

/// The name without its last part: "experts" of "experts.down_proj", "" of "down_proj".
std::string parent_of(const std::string& name);

/// The last `count` parts of a dotted name.
std::string last_parts(const std::string& name, std::size_t count);

/// Is `name` what PEFT means by `entry`: the same, or ending in it behind a dot?
bool is_named_by(const std::string& name, const std::string& entry);

}  // namespace tenon
