# A destination that exists is refused and left alone; --overwrite replaces it.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral
mkdir fused && echo precious >fused/file
expect_refused fused --overwrite -- tenon convert moe fused
[ "$(cat fused/file)" = precious ] || fail "the old destination was touched"
expect_refused moe -- tenon convert moe moe --overwrite
expect_refused moe -- tenon convert moe moe/inside
expect_status 0 tenon convert moe fused --overwrite
expect_absent fused/file
expect_status 0 tenon convert moe fused --overwrite
