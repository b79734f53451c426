# A rule that must match something and does not is refused; so is a rule set none of whose transforms fits, where one was asked for.
. "$(dirname "$0")/lib.sh"

write_rules rules <<'YAML'
  - WeightRenaming: {source_patterns: '^old\.', target_patterns: new., required: true}
YAML
write_tensors a <<<'weight F32 4'
expect_refused rules#0 -- tenon convert a fused --rules rules.yaml
expect_refused no_such_rules -- tenon convert a fused --rules no_such_rules
expect_refused of_a_test -- tenon convert a fused
