# --fuse sequential_experts: a checkpoint with one Linear per expert stays as it is, where it would have been stacked.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model qwen3_moe
expect_status 0 tenon convert moe sequential --fuse sequential_experts
expect_text err 'no transform applies to this checkpoint'
expect_same_shards moe sequential

expect_status 0 tenon convert moe stacked
expect_status 0 tenon inspect stacked
expect_text out 'mlp.experts.gate_up_proj'
