#!/usr/bin/env bash
# Rounding is accepted up to a bound that is said; the way back keeps to it, and --report measures what was lost.
source "$(dirname "$0")/lib.sh"

make_checkpoint llama --model llama --layers 2
python3 "$root/tests/cli/widen.py" llama wide  # BF16 to F32, with bits that BF16 lacks

# A cast: the law is said, a bound below it is not enough.
expect_refused value-lossy 'within 2^-8 of themselves' 'Accept it with --within 2^-8' -- tenon convert wide narrow --dtype bf16
expect_refused value-lossy -- tenon convert wide narrow --dtype bf16 --within 2^-9
expect_status 0 tenon plan wide --dtype bf16 --within 2^-8
expect_text out 'the numbers of 21 weights, which come back within 2^-8 of themselves'
expect_status 0 tenon convert wide narrow --dtype bf16 --within 2^-8 --verify --report lost
expect_text narrow/tenon-manifest.json '"within"'
expect_status 0 tenon convert narrow wide-back --to original
python3 "$root/tests/cli/check_damage.py" wide wide-back lost/report.json 0.00390625
expect_status 0 tenon verify narrow --against wide

# Codes: a bound for the largest number of a block, too.
last=model-00001-of-00001.safetensors
[ -f llama/$last ] || last=model.safetensors
for row in 0 1 2 3; do  # a row that becomes zero beside its block's largest
  python3 "$root/tests/cli/edit_tensor.py" "llama/$last" model.layers.0.mlp.up_proj.weight "$((row * 128))" 00010001
done
for format in fp8-block fp8-channel mxfp4; do
  bound=0.07
  [ "$format" != mxfp4 ] || bound=0.3
  expect_refused value-lossy "of their block's largest" -- tenon convert llama "$format" --quantize "$format" --within 2^-9
  expect_status 0 tenon convert llama "$format" --quantize "$format" --within "$bound" --verify --report "lost-$format"
  expect_text out 'relative error'
  expect_status 0 tenon convert "$format" "$format-back" --to original
  python3 "$root/tests/cli/check_damage.py" llama "$format-back" "lost-$format/report.json" "$bound"
  expect_text "lost-$format/report.html" 'What rounding cost'
  ! grep -qE 'src=|href="http|<script' "lost-$format/report.html" || fail 'the page needs something else'
done
# No law is known of NVFP4, whose block scales are rounded themselves.
expect_refused value-lossy 'Accept it with --one-way.' -- tenon convert llama nvfp4 --quantize nvfp4 --within 0.9
expect_status 0 tenon convert llama nvfp4 --quantize nvfp4 --one-way --report lost-nvfp4
expect_status 0 tenon convert nvfp4 nvfp4-back --to original
python3 "$root/tests/cli/check_damage.py" llama nvfp4-back lost-nvfp4/report.json 9

expect_refused args-value -- tenon convert llama none --quantize mxfp4 --within 2
expect_refused args-value -- tenon convert llama none --quantize mxfp4 --within much
expect_refused args-value -- tenon convert llama none --quantize mxfp4 --within 2^-0

# One that rounds after another: both count. What was decoded, or widened, is rounded once more on the way back, by no law.
write_rules narrow_and_code <<'RULES'
  - WeightConverter:
      source_patterns: 'mlp\.down_proj\.weight$'
      target_patterns: [mlp.down_proj.weight, mlp.down_proj.weight_scale_inv]
      operations: [Cast: {dtype: BF16}, Fp8Quantize: {block_size: [32, 32]}]
RULES
sed 's/narrow_and_code/widen_and_code/; s/BF16/F32/' narrow_and_code.yaml >widen_and_code.yaml
expect_refused value-lossy 'within 0.071 of themselves' -- tenon convert wide coded --rules narrow_and_code.yaml --within 0.07
expect_status 0 tenon convert wide coded --rules narrow_and_code.yaml --within 0.0711 --verify --report lost-coded
expect_text out '2 tensors as E4M3'
expect_status 0 tenon plan wide --rules narrow_and_code.yaml --within 0.0711
expect_text out 'the numbers of 2 weights, which come back within'
expect_status 0 tenon convert coded coded-back --to original
python3 "$root/tests/cli/check_damage.py" wide coded-back lost-coded/report.json 0.0711
expect_refused value-lossy 'Accept it with --one-way.' -- tenon convert llama wider --rules widen_and_code.yaml --within 0.9

# Nothing is rounded; nothing can be compared: on the way back, or where there is none.
expect_status 0 tenon convert llama moved --report lost-nothing
expect_text out 'no numbers were rounded'
expect_text lost-nothing/report.html 'No numbers were rounded'
expect_refused report-goes-back -- tenon convert narrow again --to original --report lost-again
python3 "$root/tests/cli/make_coded.py" awq awq
write_rules repack <<'RULES'
  - WeightConverter:
      source_patterns: ['proj\.qweight$', 'proj\.qzeros$', 'proj\.scales$']
      target_patterns: [proj.weight_packed, proj.weight_scale, proj.weight_shape, proj.weight_zero_point]
      operations: [AwqToPacked: {group_size: 64}]
RULES
expect_status 2 tenon convert awq packed --rules repack.yaml --one-way --report lost-packed
expect_text err report-no-way-back
[ -f packed/tenon-manifest.json ] || fail 'what was made is not there'
