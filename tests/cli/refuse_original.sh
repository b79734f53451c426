# On the way back, a checkpoint that is in the original layout already is recognised and refused, like on the way there.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model qwen2_moe
expect_refused "already in the original layout" "published, nothing to do" -- tenon convert moe twice --to original
expect_status 0 tenon convert moe fused
expect_status 0 tenon convert fused back --to original
expect_refused "already in the original layout" -- tenon convert back twice --to original
rm back/tenon-manifest.json
expect_refused "already in the original layout" -- tenon convert back twice --to original

# Rules to which it is all the same: converted to itself either way, with a note.
write_rules rules <<'YAML'
  - WeightRenaming: {source_patterns: '^old\.', target_patterns: new.}
YAML
write_tensors neither <<<'weight F32 4'
expect_status 0 tenon convert neither there --rules rules.yaml
expect_text err "no transform applies"
expect_status 0 tenon convert there back_again --to original
expect_status 0 tenon convert neither back_too --to original --rules rules.yaml
expect_text err "no transform applies"
expect_same_tensors neither back_too
