# Tensors without elements have no bytes and may state any extents. They are converted, hashed, verified and compared.
. "$(dirname "$0")/lib.sh"

write_rules rules <<'YAML'
  - WeightRenaming: {source_patterns: '^huge$', target_patterns: immense}
  - WeightConverter: {source_patterns: 'e\.*.w$', target_patterns: e.w, operations: [MergeModulelist: {dim: 0}]}
YAML
write_tensors source <<'LINES'
huge F32 0,4611686018427387904,4611686018427387904
e.0.w BF16 3,0
e.1.w BF16 3,0
some U8 4
LINES
expect_status 0 tenon convert source fused --rules rules.yaml --verify --no-sync
expect_status 0 tenon inspect fused
expect_text out "[0, 4611686018427387904, 4611686018427387904]"
expect_text out "[2, 3, 0]"
expect_status 0 tenon verify fused --against source
expect_status 0 tenon convert fused back --to original --rules rules.yaml --no-sync
expect_status 0 tenon diff source back
expect_same_tensors source back

# Taken apart, stacked or joined, such extents are refused.
write_rules apart <<'YAML'
  - WeightConverter: {source_patterns: '^huge$', target_patterns: 'part.*.w', operations: [SplitModulelist: {dim: 1}]}
YAML
expect_refused huge "too large to compute with" -- tenon convert source apart --rules apart.yaml
