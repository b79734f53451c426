# verify --against needs none of the conversion's flags again: the manifest has them.
. "$(dirname "$0")/lib.sh"

write_rules turn <<'YAML'
  - WeightConverter:
      source_patterns: proj.weight
      target_patterns: proj.weight
      operations: [Transpose: {dim0: 0, dim1: 1, check_dims: true, target_shape: [4, 4]}]
YAML
write_tensors square <<<'proj.weight F32 4,4'
expect_refused assume-layout -- tenon convert square turned --rules turn.yaml
expect_status 0 tenon convert square turned --rules turn.yaml --assume-layout proj.weight=original
expect_status 0 tenon verify turned --against square

make_checkpoint vl --model qwen2_vl
expect_status 0 tenon convert vl fused --fuse patch_embeddings --fuse qkv
expect_status 0 tenon verify fused --against vl
expect_status 0 tenon convert fused back --to original
expect_status 0 tenon verify back --against fused

# A library of one's own.
mkdir -p library/models && sed 's/^name: turn/name: mine/' turn.yaml >library/models/mine.yaml
expect_status 0 tenon convert square other --rules mine --rules-dir library --assume-layout proj.weight=original
mkdir elsewhere
(cd elsewhere && expect_status 0 tenon verify ../other --against ../square)

# PrefixChanges that only a flag undoes.
write_rules prefix <<'YAML'
  - PrefixChange: {prefix_to_add: model}
YAML
write_tensors plain <<<'norm.weight F32 4'
expect_status 0 tenon convert plain prefixed --rules prefix.yaml
rm prefixed/tenon-manifest.json
expect_status 0 tenon convert prefixed unprefixed --to original --rules prefix.yaml --assume-used prefix --one-way
expect_same_tensors plain unprefixed
expect_status 0 tenon verify unprefixed --against prefixed
