# The same bytes, whatever the number of threads; the manifest included, but for what it says about the run.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model qwen2_moe --shard-size 200kB --layers 3
for threads in 1 2 7; do
  tenon convert moe fused$threads --threads $threads --no-sync --max-shard-size 300kB >/dev/null
done
for threads in 2 7; do
  expect_same_shards fused1 fused$threads
  expect_same_file fused1/model.safetensors.index.json fused$threads/model.safetensors.index.json
  expect_same_file fused1/tenon-manifest.json fused$threads/tenon-manifest.json
done
expect_status 2 tenon convert moe fused3 --threads -1
expect_absent fused3
