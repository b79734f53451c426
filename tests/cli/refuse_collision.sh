# Two tensors that reach one output key are refused, both named.
. "$(dirname "$0")/lib.sh"

write_rules rules <<'YAML'
  - WeightRenaming: {source_patterns: '^old\.', target_patterns: new.}
YAML
write_tensors twice <<'LINES'
old.weight F32 4
new.weight F32 4
LINES
expect_refused old.weight new.weight -- tenon convert twice fused --rules rules.yaml

write_rules converter <<'YAML'
  - WeightConverter:
      source_patterns: ['q\.weight$', 'k\.weight$']
      target_patterns: qk.weight
      operations: [Concatenate: {dim: 0, sizes: equal}]
YAML
write_tensors taken <<'LINES'
a.q.weight F32 2,2
a.k.weight F32 2,2
a.qk.weight F32 4,2
LINES
expect_refused a.qk.weight converter#0 -- tenon convert taken fused --rules converter.yaml
