# Without a manifest the keys say which layout a checkpoint is in; where they fit both, a person does.
. "$(dirname "$0")/lib.sh"

# A target that contains its source: once more would be `encoder.encoder`.
write_rules deeper <<'YAML'
  - WeightRenaming: {source_patterns: 'layers\.', target_patterns: 'encoder.layers.'}
YAML
write_tensors plain <<<'layers.0.w F32 4 same'
write_tensors deep <<<'encoder.layers.0.w F32 4 same'
expect_status 0 tenon convert plain made --rules deeper.yaml
expect_same_tensors deep made
expect_refused "already in the fused layout" "published, nothing to do" -- tenon convert deep twice --rules deeper.yaml
expect_refused "already in the original layout" -- tenon convert plain twice --to original --rules deeper.yaml
expect_status 0 tenon convert deep back --to original --rules deeper.yaml
expect_same_tensors plain back

# A rule that could be applied either way for ever: two keys, and the option that decides.
write_rules turn <<'YAML'
  - WeightConverter: {source_patterns: '\.w$', target_patterns: '.w', operations: [Transpose: {}]}
YAML
write_tensors either <<'LINES'
a.w F32 2,3
b.w F32 3,4
LINES
expect_refused a.w b.w "--assume-layout" -- tenon convert either out2 --rules turn.yaml
expect_refused a.w b.w "--assume-layout" -- tenon convert either out2 --to original --rules turn.yaml
expect_status 0 tenon convert either turned --rules turn.yaml --assume-layout '**=original'
expect_status 0 tenon convert turned back2 --to original
expect_same_tensors either back2
expect_refused "--assume-layout" "already in the fused layout" -- tenon convert either out2 --rules turn.yaml --assume-layout '**=fused'
rm turned/tenon-manifest.json
expect_status 0 tenon convert turned back3 --to original --rules turn.yaml --assume-layout '**=fused'
expect_same_tensors either back3

# A part of it: the other keys alone.
expect_status 0 tenon convert either part --rules turn.yaml --assume-layout 'a.*=fused' --assume-layout 'b.*=original'
expect_status 0 tenon inspect part
expect_text out "[2, 3]"
expect_text out "[4, 3]"
expect_status 0 tenon convert part back4 --to original
expect_same_tensors either back4

# A prefix that only a person can vouch for is named, and nothing else can be.
write_rules prefixed <<'YAML'
  - PrefixChange: {prefix_to_remove: wrapped}
  - WeightRenaming: {source_patterns: '^old\.', target_patterns: 'new.'}
YAML
write_tensors newer <<<'new.w F32 4 same'
expect_status 0 tenon plan newer --to original --rules prefixed.yaml
expect_text out "prefixed#0"
expect_refused prefixd "prefixed" -- tenon convert newer out5 --to original --rules prefixed.yaml --assume-used prefixd
expect_status 0 tenon convert newer out5 --to original --rules prefixed.yaml --assume-used prefixed
write_tensors older <<<'wrapped.old.w F32 4 same'
expect_same_tensors older out5

# Keys that lie beside where the rules look.
config='{"model_type": "qwen3_5_moe", "architectures": ["Qwen3_5MoeForConditionalGeneration"], "text_config": {"model_type": "qwen3_5_moe_text", "num_experts": 1}}'
{ for n in gate up; do echo "model.layers.0.mlp.experts.0.${n}_proj.weight F32 3,4"; done; echo 'model.layers.0.mlp.experts.0.down_proj.weight F32 4,3'; } |
  write_tensors high "$config"
expect_refused "model.layers.0.mlp.experts.0" "model.language_model" -- tenon convert high out6
