# tenon headers: one small file stands for the checkpoint wherever no tensor is read, and nowhere else.
. "$(dirname "$0")/lib.sh"

for model in mixtral qwen3_moe deepseek_v3; do
  make_checkpoint "$model" --model "$model" --shard-size 250kB
  tenon headers "$model" -o "$model.json"
  tenon plan "$model" --golden >whole 2>/dev/null
  tenon plan "$model.json" --golden >headers 2>/dev/null
  cmp whole headers || fail "the plan of the headers of $model is another one"
  tenon plan "$model" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["hash"])' >whole
  tenon plan "$model.json" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["hash"])' >headers
  cmp whole headers || fail "the hash of the plan of $model is another one"
  tenon inspect "$model" --json | python3 -c 'import json, sys; print([(t["key"], t["dtype"], t["shape"], t["bytes"], t["shard"]) for t in json.load(sys.stdin)["tensors"]])' >whole
  tenon inspect "$model.json" --json | python3 -c 'import json, sys; print([(t["key"], t["dtype"], t["shape"], t["bytes"], t["shard"]) for t in json.load(sys.stdin)["tensors"]])' >headers
  cmp whole headers || fail "inspect shows other tensors of $model"
  # Headers of headers are the same.
  tenon headers "$model.json" | cmp - "$model.json" || fail "headers of headers differ"
  expect_status 0 tenon diff "$model" "$model.json" --headers
  expect_text out 'the same'
done
# It is small: what repeats is one line.
[ "$(wc -c <mixtral.json)" -lt 6000 ] || fail "the headers take $(wc -c <mixtral.json) bytes"
expect_text mixtral.json 'experts.{3..7}.w1.weight'
tenon lint "$root/rules/models/mixtral.yaml" --against mixtral >whole 2>&1 || true
tenon lint "$root/rules/models/mixtral.yaml" --against mixtral.json >headers 2>&1 || true
cmp whole headers || { cat headers >&2; fail "lint says something else about headers"; }
expect_text headers '1 file'
tenon explain mixtral.json model.layers.0.block_sparse_moe.experts.3.w1.weight 2>/dev/null | grep -q gate_up_proj || fail "explain does not take headers"
tenon convert mixtral fused >/dev/null 2>&1
tenon headers fused -o fused.json
status=0; tenon rules scaffold mixtral.json fused.json >draft.yaml 2>err || status=$?
[ "$status" -le 1 ] || fail "scaffold does not take headers"
expect_text draft.yaml MergeModulelist

# Where tensors are read it is refused, and nothing is made.
for command in 'convert mixtral.json new' 'diff mixtral mixtral.json' 'parity mixtral.json' 'parity mixtral fused.json' 'verify fused --against mixtral.json'; do
  # shellcheck disable=SC2086
  expect_refused headers-no-tensors -- tenon $command
done
expect_status 0 tenon convert mixtral.json new --dry-run
expect_absent new

# What is no such file says so.
for text in '{}' '[]' '{"tenon_headers": 2}' '{"tenon_headers": 1}' '{"tenon_headers": 1, "shards": [1]}' '{"tenon_headers": 1, "shards": [{"file": "../a", "tensors": {}}]}' \
  '{"tenon_headers": 1, "shards": [{"file": "a", "tensors": {"x": "BF16"}}]}' '{"tenon_headers": 1, "shards": [{"file": "a", "tensors": {"x": "BF17 [1]"}}]}' \
  '{"tenon_headers": 1, "shards": [{"file": "a", "tensors": {"x": "BF16 [-1]"}}]}' '{"tenon_headers": 1, "shards": [{"file": "a", "tensors": {"x": "BF16 [4611686018427387904, 4]"}}]}' \
  '{"tenon_headers": 1, "shards": [{"file": "a", "tensors": {"x.{0..99999999}": "BF16 [1]"}}]}' '{"tenon_headers": 1, "shards": [{"file": "a", "tensors": {"x.{5..2}": "BF16 [1]"}}]}' \
  '{"tenon_headers": 1, "shards": [{"file": "a", "tensors": {"x": "BF16 [1]"}}, {"file": "b", "tensors": {"x": "BF16 [1]"}}]}' \
  '{"tenon_headers": 1, "config": 3, "shards": []}' '{"tenon_headers": 1, "shards": [{"file": "a", "metadata": {"x": 1}, "tensors": {}}]}'; do
  printf '%s' "$text" >bad.json
  expect_refused headers-malformed bad.json -- tenon plan bad.json
done
