# An input that a converter needs and the checkpoint lacks is refused: an expert with a gate but no up projection.
. "$(dirname "$0")/lib.sh"

write_rules rules <<'YAML'
  - WeightConverter:
      source_patterns: ['experts\.*.gate$', 'experts\.*.up$']
      target_patterns: experts.gate_up
      operations: [MergeModulelist: {dim: 0}, Concatenate: {dim: 1, sizes: equal}]
YAML
write_tensors one_short <<'LINES'
experts.0.gate BF16 2,3
experts.0.up BF16 2,3
experts.1.gate BF16 2,3
LINES
expect_refused rule-op-lists experts.0.gate rules#0 -- tenon convert one_short fused --rules rules.yaml
write_tensors none <<'LINES'
experts.0.gate BF16 2,3
experts.1.gate BF16 2,3
LINES
expect_refused key-missing-partner experts.0.gate experts.gate_up rules#0 -- tenon convert none fused --rules rules.yaml
