# The model types that tools/make-checkpoint makes: rules found by config.json, there and back without a changed byte.
. "$(dirname "$0")/lib.sh"

for model in mixtral phimoe olmoe qwen2_moe qwen3_moe deepseek_v3 gpt_neox qwen2_vl qwen2_5_vl qwen3_vl_moe llava jamba lfm2_moe \
  ernie4_5_vl_moe hrm_text inkling_mm_model jina_embeddings_v3 kimi_k25 kimi_linear minimax_m3_vl nemotron_h nomic_bert \
  olmo_hybrid qianfan_ocr rf_detr sapiens2 step3p5_vision step3p7 tipsv2_vision_model; do
  make_checkpoint $model --model $model --shard-size 200kB
  sha256sum $model/* >before
  tenon convert $model fused --no-sync --max-shard-size 200kB >/dev/null 2>err || { cat err; fail "$model: not converted"; }
  tenon convert fused back --to original --no-sync --max-shard-size 200kB >/dev/null 2>err || { cat err; fail "$model: not taken back"; }
  expect_same_tensors $model back
  tenon diff $model back >out || { cat out; fail "$model: diff sees differences"; }
  expect_same_file $model/config.json back/config.json
  sha256sum --quiet -c before || fail "$model: the source was changed"
  rm -r fused back
done
