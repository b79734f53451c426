#!/usr/bin/env bash
# Rules of one's own whose only operation changes values: each comes back as the publisher's file, from its numbers or
# from what is kept of it, or is refused before a byte is written.
source "$(dirname "$0")/lib.sh"

# fill FOLDER KEY HEX...: each of the tensor's bytes, in turns.
fill() {
  local folder=$1 key=$2
  shift 2
  python3 "$root/tests/cli/edit_tensor.py" "$folder/model.safetensors" "$key" 0 "$(printf '%s' "$@")"
}

# rule OPERATION SOURCE TARGET: r.yaml with that one operation.
rule() {
  write_rules r <<RULE
- WeightConverter:
    source_patterns: '$2'
    target_patterns: '$3'
    operations: [{$1}]
RULE
}

# comes_back: m by r.yaml to there, and from there, by its manifest alone, back.
comes_back() {
  rm -rf there back
  expect_status 0 tenon convert m there --rules r.yaml --verify
  expect_status 0 tenon convert there back --to original --verify
  expect_same_file m/model.safetensors back/model.safetensors
}

ones=(0000803f 00000040 0000a03f 00004040 cdcccc3d 0000c03f)  # 1, 2, 1.25, 3, 0.1, 1.5

# Kept: what is rounded does not come back from the numbers.
write_tensors m <<<'m.input F32 6'
fill m m.input "${ones[@]}"
rule 'Reciprocal: {}' '^m\.input$' '^m\.factor$'
comes_back
[ -e there/tenon-kept.safetensors ] || fail 'nothing is kept'
# A list of them, each kept by itself.
rm -rf m
write_tensors m <<<$'m.0.input F32 6\nm.1.input F32 6'
for i in 0 1; do fill m "m.$i.input" "${ones[@]}"; done
rule 'Reciprocal: {}' '^m\.(\d+)\.input$' '^m\.\1\.factor$'
comes_back

# One element for a whole tensor, one a row, and the other direction.
for extents in 1 6,1; do
  rm -rf m
  write_tensors m <<<"m.weight_scale F32 $extents"
  case $extents in 1) fill m m.weight_scale 0000803f ;; *) fill m m.weight_scale "${ones[@]}" ;; esac
  rule 'ConvertFP8LinearScale: {out_features: 6}' '^m\.weight_scale$' '^n\.weight_scale$'
  comes_back
done
rm -rf m
write_tensors m <<<'m.weight_scale F32 1,6'
fill m m.weight_scale 0000803f{,,,,,}
for strategy in tensor channel; do
  rule "ConvertFP8LinearScale: {inverse: true, strategy: $strategy}" '^m\.weight_scale$' '^n\.weight_scale$'
  comes_back
done

# From the numbers alone.
rm -rf m
write_tensors m <<<'m.weight F16 4,6'
for dtype in F32 F64; do
  rule "Cast: {dtype: $dtype}" '^m\.weight$' '^n\.weight$'
  comes_back
  expect_absent there/tenon-kept.safetensors
done

# Not at all: only when that is asked for, and then nothing goes back.
for operation in 'Cast: {dtype: BF16}' 'SubtractOne: {}'; do
  rule "$operation" '^m\.weight$' '^n\.weight$'
  expect_refused value-lossy m.weight -- tenon convert m lost --rules r.yaml
  rm -rf there
  expect_status 0 tenon convert m there --rules r.yaml --one-way
done

# A scale alone is no weight, whatever the patterns take it for.
rm -rf m
write_tensors m <<<'m.weight_scale_inv F32 2,2'
for weight in '^m\.weight$' '^m\.weighT$'; do
  write_rules r <<RULE
- WeightConverter:
    source_patterns: ['$weight', '^m\.weight_scale_inv$']
    target_patterns: '^n\.weight$'
    operations: [{Fp8Dequantize: {block_size: [8, 8]}}]
RULE
  rm -rf lost
  status=0
  tenon convert m lost --rules r.yaml --assume-used r >out 2>err || status=$?
  [ "$status" = 2 ] || fail "a scale became a weight: $(cat out err)"
  expect_absent lost
done
# Codes under names of which one matches nothing.
rm -rf m
write_tensors m <<<$'m.weight F8_E4M3 16,16\nm.weight_scale_inv F32 2,2'
fill m m.weight_scale_inv 0000803f{,,,}
expect_refused m.weight_scale_inv -- tenon convert m lost --rules r.yaml
