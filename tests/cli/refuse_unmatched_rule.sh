# A rule that must match something and does not is refused; so is a name that no rules have. A model type without rules has one
# layout, unless its name is that of another with a letter wrong.
. "$(dirname "$0")/lib.sh"

write_rules rules <<'YAML'
  - WeightRenaming: {source_patterns: '^old\.', target_patterns: new., required: true}
YAML
write_tensors a <<<'weight F32 4'
expect_refused rules#0 -- tenon convert a fused --rules rules.yaml
expect_refused no_such_rules -- tenon convert a fused --rules no_such_rules
expect_status 0 tenon convert a fused
expect_text err "of_a_test" "two layouts are one" "published, nothing to do"
expect_same_tensors a fused

echo '{"model_type": "qwen3_mo", "architectures": ["Qwen3MoForCausalLM"]}' >a/config.json
expect_refused "Did you mean 'qwen3_moe'?" -- tenon convert a misspelt
for config in '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}' '{"model_type": "qwen3_vl", "architectures": ["Qwen3VLModel"]}' \
    '{"model_type": "mistral", "architectures": ["MistralForCausalLM"]}'; do
  echo "$config" >a/config.json
  expect_status 0 tenon plan a
  expect_text out "two layouts are one"
done
echo '{"model_type": "kimi_k2", "architectures": ["DeepseekV3ForCausalLM"]}' >a/config.json
expect_refused plan-foreign-keys "rules deepseek_v3" -- tenon convert a foreign
