#!/usr/bin/env bash
# Integers of AWQ and GPTQ become those of compressed-tensors, number for number, and go back to the publisher's files.
source "$(dirname "$0")/lib.sh"

coded() { python3 "$root/tests/cli/make_coded.py" "$@"; }
files_of() { (cd "$1" && sha256sum -- *) | grep -v tenon-manifest.json | sort -k2; }

# decode FROM TO: in F16, but for what does not fit into it.
decode() { expect_status 0 tenon convert "$1" "$2" --dtype fp16 --keep '**embed_tokens**' --keep '**norm**' --keep lm_head.weight; }

for kind in awq awq_channel gptq gptq2 gptq8 gptq_v2 gptq_bare; do
  coded "$kind" "$kind"
  expect_status 0 tenon convert "$kind" "$kind-packed" --quantize packed --verify
  expect_text "$kind-packed/config.json" pack-quantized
  ! grep -qE '"(awq|gptq)"' "$kind-packed/config.json" || fail "$kind: config.json still speaks of it"
  expect_status 0 tenon inspect "$kind-packed"
  grep -F '[' out | grep -v tenon_kept >tensors
  expect_text tensors weight_packed
  expect_text tensors weight_zero_point
  ! grep -qE 'qweight|qzeros|scales|g_idx' tensors || { cat tensors >&2; fail "$kind: not all is packed"; }
  expect_status 0 tenon verify "$kind-packed" --against "$kind"
  expect_status 0 tenon convert "$kind-packed" "$kind-back" --to original --verify
  diff <(files_of "$kind") <(files_of "$kind-back") >&2 || fail "$kind: the files are not those that it came from"

  # Read as their readers do, by config.json alone, both mean the same numbers.
  mkdir published
  cp "$kind-packed"/model*.safetensors "$kind-packed/config.json" published/
  decode "$kind" numbers
  decode published same-numbers
  rm numbers/tenon-kept.safetensors same-numbers/tenon-kept.safetensors
  expect_same_tensors numbers same-numbers
  rm -r published numbers same-numbers
done

# What a reader looks for in config.json, and which modules it leaves alone.
python3 - <<'PYTHON'
import json

def said(kind):
    return json.load(open(f"{kind}-packed/config.json"))["quantization_config"]

for kind, bits, group in (("awq", 4, 64), ("awq_channel", 4, None), ("gptq", 4, 64), ("gptq2", 2, 64), ("gptq8", 8, 64)):
    config = said(kind)
    weights = config["config_groups"]["group_0"]["weights"]
    strategy = "channel" if group is None else "group"
    assert (config["quant_method"], config["format"]) == ("compressed-tensors", "pack-quantized"), config
    assert (weights["num_bits"], weights["type"], weights["strategy"], weights.get("group_size")) == (bits, "int", strategy, group), config
    assert weights["symmetric"] is False, config
    assert config["ignore"] == ["lm_head", "model.embed_tokens"], config
PYTHON

# Only g_idx has no place in the other form.
expect_absent awq-packed/tenon-kept.safetensors
expect_absent gptq_bare-packed/tenon-kept.safetensors
expect_status 0 tenon inspect gptq-packed
[ "$(grep -c tenon_kept out)" = "$(grep -c 'tenon_kept.*g_idx' out)" ] || fail "more is kept than g_idx"

# Threads do not matter.
tenon convert awq other --quantize packed --threads 1 -q
expect_same_shards awq-packed other

# Inputs in another order, codes across words, and zero points of two meanings.
coded gptq_act gptq_act
expect_refused value-shape g_idx qweight -- tenon convert gptq_act packed --quantize packed
expect_text err --dtype
coded gptq3 gptq3
expect_refused value-parameter qweight --dtype -- tenon convert gptq3 packed --quantize packed
coded gptq_ones gptq_ones
expect_refused value-ambiguous down_proj.qzeros -- tenon convert gptq_ones packed --quantize packed

# Only these two are packed as they are: not numbers, not other codes, and not a part.
make_checkpoint llama --model llama --layers 1
expect_refused value-dtype .weight int4-g128 -- tenon convert llama packed --quantize packed
coded deepseek deepseek
expect_refused value-dtype mlp.down_proj.weight --dtype -- tenon convert deepseek packed --quantize packed
expect_refused value-parameter --ignore -- tenon convert awq packed --quantize packed --ignore '**down_proj'

# From compressed-tensors to the other two, by a rule of one's own. What the way back could not know is kept.
mkdir published
cp gptq-packed/model*.safetensors gptq-packed/config.json published/
for form in awq gptq; do
  case $form in
    awq) operation='PackedToAwq: {group_size: 64}' ;;
    gptq) operation='PackedToGptq: {num_bits: 4, group_size: 64}' ;;
  esac
  write_rules "$form" <<RULE
- WeightConverter:
    source_patterns: ['proj\.weight_packed$', 'proj\.weight_scale$', 'proj\.weight_shape$', 'proj\.weight_zero_point$']
    target_patterns: [proj.qweight, proj.scales, proj.qzeros]
    operations: [$operation]
RULE
  rm -rf there back
  expect_status 0 tenon convert published there --rules "$form.yaml" --verify
  expect_absent there/tenon-kept.safetensors
  expect_status 0 tenon convert there back --to original --verify
  diff <(files_of published) <(files_of back) >&2 || fail "$form does not come back"
done
