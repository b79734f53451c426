# --fuse patch_embeddings: the Conv3d becomes a Linear, config.json says so, and both are undone on the way back.
. "$(dirname "$0")/lib.sh"

make_checkpoint vision --model qwen2_vl
expect_status 0 tenon convert vision fused --fuse patch_embeddings
expect_status 0 tenon inspect fused --keys '**.patch_embed.**'
expect_text out patch_embed.linear_proj.weight
expect_text out '[64, 1176]'
grep -q '"patch_embeddings": *true' fused/config.json || fail "config.json does not carry the family"

expect_status 0 tenon convert fused back --to original
expect_same_shards vision back
expect_same_file vision/config.json back/config.json

expect_refused 'patch_embedings' 'patch_embeddings' -- tenon convert vision fused2 --fuse patch_embedings
make_checkpoint moe --model mixtral
expect_refused "'patch_embeddings' fits no module of this checkpoint" -- tenon convert moe fused2 --fuse patch_embeddings
expect_no_text err 'config\.'
