# A tensor that is another: left out where the bytes are equal and given back, or written under a second name and compared.
. "$(dirname "$0")/lib.sh"

rules() { printf 'tenon: 1\nname: %s\nabout: Rules of a test.\n' "$1" >"$1.yaml"; cat >>"$1.yaml"; }
rules tied <<<'drop: [{keys: [lm_head.weight], equals: embed.weight, reason: tied}]'

config='{"model_type": "of_a_test", "tie_word_embeddings": false}'
write_tensors source "$config" <<'LINES'
embed.weight BF16 40,16 e
lm_head.weight BF16 40,16 e
norm.weight BF16 16
LINES
expect_status 0 tenon convert source without --rules tied.yaml --verify --hash sha256 --no-sync
expect_status 0 tenon inspect without
expect_no_text out lm_head
expect_text without/config.json '"tie_word_embeddings": true'
expect_status 0 tenon verify without --against source
expect_status 0 tenon convert without back --to original --verify --no-sync
expect_same_tensors source back
expect_same_file source/config.json back/config.json

# Other bytes: refused with both names. Another shape: kept, and said.
write_tensors differs "$config" <<'LINES'
embed.weight BF16 40,16 e
lm_head.weight BF16 40,16 other
LINES
expect_refused lm_head.weight embed.weight -- tenon convert differs out1 --rules tied.yaml
write_tensors larger "$config" <<'LINES'
embed.weight BF16 40,16 e
lm_head.weight BF16 41,16 e
LINES
expect_status 0 tenon plan larger --rules tied.yaml
expect_text out 'lm_head.weight (BF16 [41, 16]) is kept: it is not embed.weight'
# A source that changes afterwards is seen by verify.
cp differs/model.safetensors changed.safetensors
cp -r source moved && python3 - <<'PY'
import json
path = "moved/model.safetensors"
raw = bytearray(open(path, "rb").read())
start = 8 + int.from_bytes(raw[:8], "little")
raw[start + json.loads(raw[8:start])["lm_head.weight"]["data_offsets"][0]] ^= 1
open(path, "wb").write(raw)
PY
expect_status 1 tenon verify without --against moved
expect_text out 'lm_head.weight'

rules second <<'YAML'
transforms: [WeightRenaming: {source_patterns: '^wte\.', target_patterns: embed.}]
copy: [{from: embed.weight, to: lm_head.weight}]
YAML
write_tensors untied "$config" <<'LINES'
wte.weight BF16 40,16 e
norm.weight BF16 16
LINES
expect_status 0 tenon convert untied twice --rules second.yaml --verify --hash sha256 --no-sync
write_tensors wanted "$config" <<'LINES'
embed.weight BF16 40,16 e
lm_head.weight BF16 40,16 e
norm.weight BF16 16
LINES
expect_same_tensors twice wanted
expect_status 0 tenon verify twice --against untied
expect_status 0 tenon convert twice once --to original --no-sync
expect_same_tensors untied once
# Without a manifest too; no longer equal: refused with both names.
expect_status 0 tenon convert wanted once2 --to original --rules second.yaml --no-sync
expect_same_tensors untied once2
expect_refused lm_head.weight embed.weight -- tenon convert differs out2 --to original --rules second.yaml
expect_refused lm_head.weight embed.weight -- tenon convert larger out3 --to original --rules second.yaml
# What is to be copied is not there: said. What it would be written over is: refused.
write_tensors neither <<<'norm.weight BF16 16'
expect_status 0 tenon plan neither --rules second.yaml
expect_text out 'no key embed.weight'
write_tensors over <<'LINES'
wte.weight BF16 40,16 e
lm_head.weight BF16 40,16 e
LINES
expect_refused lm_head.weight embed.weight -- tenon convert over out4 --rules second.yaml
