# Faults outside the mutant list are rejected on a GPU: a wrong epsilon, a swapped KV head, half-precision accumulation
# in a kernel, an activation exchanged for its approximation.
. "$(dirname "$0")/lib.sh"

make_checkpoint llama --model llama --hidden 1024 --heads 8 --kv-heads 4 --intermediate 2048 --layers 1
tenon parity llama --fuse gate_up --backend cuda >out 2>err || grep -q 'does not run here' err || { cat out err >&2; fail 'without a fault'; }
grep -q 'does not run here' err && skip "$(grep 'does not run here' err)"

library=$(dirname "$(readlink -f "$TENON")")
for rules in "$library/rules" "$library/../rules" "$root/rules"; do [ -d "$rules" ] && break; done
# faulty FILE SED_SCRIPT: the library with one rule file changed.
faulty() {
  rm -rf faulty && cp -r "$rules" faulty
  sed -i "$2" "faulty/$1"
  ! cmp -s "faulty/$1" "$rules/$1" || fail "nothing was planted in $1"
}

faulty fusions/rms_norm_mlp.yaml '/^ *epsilon: \*epsilon$/s/\*epsilon/1.0e-5/'
expect_status 1 tenon parity llama --fuse rms_norm_mlp --rules-dir faulty --backend cuda
expect_text out 'bitwise   FAILS'

faulty fusions/gate_up.yaml '/down_bias:/s/act: \*act/act: gelu_tanh/'
expect_status 1 tenon parity llama --fuse gate_up --rules-dir faulty --backend cuda
expect_text out 'bitwise   FAILS'
expect_status 1 tenon parity llama --fuse gate_up --rules-dir faulty --backend cuda --dtype fp32
expect_text out 'no worse  FAILS'

expect_status 0 tenon convert llama fused --fuse qkv
python3 - fused/model.safetensors <<'SWAP'
import json, struct, sys
with open(sys.argv[1], "r+b") as file:
    (length,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(length))
    tensor = header["model.layers.0.self_attn.qkv_proj.weight"]
    row = tensor["shape"][1] * 2
    first = 8 + length + tensor["data_offsets"][0] + 8 * 128 * row  # the first KV head's keys
    file.seek(first)
    one, other = file.read(128 * row), file.read(128 * row)
    file.seek(first)
    file.write(other + one)
SWAP
expect_status 1 tenon parity llama fused --fuse qkv --backend cuda
for check in bytes bitwise bounded; do grep -qE "$check +FAILS" out || { cat out >&2; fail "$check does not reject a swapped KV head"; }; done

half=$library/kernels/tests/libtenon_cuda_half.so  # a build folder
[ -f "$half" ] || half=$library/lib/tenon/tests/libtenon_cuda_half.so  # a bundle to which it was added
[ -f "$half" ] || skip 'no module with half-precision accumulation; the other faults were rejected'
for dtype in bf16 fp16; do
  TENON_CUDA_MODULE=$half expect_status 1 tenon parity llama --fuse gate_up --dtype "$dtype" --backend cuda
  grep -qE '(bounded|no worse) +FAILS' out || { cat out >&2; fail "half-precision accumulation in $dtype is not rejected"; }
done
