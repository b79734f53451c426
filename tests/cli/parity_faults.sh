# Faults that no mutant of a run plants: a wrong epsilon, exchanged KV heads, an activation's approximation. All are rejected.
# (Sums kept in half precision: tests/unit/parity_bounds_test.cc.)
. "$(dirname "$0")/lib.sh"

make_checkpoint llama --model llama --kv-heads 2
cp -r "$root/rules" rules

# The fused norm adds 1e-5 instead of the config's 1e-6.
sed -i 's/^        epsilon: \*epsilon/        epsilon: 0.00001/' rules/fusions/rms_norm_mlp.yaml
expect_status 0 tenon parity llama --fuse rms_norm_mlp
expect_status 1 tenon parity llama --fuse rms_norm_mlp --rules-dir rules --tokens 64
expect_text out '  bitwise   FAILS'
expect_status 1 tenon parity llama --fuse rms_norm_mlp --rules-dir rules --dtype fp32
expect_text out '  bitwise   FAILS'

# The activation's tanh form: other bits in BF16, a hundred times the error in FP32.
sed -i 's/"silu"/"gelu"/' llama/config.json
sed -i '/down_bias:/s/act: \*act/act: gelu_tanh/' rules/fusions/gate_up.yaml
expect_status 0 tenon parity llama --fuse gate_up
expect_status 1 tenon parity llama --fuse gate_up --rules-dir rules
expect_text out '  bitwise   FAILS'
expect_status 1 tenon parity llama --fuse gate_up --rules-dir rules --dtype fp32
expect_text out '  no worse  FAILS'

# The converted checkpoint's key heads stand in each other's places: rows 64 to 79 and 80 to 95 of 16 a head.
expect_status 0 tenon convert llama fused --fuse qkv
expect_status 0 tenon parity llama fused --fuse qkv
python3 "$root/tests/cli/edit_bytes.py" fused model.layers.0.self_attn.qkv_proj.weight swap 16 4 5
expect_status 1 tenon parity llama fused --fuse qkv
for check in bytes bitwise bounded; do expect_text out "  $(printf %-9s $check) FAILS"; done
expect_text out 'worst: model.layers.0.self_attn of attention, layer 0'
