# The library's module programs, each on a small checkpoint that its rules convert.
. "$(dirname "$0")/lib.sh"

while read -r model programs; do
  make_checkpoint "$model" --model "$model"
  expect_status 0 tenon parity "$model" --tokens 5
  expect_text out HOLDS
  for program in $programs; do
    expect_text out "($program, BF16)"
    echo "$program" >>seen
  done
  rm -r "$model"
done <<'TABLE'
mixtral             experts_router_w123
qwen2_moe           experts_router
deepseek_v3         experts_grouped_router
phimoe              experts_named_router_w123
qwen3_vl_moe        experts_turned
olmoe               experts_router
jamba               experts_named_router
lfm2_moe            experts_router_w123
kimi_linear         experts_grouped_router_w123 joined_conv1d
nemotron_h          experts_ungated
ernie4_5_vl_moe     text_experts vision_experts experts
step3p7             experts_joined split_in_proj_rope
inkling_mm_model    experts_interleaved shared_experts_interleaved split_w13
minimax_m3_vl       joined_gate_up
hrm_text            split_gate_up split_gated_qkv
sapiens2            split_w12
olmo_hybrid         joined_conv1d
tipsv2_vision_model split_qkv
qianfan_ocr         split_qkv_short
nomic_bert          split_attn_wqkv
jina_embeddings_v3  split_mixer_wqkv
rf_detr             split_in_proj
kimi_k25            split_qkv_rope
step3p5_vision      split_in_proj_rope
TABLE

# None is left out but the one for experts named so without a router, which no model type has.
echo experts_w123 >>seen
sed -n 's/^  - name: //p' "$root"/rules/parity/*.yaml | sort >wanted
[ "$(sort -u seen)" = "$(cat wanted)" ] || { diff <(sort -u seen) wanted >&2; fail "not every program was run"; }

# Where rows are permuted for RoPE, that they are not is planted and seen, of queries and of keys.
for model in kimi_k25 step3p5_vision; do
  make_checkpoint $model --model $model --vision-layers 1
  expect_status 0 tenon parity $model --tokens 5 --json
  [ "$(grep -c '"RoPE permutation left out"' out)" = 2 ] || { cat out >&2; fail "$model: not two permutations left out"; }
done

# A module that a program of the library does not fit is left out, with the reason.
make_checkpoint strange --model qwen2_moe
sed -i '/num_experts_per_tok/d' strange/config.json
expect_status 1 tenon parity strange
expect_text out 'experts_router at model.layers.0.mlp'
expect_text out num_experts_per_tok
