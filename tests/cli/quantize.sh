#!/usr/bin/env bash
# Numbers are coded for serving: asked about first, then written with what their readers look for in config.json.
source "$(dirname "$0")/lib.sh"

make_checkpoint llama --model llama --layers 2
for format in fp8-block fp8-channel mxfp4 nvfp4; do
  expect_refused value-lossy -- tenon convert llama "$format" --quantize "$format"
  expect_status 0 tenon convert llama "$format" --quantize "$format" --one-way --verify
  expect_text "$format/config.json" quantization_config
  expect_text "$format/config.json" lm_head
  expect_status 0 tenon inspect "$format"
  grep -qE 'q_proj.weight(_packed)? +(F8_E4M3|U8)' out || fail "$format: q_proj is not coded"
  grep -qE 'embed_tokens.weight +BF16' out || fail "$format: the embedding is coded"
  grep -qE 'norm.weight +BF16' out || fail "$format: a norm is coded"
done
# 64 columns are no multiple of 128.
expect_refused value-dtype -- tenon convert llama int4 --quantize int4-g128 --one-way
# What is coded is not coded again.
mkdir published && cp fp8-block/*.safetensors fp8-block/config.json published/
expect_refused value-dtype -- tenon convert published twice --quantize nvfp4 --one-way
expect_refused value-dtype -- tenon convert llama none --quantize nvfp4 --one-way --ignore '**'
