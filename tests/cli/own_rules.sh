# A rule file of one's own (samples/rules/my_llama.yaml): unequal parts under grouped-query attention, an edit of config.json.
. "$(dirname "$0")/lib.sh"

make_checkpoint llama --model llama --shard-size 60kB
expect_status 0 tenon convert llama fused --rules "$root/samples/rules/my_llama.yaml"
expect_status 0 tenon inspect fused --keys 'backbone.layers.0.**'
expect_text out backbone.layers.0.self_attn.qkv_proj.weight
expect_text out '[128, 64]'
grep -q '"fused_projections": *true' fused/config.json || fail "config.json is not edited"

expect_status 0 tenon convert fused back --to original --rules "$root/samples/rules/my_llama.yaml"
expect_same_tensors llama back
expect_same_file llama/config.json back/config.json

# Without the manifest the sizes come from the rule.
rm -r back fused/tenon-manifest.json
expect_status 0 tenon convert fused back --to original --rules "$root/samples/rules/my_llama.yaml"
expect_same_tensors llama back
