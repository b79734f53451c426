# A destination that exists is refused and left alone; --overwrite replaces it.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral
mkdir fused && echo precious >fused/file
expect_refused fused --overwrite -- tenon convert moe fused
[ "$(cat fused/file)" = precious ] || fail "the old destination was touched"
expect_refused moe -- tenon convert moe moe --overwrite
expect_refused moe -- tenon convert moe moe/inside
expect_refused "no checkpoint's folder" -- tenon convert moe fused --overwrite
expect_status 0 tenon convert moe made
touch made/stale
expect_refused made --overwrite -- tenon convert moe made
expect_status 0 tenon convert moe made --overwrite
expect_absent made/stale
