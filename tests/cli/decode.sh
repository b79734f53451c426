#!/usr/bin/env bash
# Coded weights become numbers, in the model's own fused layout, and go back to the publisher's files.
source "$(dirname "$0")/lib.sh"

coded() { python3 "$root/tests/cli/make_coded.py" "$@"; }
files_of() { (cd "$1" && sha256sum -- * | sort -k2); }

for kind in deepseek qwen gptoss packed nvfp4 channel; do
  coded "$kind" "$kind"
  expect_status 0 tenon convert "$kind" "$kind-bf16" --dtype bf16 --verify
  expect_text err 'kept for the way back'
  # No code and no scale is left among the model's tensors, and config.json speaks of none.
  expect_status 0 tenon inspect "$kind-bf16"
  grep -F '[' out | grep -v tenon_kept >numbers
  ! grep -qE 'F8_E4M3|U8|I32|weight_scale|_blocks|_scales' numbers || { cat numbers >&2; fail "$kind: codes are left"; }
  expect_no_text "$kind-bf16/config.json" quantization_config
  [ ! -e "$kind-bf16/model.safetensors.index.json" ] || expect_no_text "$kind-bf16/model.safetensors.index.json" tenon_kept
  expect_status 0 tenon verify "$kind-bf16" --against "$kind"
  expect_status 0 tenon convert "$kind-bf16" "$kind-back" --to original --verify
  files_of "$kind" >before
  files_of "$kind-back" | grep -v tenon-manifest.json >after
  diff before after >&2 || fail "$kind: the files are not those that it came from"
done

# An F32 bias of a router stays what it is.
expect_status 0 tenon inspect deepseek-bf16
grep -q 'e_score_correction_bias .*F32' out || fail "the router's bias was cast"

# Threads do not matter, nor does an interruption.
tenon convert deepseek other --dtype bf16 --threads 1 -q
for file in deepseek-bf16/*.safetensors; do expect_same_file "$file" "other/$(basename "$file")"; done

# A wider dtype holds every number of a narrower one: nothing is lost, and nothing but the scales is kept.
expect_status 0 tenon convert qwen qwen-fp32 --dtype fp32
expect_status 0 tenon convert qwen-fp32 qwen-again --to original
files_of qwen >before
files_of qwen-again | grep -v tenon-manifest.json >after
diff before after >&2 || fail "FP32 does not come back"

# What rounds is asked about: a BF16 embedding does not fit into F16.
coded awq awq
expect_refused value-lossy embed_tokens -- tenon convert awq awq-fp16 --dtype fp16
for kind in awq gptq; do
  rm -rf "$kind"
  coded "$kind" "$kind"
  expect_status 0 tenon convert "$kind" "$kind-fp16" --dtype fp16 --keep '**embed_tokens**' --keep '**norm**' --keep lm_head.weight --verify
  expect_status 0 tenon convert "$kind-fp16" "$kind-back" --to original
  files_of "$kind" >before
  files_of "$kind-back" | grep -v tenon-manifest.json >after
  diff before after >&2 || fail "$kind does not come back"
done
