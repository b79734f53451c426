# What one conversion made is the source of another by other rules; they are undone in order, and the same rules once more are refused.
. "$(dirname "$0")/lib.sh"

mkdir no_rules
make_checkpoint moe --model mixtral
write_rules turned <<'YAML'
  - WeightConverter: {source_patterns: '\.experts\.down_proj$', target_patterns: '\.experts\.wo$', operations: [Transpose: {dim0: 1, dim1: 2}]}
YAML
write_rules named <<'YAML'
  - WeightRenaming: {source_patterns: '^lm_head\.', target_patterns: 'head.'}
YAML
expect_status 0 tenon convert moe one
expect_refused "already in the fused layout" mixtral -- tenon convert one twice
expect_refused "already in the fused layout" mixtral -- tenon convert one twice --rules mixtral
expect_status 0 tenon convert one two --rules turned.yaml
expect_text err "on top of the conversion by mixtral"
expect_refused "already in the fused layout" turned -- tenon convert two twice --rules turned.yaml
expect_status 0 tenon convert two three --rules named.yaml
rm turned.yaml named.yaml
expect_status 0 tenon verify three --against two

undo() {
  expect_status 0 tenon convert "$1" "$2" --to original --rules-dir no_rules
  cp err said
  expect_status 0 tenon verify "$2"
  expect_same_shards "$2" "$3"
}
undo three back_two two
expect_text said "undoes the last of 3 conversions"
undo back_two back_one one
expect_text said "undoes the last of 2 conversions"
undo back_one back moe
expect_no_text said "undoes the last"
expect_refused "already in the original layout" -- tenon convert back further --to original
expect_status 0 tenon verify back_one --against back_two

# From half-way down it goes up again by the manifest.
expect_status 0 tenon convert back_two again --rules-dir no_rules
expect_same_tensors three again
undo again back_two_again two
