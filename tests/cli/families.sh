# A family takes the modules that qualify and leaves the others alone, saying so; there and back, with a manifest and without.
. "$(dirname "$0")/lib.sh"

# there_and_back SRC FAMILY: with a manifest, and without.
there_and_back() {
  rm -rf made back
  expect_status 0 tenon convert "$1" made --fuse "$2"
  cp err said
  expect_status 0 tenon convert made back --to original
  expect_same_shards "$1" back
  rm made/tenon-manifest.json
  expect_status 0 tenon convert made again --to original --fuse "$2"
  expect_same_tensors "$1" again
  rm -r again
}

# What a family makes is no key of a model whose keys the library knows: it is made all the same.
names='language_model.layers.0.mlp'
{ echo 'language_model.embed_tokens.weight BF16 8,4'; for n in gate up; do echo "$names.${n}_proj.weight BF16 6,4"; done; echo "$names.down_proj.weight BF16 4,6"; } |
  write_tensors known '{"model_type": "paddleocr_vl", "architectures": ["PaddleOCRVLModel"]}'
there_and_back known gate_up
expect_status 0 tenon inspect made
expect_text out "$names.gate_up_proj.weight"

# One layer has its projections joined already, of other sizes.
config='{"model_type": "of_a_test", "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 2, "hidden_size": 8, "num_hidden_layers": 2}'
{ for n in q:8 k:4 v:4; do echo "model.layers.0.self_attn.${n%:*}_proj.weight BF16 ${n#*:},8"; done; echo 'model.layers.1.self_attn.qkv_proj.weight BF16 24,8'; } | write_tensors partly "$config"
there_and_back partly qkv
expect_text said 'leaves model.layers.1.self_attn alone: it has qkv_proj.weight already'

# The text's MLPs are published joined, the vision tower's are not.
{ for at in text.layers.0.mlp vision.blocks.0.mlp; do echo "$at.down_proj.weight BF16 4,6"; done; echo 'text.layers.0.mlp.gate_up_proj.weight BF16 12,4'
  for n in gate up; do echo "vision.blocks.0.mlp.${n}_proj.weight BF16 6,4"; done; } | write_tensors halves
rm -rf made back
expect_status 0 tenon convert halves made --fuse gate_up
expect_text err 'leaves text.layers.0.mlp alone'
expect_status 0 tenon convert made back --to original
expect_same_shards halves back

# One Linear per expert is how the publisher has it: a family that leaves it so has nothing to take back.
make_checkpoint moe --model qwen3_moe
expect_status 0 tenon convert moe each --fuse sequential_experts
rm each/tenon-manifest.json
expect_refused 'already in the original layout' mlp.experts.0 --assume-layout -- tenon convert each nowhere --to original --fuse sequential_experts
