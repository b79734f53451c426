# tenon parity --backend cuda: every family's modules hold, and agree with the CPU's hashes; needs a GPU.
. "$(dirname "$0")/lib.sh"

make_checkpoint probe --model llama
tenon parity probe --fuse gate_up --layers 0 --backend cuda >out 2>err || grep -q 'does not run here' err || { cat out err >&2; fail 'a gated MLP'; }
grep -q 'does not run here' err && skip "$(grep 'does not run here' err)"

expect_text out 'cuda backend'
expect_text err 'backend: cuda'
for dtype in bf16 fp16 fp32; do
  expect_status 0 tenon parity probe --fuse qkv --fuse gate_up --dtype "$dtype" --backend cuda
  expect_status 0 tenon parity probe --fuse rms_norm_mlp --dtype "$dtype" --tokens 33 --backend cuda
done
for model in mixtral qwen2_moe phimoe deepseek_v3; do
  make_checkpoint "$model" --model "$model"
  expect_status 0 tenon parity "$model" --backend cuda
done
make_checkpoint vision --model qwen2_vl
expect_status 0 tenon parity vision --fuse patch_embeddings --backend cuda
expect_status 0 tenon convert mixtral stacked
expect_status 0 tenon parity mixtral stacked --backend cuda
rm stacked/tenon-manifest.json # from here on a checkpoint that was published with stacked experts
expect_status 0 tenon parity stacked --fuse sequential_experts --backend cuda
