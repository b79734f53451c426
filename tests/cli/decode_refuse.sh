#!/usr/bin/env bash
# Damaged, lying and unlucky codes: refused with key and place, and nothing is written.
source "$(dirname "$0")/lib.sh"

coded() { rm -rf "$2"; python3 "$root/tests/cli/make_coded.py" "$@"; }
edit() { python3 "$root/tests/cli/edit_tensor.py" "$@"; }
file_of() { grep -l "\"$2\"" "$1"/*.safetensors | head -1; }

scale=model.layers.1.self_attn.q_proj.weight_scale_inv
for bits in 0000c07f 0000807f 00000000 000080bf; do
  coded qwen qwen
  edit "$(file_of qwen "$scale")" "$scale" 4 "$bits"
  # NaN, infinity, zero and a negative one are no scales.
  expect_refused value-scale "$scale" '[0, 1]' -- tenon convert qwen bf16 --dtype bf16
done

# The grid of another block size; told from the headers alone.
coded qwen qwen
sed -i 's/128,/64,/' qwen/config.json
expect_refused value-shape weight_scale_inv -- tenon plan qwen --dtype bf16
# A config.json that does not say it.
coded qwen qwen
sed -i 's/weight_block_size/weight_bloc_size/' qwen/config.json
expect_refused value-parameter weight_block_size -- tenon convert qwen bf16 --dtype bf16

# A shape tensor that lies: a million columns for one word, and none.
for columns in 40420f0000000000 0000000000000000 ffffffffffffffff; do
  coded packed packed
  key=model.layers.0.self_attn.q_proj.weight_shape
  edit "$(file_of packed "$key")" "$key" 8 "$columns"
  expect_refused value-shape q_proj -- tenon convert packed bf16 --dtype bf16
done

# NVFP4 may have blocks whose scale is zero: their codes do not come back from zeros. Kept beside, they do.
coded nvfp4 nvfp4
key=model.layers.0.mlp.down_proj.weight_scale
edit "$(file_of nvfp4 "$key")" "$key" 5 00
expect_refused value-codes-lost "$key" -- tenon convert nvfp4 bf16 --dtype bf16
expect_status 0 tenon convert nvfp4 bf16 --dtype bf16 --keep-codes '**down_proj**' --verify
expect_status 0 tenon convert bf16 back --to original
(cd nvfp4 && sha256sum -- *.safetensors config.json) >before
(cd back && sha256sum -- *.safetensors config.json) >after
expect_same_file before after
expect_status 0 tenon convert nvfp4 lossy --dtype bf16 --one-way

# Infinity into a quantiser.
write_tensors plain '{"model_type": "llama"}' <<<'a.weight F32 2,32'
edit plain/model.safetensors a.weight 0 "$(printf '0000803f%.0s' {1..64})"
edit plain/model.safetensors a.weight 132 0000807f
expect_refused value-nonfinite 'a.weight' '[1, ' inf -- tenon convert plain coded --quantize mxfp4 --one-way

# What was kept and is gone does not come back as something else.
coded qwen qwen
expect_status 0 tenon convert qwen whole --dtype bf16
rm whole/tenon-kept.safetensors
expect_refused kept-missing -- tenon convert whole again --to original
