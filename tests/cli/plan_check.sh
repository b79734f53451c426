# tenon plan --check: what the rules decide, kept in few lines; a change of meaning is shown and ends with 1, other changes do not.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral --shard-size 250kB
expect_refused file-absent kept.plan -- tenon plan moe --check kept.plan
expect_status 0 tenon plan moe --check kept.plan --update
expect_status 0 tenon plan moe --check kept.plan
expect_text out 'as it was kept'
tenon plan moe --snapshot 2>/dev/null | cmp - kept.plan || fail "--snapshot prints another form than --check keeps"
[ "$(head -n 1 kept.plan)" = 'tenon-plan 1' ] || fail "the first line is no version"
expect_text kept.plan '65 tensors become 21'
expect_text kept.plan 'tensor model.layers.{i=0..1}.mlp.experts.gate_up_proj BF16'
expect_text kept.plan 'from model.layers.{i}.block_sparse_moe.experts.{0..7}.w1.weight'

# The cut into shards, metadata and order of files are not the rules' doing.
make_checkpoint other --model mixtral
expect_status 0 tenon plan other --check kept.plan
# Headers do as well.
tenon headers moe -o moe.json
expect_status 0 tenon plan moe.json --check kept.plan

# The size does not grow with layers and experts.
make_checkpoint deep --model qwen3_moe --layers 6 2>/dev/null || make_checkpoint deep --model qwen3_moe
tenon plan deep --snapshot >deep.plan 2>/dev/null
[ "$(wc -l <deep.plan)" -lt 60 ] || { cat deep.plan >&2; fail "$(wc -l <deep.plan) lines"; }

# A rule that moves elements otherwise, another shape, another name, an edit that is gone: each is shown, and ends with 1.
cp -r "$root/rules" mine
changed() { # SED_EXPRESSION TEXT...
  cp "$root/rules/models/mixtral.yaml" mine/models/mixtral.yaml
  sed -i "$1" mine/models/mixtral.yaml
  cmp -s "$root/rules/models/mixtral.yaml" mine/models/mixtral.yaml && fail "the rule file was not changed by $1"
  shift
  expect_status 1 tenon plan moe --check kept.plan --rules-dir mine --one-way
  local text
  for text in "$@"; do expect_text out "$text"; done
}
changed 's/experts\.down_proj/experts.down_matrix/' '- tensor model.layers.{i=0..1}.mlp.experts.down_proj' '+ tensor model.layers.{i=0..1}.mlp.experts.down_matrix'
changed 's/w1/wX/; s/w3/w1/; s/wX/w3/' 'gate_up_proj' 'w3.weight'
expect_status 0 tenon plan moe --check mine.plan --update --rules-dir mine --one-way
expect_text out written
expect_status 0 tenon plan moe --check mine.plan --rules-dir mine --one-way
expect_status 1 tenon plan moe --check mine.plan

printf 'hello\n' >no.plan
expect_status 2 tenon plan moe --check no.plan
expect_text err snapshot-malformed
