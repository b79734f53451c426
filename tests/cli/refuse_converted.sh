# A checkpoint that is in the wanted layout already is recognised and refused, with a manifest and without.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model qwen2_moe
expect_status 0 tenon convert moe fused
expect_refused fused -- tenon convert fused twice
rm fused/tenon-manifest.json
expect_refused fused -- tenon convert fused twice
expect_status 0 tenon convert fused back --to original
expect_same_tensors moe back
