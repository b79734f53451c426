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
  case $format in fp8-block) bound=0.07 ;; fp8-channel) bound=0.0748 ;; mxfp4) bound=0.3 ;; esac
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

# Nothing is rounded; nothing can be compared: on the way back, or where there is none.
expect_status 0 tenon convert llama moved --report lost-nothing
expect_text out 'no numbers were rounded'
expect_text lost-nothing/report.html 'No numbers were rounded'
expect_refused report-goes-back -- tenon convert narrow again --to original --report lost-again
python3 "$root/tests/cli/make_coded.py" awq awq
expect_status 0 tenon convert awq packed --quantize packed --report lost-packed
expect_text out 'no numbers were rounded'
