# A rule that reads a value which config.json does not have is refused, with the rule's place and the value's name.
. "$(dirname "$0")/lib.sh"

write_rules rules <<'YAML'
  - WeightConverter:
      source_patterns: ['q$', 'k$']
      target_patterns: qk
      operations: [Concatenate: {dim: 0, sizes: ['${config.heads * 2}', 2]}]
YAML
write_tensors a <<'LINES'
x.q F32 4,2
x.k F32 2,2
LINES
expect_refused config.heads rules.yaml:8 -- tenon convert a fused --rules rules.yaml
echo '{"model_type": "x", "heads": 2}' >a/config.json
expect_status 0 tenon convert a fused --rules rules.yaml
