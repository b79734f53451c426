# 0: done. 1: a check found something. 2: the input is wrong. 3: the system failed.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral
make_checkpoint other --model mixtral --seed 1
expect_status 0 tenon diff moe moe
expect_status 1 tenon diff moe other
expect_status 2 tenon
expect_status 2 tenon convert moe
expect_status 2 tenon convert absent fused
expect_text err absent
head -c 1000 moe/model.safetensors >other/model.safetensors
expect_status 2 tenon inspect other
expect_text err other/model.safetensors
# A file may grow to 64 KiB here: the system refuses the rest.
(trap '' XFSZ && ulimit -f 64 && expect_status 3 tenon convert moe fused)
expect_text err fused
expect_absent fused
