# card: what a model card says of a converted checkpoint, both ways; a folder without a manifest is refused.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral
expect_status 0 tenon convert moe fused --fuse qkv
expect_status 0 tenon card fused
expect_text out 'in the *fused* layout'
expect_text out 'Rules: `mixtral`, `qkv`; plan `xxh3-128:'
expect_text out 'convert DIR BACK --to original'
expect_no_text out "$PWD"
expect_status 0 tenon convert fused back --to original
expect_status 0 tenon card back
expect_text out 'in the *original* layout'
expect_status 0 tenon convert moe half --dtype fp16 --one-way
expect_status 0 tenon card half
expect_text out '`dtype-f16`'
expect_text out 'one-way'
expect_refused 'tenon-manifest.json' -- tenon card moe
