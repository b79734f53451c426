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

# Two stars and one list that is taken apart: layers and experts would come out along a diagonal.
write_tensors stacked <<<'a.weight BF16 2,3,4'
write_rules diagonal <<'RULES'
- WeightConverter: {source_patterns: '^a\.weight$', target_patterns: layers.*.experts.*.weight, operations: [SplitModulelist: {dim: 0}]}
RULES
for way in '' --one-way; do
  expect_refused operation-arity '2 stars' 'SplitModulelist for each' -- tenon convert stacked apart --rules diagonal.yaml $way
done
# An expression is no value: config.json would hold its text.
write_rules literal <<'RULES'
- WeightRenaming: {source_patterns: '^a\.', target_patterns: b.}
config: {set: {heads: '${config.n_head}'}}
RULES
expect_refused rules-malformed heads 'no expression' -- tenon plan stacked --rules literal.yaml

# Without the manifest the sizes come from the rule.
rm -r back fused/tenon-manifest.json
expect_status 0 tenon convert fused back --to original --rules "$root/samples/rules/my_llama.yaml"
expect_same_tensors llama back
