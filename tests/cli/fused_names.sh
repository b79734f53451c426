# What becomes of a mixture of experts: one tensor for each list, named and shaped as the optimised model wants it.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral --shard-size 200kB
expect_status 0 tenon convert moe fused
expect_status 0 tenon inspect fused
expect_text out model.layers.0.mlp.experts.gate_up_proj
expect_text out '[8, 192, 64]'
expect_text out model.layers.1.mlp.experts.down_proj
expect_text out '[8, 64, 96]'
expect_text out model.layers.1.mlp.gate.weight
expect_no_text out block_sparse_moe
