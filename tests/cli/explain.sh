# explain: which transform took a key where, which did not fire, and near names for a key that does not exist.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral
expect_status 0 tenon explain moe model.layers.0.block_sparse_moe.experts.3.w1.weight
expect_text out model.layers.0.mlp.experts.gate_up_proj
expect_text out Concatenate
expect_status 2 tenon explain moe model.layers.0.block_sparse_moe.experts.3.w1.wieght
expect_text err model.layers.0.block_sparse_moe.experts.3.w1.weight

# Many keys: a table. Of one that nothing matches, near ones.
expect_status 0 tenon explain moe '**.layers.1.**.experts.3.*.weight'
[ "$(wc -l <out)" = 4 ] || fail "three tensors of expert 3, and a title"
grep -qE '^model.layers.1.block_sparse_moe.experts.3.w3.weight +model.layers.1.mlp.experts.gate_up_proj +MergeModulelist' out || fail "w3 is missing"
expect_status 0 tenon explain moe '**.layers.1.mlp.experts.down_*'
expect_text out model.layers.1.block_sparse_moe.experts.7.w2.weight
expect_status 0 tenon explain moe
[ "$(wc -l <out)" = 66 ] || fail "65 tensors and a title"
expect_status 2 tenon explain moe '**.nothing'
expect_text err 'error[key-unknown]: no key of this checkpoint matches'
expect_status 2 tenon explain moe --json

# On the way back: a converter makes several keys, and the one that was asked for is followed through the renamings behind it.
key=model.layers.1.block_sparse_moe.experts.3.w3.weight
make_checkpoint mixture --model mixtral
expect_status 0 tenon convert mixture stacked
expect_status 0 tenon explain stacked $key --to original
expect_text out "-> model.layers.1.mlp.experts.3.w3.weight"
expect_text out "-> $key"
expect_status 0 tenon explain stacked $key --to original --json
python3 - $key out <<'PY'
import json, sys
key, document = sys.argv[1], json.load(open(sys.argv[2]))
made = [s["made"] for s in document["steps"] if s["made"]]
assert made[-1] == key, made
back = [s["made"] for s in document["back_steps"] if s["made"]]
assert back[-1] == "model.layers.1.mlp.experts.gate_up_proj", back
PY
