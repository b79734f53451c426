# --dry-run shows the plan and writes nothing.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral --shard-size 200kB
tenon plan moe >plan
expect_status 0 tenon convert moe fused --dry-run
expect_same_file plan out
expect_absent fused
[ "$(ls -A | sort | tr '\n' ' ')" = "err moe out plan " ] || fail "something was written: $(ls -A)"
