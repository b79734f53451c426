# An expert list with a gap is refused, with the key that is missing.
. "$(dirname "$0")/lib.sh"

write_rules rules <<'YAML'
  - WeightConverter: {source_patterns: 'experts\.*.w1$', target_patterns: experts.w1, operations: [MergeModulelist: {dim: 0}]}
YAML
write_tensors gap <<'LINES'
layers.0.experts.0.w1 BF16 2,3
layers.0.experts.1.w1 BF16 2,3
layers.0.experts.3.w1 BF16 2,3
LINES
expect_refused key-gap layers.0.experts 2 rules#0 -- tenon convert gap fused --rules rules.yaml
expect_refused key-gap layers.0.experts 2 rules#0 -- tenon plan gap --rules rules.yaml
