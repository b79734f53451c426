# explain: which transform took a key where, which did not fire, and near names for a key that does not exist.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral
expect_status 0 tenon explain moe model.layers.0.block_sparse_moe.experts.3.w1.weight
expect_text out model.layers.0.mlp.experts.gate_up_proj
expect_text out Concatenate
expect_status 2 tenon explain moe model.layers.0.block_sparse_moe.experts.3.w1.wieght
expect_text err model.layers.0.block_sparse_moe.experts.3.w1.weight
