# A cut into parts that do not come out even is refused; so are parts of other shapes, and unequal ones declared equal.
. "$(dirname "$0")/lib.sh"

write_rules chunk <<'YAML'
  - WeightConverter: {source_patterns: 'qkv$', target_patterns: [q, k, v], operations: [Chunk: {dim: 0, sizes: equal}]}
YAML
write_tensors odd <<<'a.qkv F32 7,2'
expect_refused a.qkv rule-op-uneven 7 chunk#0 Chunk -- tenon convert odd fused --rules chunk.yaml

write_rules join <<'YAML'
  - WeightConverter: {source_patterns: ['a$', 'b$'], target_patterns: ab, operations: [Concatenate: {dim: 0, sizes: equal}]}
YAML
write_tensors shapes <<'LINES'
x.a F32 4,2
x.b F32 4,3
LINES
expect_refused x.a x.b rule-op-shapes '[4, 2]' '[4, 3]' join#0 Concatenate -- tenon convert shapes fused --rules join.yaml
write_tensors unequal <<'LINES'
x.a F32 4,2
x.b F32 2,2
LINES
expect_refused x.a rule-op-parts join#0 Concatenate -- tenon convert unequal fused --rules join.yaml
