# The library's module programs, each on a small checkpoint that its rules convert.
. "$(dirname "$0")/lib.sh"

while read -r model programs; do
  make_checkpoint "$model" --model "$model"
  expect_status 0 tenon parity "$model" --tokens 5
  expect_text out HOLDS
  for program in $programs; do
    expect_text out "($program: "
    echo "$program" >>seen
  done
  rm -r "$model"
done <<'TABLE'
mixtral             softmax_normalised
qwen2_moe           softmax_by_config
deepseek_v3         sigmoid_groups
phimoe              one_after_the_other
qwen3_vl_moe        turned_softmax
olmoe               softmax_by_config
jamba               softmax_plain
lfm2_moe            sigmoid_lfm2
kimi_linear         sigmoid_groups joined_conv1d
nemotron_h          ungated_sigmoid_groups
ernie4_5_vl_moe     text_of_two_kinds pictures_of_two_kinds
step3p7             joined_stacks_step3 split_picture_in_proj
inkling_mm_model    shared_in_the_sum split_w13
minimax_m3_vl       joined_sigmoid_m3
hrm_text            split_gate_up split_gated_attention
sapiens2            split_w12
olmo_hybrid         joined_conv1d
tipsv2_vision_model split_attention
qianfan_ocr         split_attention
nomic_bert          split_attention
jina_embeddings_v3  split_attention
rf_detr             split_attention_of_places
kimi_k25            split_picture_attention
step3p5_vision      split_picture_in_proj
TABLE

# An attention of a type that is not named has its projections compared, and the report says so.
while read -r model rules program; do
  make_checkpoint "$model" --model "$model"
  sed -i -E 's/("model_type": *")[a-z0-9_]*(vision|bert|hrm_text|kimi_k25|rf_detr)"/\1another_\2"/' "$model/config.json"
  grep -q another_ "$model/config.json" || fail "$model: no model type was changed"
  expect_status 0 tenon parity "$model" --rules "$rules" --tokens 5 --allow-uncovered
  expect_text out "($program: projections"
  echo "$program" >>seen
  rm -r "$model"
done <<'TABLE'
nomic_bert          nomic_bert          split_qkv
hrm_text            hrm_text            split_gated_qkv
kimi_k25            kimi_k25            split_qkv_rope
step3p5_vision      step3p5_vision      split_in_proj_rope
rf_detr             RfDetrModel         split_in_proj
TABLE

# Those that are not run here are about the same modules on other terms: a router's type by another model's config
# (tests/golden/modules.json has them), a module whose shared experts another family has joined, experts without their router.
sed -n 's/^  - name: //p' "$root"/rules/parity/*.yaml | grep -vE '^(joined_s|joined_cohere|joined_gate_up|routed_)|^(sigmoid|sqrtsoftplus|softmax)_|^(cohere|stacks_of_chosen|shared_interleaved|split_in_proj_attention|experts(_(ungated|turned|interleaved|joined))?)$' | sort >wanted
[ "$(sort -u seen | comm -13 - wanted)" = "" ] || { sort -u seen | comm -13 - wanted >&2; fail "not every program was run"; }

# A module that a program of the library does not fit is left out, with the reason.
make_checkpoint strange --model qwen2_moe
sed -i '/num_experts_per_tok/d' strange/config.json
expect_status 1 tenon parity strange
expect_text out 'softmax_by_config at model.layers.0.mlp'
expect_text out num_experts_per_tok
