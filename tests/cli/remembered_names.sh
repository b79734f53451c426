# Names that the inverse of the rules would not give back are remembered key by key: keys that are in the fused form already, a base
# model's prefix that was put on, legacy names. Rules of the user's own are to invert.
. "$(dirname "$0")/lib.sh"

mkdir no_rules
there_and_back() {
  rm -rf there back
  expect_status 0 tenon convert "$@" there
  expect_status 0 tenon convert there back --to original --rules-dir no_rules
  expect_same_shards "$1" back
}

# One layer's experts are stacked already.
config='{"model_type": "qwen3_moe", "architectures": ["Qwen3MoeForCausalLM"], "num_experts": 2}'
{
  for e in 0 1; do
    for n in gate up; do echo "model.layers.0.mlp.experts.$e.${n}_proj.weight F32 3,4"; done
    echo "model.layers.0.mlp.experts.$e.down_proj.weight F32 4,3"
  done
  echo 'model.layers.1.mlp.experts.gate_up_proj F32 2,6,4'
  echo 'model.layers.1.mlp.experts.down_proj F32 2,4,3'
} | write_tensors half "$config"
there_and_back half
expect_text there/tenon-manifest.json '"model.layers.1.mlp.experts.down_proj": "model.layers.1.mlp.experts.down_proj"'

# Names of before, renamed by the library on the way there only.
write_tensors old '{"model_type": "of_a_test"}' <<'LINES'
layer.0.LayerNorm.gamma F32 4
layer.0.LayerNorm.beta F32 4
LINES
expect_status 0 tenon plan old --rules legacy
expect_text out "2 names by the manifest, not by the rules"
rm -rf there back
expect_status 0 tenon convert old there --rules legacy
expect_status 0 tenon convert there back --to original --rules-dir no_rules
expect_same_shards old back

# The user's own: a prefix on some keys only is refused, and one-way it is told, later too.
write_rules prefix <<'YAML'
  - PrefixChange: {prefix_to_remove: wrapped}
YAML
write_tensors some <<'LINES'
wrapped.a F32 4
b F32 4
LINES
expect_refused "b: error" --one-way -- tenon convert some out1 --rules prefix.yaml
expect_status 0 tenon convert some out1 --rules prefix.yaml --one-way
expect_status 0 tenon verify out1
expect_text err one-way
expect_status 0 tenon convert out1 out2 --to original
expect_text err one-way
