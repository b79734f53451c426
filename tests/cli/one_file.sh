# A checkpoint of one file stays one file without an index, and a bare .safetensors file is a checkpoint too.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral
expect_status 0 tenon convert moe fused
[ -f fused/model.safetensors ] || fail "no model.safetensors"
expect_absent fused/model.safetensors.index.json
expect_status 0 tenon convert fused back --to original
expect_same_shards moe back
expect_status 0 tenon inspect moe/model.safetensors
expect_text out model.layers.0.block_sparse_moe.experts.7.w3.weight
