# What is wrong alike in each of 48 layers, or with each of 48 shards, is one message: the first place, how many more, what to do.
. "$(dirname "$0")/lib.sh"

write_rules rules <<'YAML'
  - WeightConverter:
      source_patterns: ['experts\.*.gate$', 'experts\.*.up$']
      target_patterns: experts.gate_up
      operations: [MergeModulelist: {dim: 0}, Concatenate: {dim: 1}]
  - WeightConverter: {source_patterns: 'experts\.*.down$', target_patterns: experts.down, operations: [MergeModulelist: {dim: 0}]}
YAML

# mixture [UP_DTYPE [UP_EXTENTS]]: the tensors of 48 layers of four experts.
mixture() {
  local layer expert
  for layer in $(seq 0 47); do
    for expert in 0 1 2 3; do
      local at=layers.$layer.experts.$expert
      printf '%s.gate BF16 2,3\n%s.up %s %s\n%s.down BF16 3,2\n' $at $at "${1:-BF16}" "${2:-2,3}" $at
    done
  done
}

# expect_brief MORE FIRST_KEY WORD... -- COMMAND...: refused in at most twelve lines, the first of which names the source's key.
expect_brief() {
  local more=$1 key=$2
  shift 2
  expect_refused "$@"
  [ "$(wc -l <err)" -le 12 ] || { cat err >&2; fail "$(wc -l <err) lines for one cause"; }
  case $(head -n 1 err) in "$key"*) ;; *) cat err >&2; fail "the first line does not begin with $key" ;; esac
  grep -q "and $more more, from " err || { cat err >&2; fail "'and $more more' is not said"; }
}

config='{"num_experts": 4}'
mixture | grep -v 'experts\.2\.' | write_tensors gap "$config"
expect_brief 47 layers.0.experts.0. key-gap '2 of 0 to 3 missing' layers.47 rules#0 rules#1 -- tenon convert gap out --rules rules.yaml

mixture | grep -v 'experts\.3\.' | write_tensors short "$config"
expect_brief 47 layers.0.experts.0. key-count '3 experts' 'says 4' layers.47 -- tenon convert short out --rules rules.yaml

mixture | grep -v '\.up ' | write_tensors partner "$config"
expect_brief 47 layers.0.experts.0.gate key-missing-partner up layers.47 -- tenon convert partner out --rules rules.yaml

mixture BF16 2,4 | write_tensors shapes "$config"
expect_brief 47 layers.0.experts.0.gate rule-op-shapes layers.0.experts.0.up '[2, 3]' '[2, 4]' layers.47 -- tenon convert shapes out --rules rules.yaml

mixture F32 | write_tensors dtypes "$config"
expect_brief 47 layers.0.experts.0.gate rule-op-dtypes 'layers.0.experts.0.up is F32' BF16 layers.47 -- tenon convert dtypes out --rules rules.yaml

# Two causes stay two messages.
mixture | grep -v 'layers\.7\.experts\.2\.' | grep -v 'layers\.9\.experts\.3\.' | write_tensors two "$config"
expect_refused key-gap layers.7.experts.0.gate key-count layers.9.experts.0.gate -- tenon convert two out --rules rules.yaml

# Shards that are not there, links, shards that were cut off.
mkdir sharded
python3 - <<'PY'
import json
names = [f"model-{i:05}-of-00048.safetensors" for i in range(1, 49)]
json.dump({"weight_map": {f"layers.{i}.w": name for i, name in enumerate(names)}}, open("sharded/model.safetensors.index.json", "w"))
PY
expect_brief 47 sharded/model-00001 shard-missing model-00048 -- tenon inspect sharded
touch elsewhere
for i in $(seq -f %05g 1 48); do ln -s "$PWD/elsewhere" "sharded/model-$i-of-00048.safetensors"; done
expect_brief 47 sharded/model-00001 link-leaves-folder model-00048 -- tenon inspect sharded
for i in $(seq -f %05g 1 48); do rm "sharded/model-$i-of-00048.safetensors"; printf 'short' >"sharded/model-$i-of-00048.safetensors"; done
expect_brief 47 sharded/model-00001 header-truncated model-00048 -- tenon inspect sharded
