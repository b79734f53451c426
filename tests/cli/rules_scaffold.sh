# A draft made from two checkpoints converts the one into the other.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral
expect_status 0 tenon convert moe fused
expect_status 0 tenon rules scaffold moe fused --name drafted
cp out drafted.yaml
expect_status 0 tenon convert moe again --rules drafted.yaml
expect_status 0 tenon diff fused again
