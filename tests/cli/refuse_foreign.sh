# Keys that no rule of config.json's model takes: refused where they are another model's, or where the experts that it counts are not there.
. "$(dirname "$0")/lib.sh"

config='{"model_type": "qwen3_moe", "architectures": ["Qwen3MoeForCausalLM"], "num_experts": 4, "num_hidden_layers": 2}'
for layer in 0 1; do printf 'h.%s.attn.c_attn.weight BF16 4,12\nh.%s.mlp.c_fc.weight BF16 4,16\n' $layer $layer; done | write_tensors gpt2 "$config"
expect_refused plan-foreign-keys h.0.attn.c_attn.weight qwen3_moe experts -- tenon convert gpt2 fused
expect_refused plan-foreign-keys -- tenon convert gpt2 original --to original

dense() { for layer in 0 1; do for part in gate up down; do printf 'model.layers.%s.mlp.%s_proj.weight BF16 4,4\n' $layer $part; done; done; }
dense | write_tensors dense "$config"
expect_refused plan-experts-absent '4 num_experts' --allow-missing-layers -- tenon convert dense fused
expect_status 0 tenon convert dense same --allow-missing-layers
expect_same_tensors dense same

# Dense by what config.json says itself, and a part of a model that the rules know by its other words.
dense | write_tensors declared "${config%\}}, \"mlp_only_layers\": [0, 1]}"
expect_status 0 tenon convert declared same2
expect_same_tensors declared same2

# Rules of one's own are taken at their word.
write_rules mine <<'YAML'
  - WeightRenaming: {source_patterns: '^h\.', target_patterns: 'layers.'}
YAML
expect_status 0 tenon convert gpt2 renamed --rules mine.yaml
