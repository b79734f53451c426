# Transpose with check_dims on a square tensor cannot tell the layouts apart: refused, until the layout is declared.
. "$(dirname "$0")/lib.sh"

write_rules rules <<'YAML'
  - WeightConverter:
      source_patterns: 'up$'
      target_patterns: up
      operations: [Transpose: {dim0: 0, dim1: 1, check_dims: true, target_shape: ['${config.n}', '${config.n}']}]
YAML
write_tensors square '{"model_type": "x", "n": 4}' <<<'layer.up F32 4,4'
expect_refused layer.up rules#0 Transpose --assume-layout -- tenon convert square fused --rules rules.yaml
expect_status 0 tenon convert square fused --rules rules.yaml --assume-layout 'layer.up=original'
! cmp -s square/model.safetensors fused/model.safetensors || fail "not transposed"
expect_status 0 tenon convert fused back --to original --rules rules.yaml
expect_same_tensors square back
