# A text model out of a vision-language one and back in; draft layers split off and put back.
. "$(dirname "$0")/lib.sh"

rules() { printf 'tenon: 1\nname: %s\nabout: Rules of a test.\n' "$1" >"$1.yaml"; cat >>"$1.yaml"; }
vlm='{
    "model_type": "a_vlm", "architectures": ["AForConditionalGeneration"], "tie_word_embeddings": false,
    "vision_config": {"depth": 1},
    "text_config": {"model_type": "a_text", "num_hidden_layers": 2, "vocab_size": 8}
}'
lines() {
  printf '%s BF16 8,4 %s\n' model.language_model.embed_tokens.weight "$1" lm_head.weight "$1h"
  printf 'model.language_model.layers.%d.mlp.up_proj.weight BF16 4,4 %s\n' 0 "$1a" 1 "$1b"
  printf '%s BF16 4,4\n' model.visual.blocks.0.proj.weight model.visual.merger.weight
}
lines t | write_tensors vlm "$vlm"
# part_rules NAME extract|insert
part_rules() {
  rules "$1" <<YAML
$2:
  module: model.language_model
  as: model
  keys: [lm_head.**]
  config: text_config
  set: {model_type: a_text_model, architectures: [AForCausalLM]}
YAML
}
part_rules text extract

# Out: the text model alone, under its own names, with its own config.json.
expect_status 0 tenon convert vlm text --rules text.yaml --verify --hash sha256 --no-sync
expect_text err 'model.visual.blocks.0.proj.weight'
write_tensors wanted <<'LINES'
model.embed_tokens.weight BF16 8,4 t
lm_head.weight BF16 8,4 th
model.layers.0.mlp.up_proj.weight BF16 4,4 ta
model.layers.1.mlp.up_proj.weight BF16 4,4 tb
LINES
expect_same_tensors text wanted
python3 - <<'PY'
import json
assert json.load(open("text/config.json")) == {
    "model_type": "a_text_model", "architectures": ["AForCausalLM"], "num_hidden_layers": 2, "vocab_size": 8,
    "tie_word_embeddings": False,
}, open("text/config.json").read()
PY
expect_status 0 tenon verify text --against vlm
expect_status 0 tenon plan vlm --rules text.yaml --json
expect_text out 'not of the part at model.language_model'
expect_status 0 tenon explain vlm model.visual.merger.weight --rules text.yaml
expect_text out 'not of the part at model.language_model'
expect_status 0 tenon explain vlm lm_head.weight --rules text.yaml
expect_status 0 tenon lint text.yaml --strict
expect_status 0 tenon lint text.yaml --against vlm
expect_status 0 tenon rules show text.yaml
expect_text out 'model.language_model'

# Back: the whole is needed for the rest, and is given again byte for byte.
expect_refused model.language_model --into -- tenon convert text back --to original
expect_status 0 tenon convert text back --to original --into vlm --verify --no-sync
expect_same_file vlm/model.safetensors back/model.safetensors
expect_same_file vlm/config.json back/config.json
expect_status 0 tenon verify back --against text --into vlm

# A part that was trained since, and whose config.json was edited, goes back with both.
cp -r text tuned && python3 - <<'PY'
import json
path = "tuned/model.safetensors"
raw = bytearray(open(path, "rb").read())
raw[-1] ^= 1
open(path, "wb").write(raw)
config = json.load(open("tuned/config.json"))
config["rope_theta"] = 5
json.dump(config, open("tuned/config.json", "w"))
PY
expect_status 0 tenon convert tuned put --to original --into vlm --no-sync
expect_status 1 tenon diff vlm put
python3 - <<'PY'
import json
was, now = json.load(open("vlm/config.json")), json.load(open("put/config.json"))
was["text_config"]["rope_theta"] = 5
assert was == now, now
PY

# In, by a rule: the original layout is the part's. Then out again.
part_rules put_text insert
mkdir plain && cp tuned/model.safetensors tuned/config.json plain/
expect_refused --into -- tenon convert plain in --rules put_text.yaml
expect_status 0 tenon convert plain in --rules put_text.yaml --into vlm --verify --hash sha256 --no-sync
expect_same_tensors put in
expect_status 0 tenon verify in --against plain --into vlm
expect_status 0 tenon convert in out_again --to original --verify --no-sync
expect_same_file plain/model.safetensors out_again/model.safetensors
expect_same_file plain/config.json out_again/config.json
# Without a manifest: the part's config.json is made of the whole's.
mkdir bare && cp in/model.safetensors in/config.json bare/
expect_status 0 tenon convert bare bare_text --rules put_text.yaml --to original --no-sync
expect_same_tensors bare_text tuned
expect_status 0 cmp <(python3 -c 'import json; print(sorted(json.load(open("bare_text/config.json"))))') \
  <(python3 -c 'import json; print(sorted(json.load(open("tuned/config.json"))))')

# What does not fit the whole is refused, by its names.
lines t | sed 's/8,4/9,4/' | write_tensors larger "$vlm"
expect_refused model.embed_tokens.weight '[8, 4]' '[9, 4]' -- tenon convert plain x --rules put_text.yaml --into larger
write_tensors short '{"model_type": "a_text_model"}' <<'LINES'
model.embed_tokens.weight BF16 8,4 t
model.layers.0.mlp.up_proj.weight BF16 4,4 ta
LINES
expect_refused lm_head.weight --fill-from -- tenon convert short x --rules put_text.yaml --into vlm
write_tensors beyond '{"model_type": "a_text_model"}' <<'LINES'
model.embed_tokens.weight BF16 8,4 t
score.weight BF16 2,4
LINES
expect_refused score.weight keys -- tenon convert beyond x --rules put_text.yaml --into vlm
lines t | grep -v merger | write_tensors poorer "$vlm"
expect_refused model.visual.merger.weight -- tenon convert text x --to original --into poorer
expect_refused model.language_model -- tenon convert plain x --rules text.yaml
expect_refused --into insert -- tenon convert vlm x --rules text.yaml --into vlm
rules both <<'YAML'
extract: {module: a}
insert: {module: b}
YAML
expect_refused 'one part' -- tenon convert vlm x --rules both.yaml

# Draft layers stand behind the last one, and are numbered from 0 in a folder of their own.
mtp='{"model_type": "of_a_test", "num_hidden_layers": 2, "num_nextn_predict_layers": 2}'
{ printf 'model.layers.%d.mlp.up_proj.weight BF16 4,4\n' 0 1 2 3
  printf 'model.layers.%d.eh_proj.weight BF16 4,8\n' 2 3
  printf '%s BF16 8,4\n' model.embed_tokens.weight lm_head.weight; } | write_tensors mtp "$mtp"
rules draft <<'YAML'
extract:
  module: model.layers
  as: layers
  from: ${config.num_hidden_layers}
  set: {num_hidden_layers: '${config.num_nextn_predict_layers}', architectures: [ADraft]}
YAML
rules without_draft <<'YAML'
extract:
  module: model.layers
  below: ${config.num_hidden_layers}
  keys: ['**']
  set: {num_nextn_predict_layers: 0}
YAML
expect_status 0 tenon convert mtp draft --rules draft.yaml --verify --no-sync
expect_status 0 tenon inspect draft
for key in layers.0.mlp.up_proj.weight layers.1.eh_proj.weight; do expect_text out $key; done
expect_no_text out model.layers
expect_text draft/config.json '"num_hidden_layers": 2'
expect_status 0 tenon convert mtp base --rules without_draft.yaml --verify --no-sync
expect_status 0 tenon inspect base
expect_no_text out eh_proj
expect_text base/config.json '"num_nextn_predict_layers": 0'
# Each of the two is the other's rest.
expect_status 0 tenon convert draft whole --to original --into base --verify --no-sync
expect_same_file mtp/model.safetensors whole/model.safetensors
expect_same_file mtp/config.json whole/config.json
# Layer 0 of the draft beside layer 0 of the model: one name twice on the way.
rules renumbered <<'YAML'
extract: {module: model.layers, from: 2}
YAML
expect_status 0 tenon convert mtp same_names --rules renumbered.yaml --verify --no-sync
expect_status 0 tenon inspect same_names
expect_text out model.layers.0.eh_proj.weight
expect_status 0 tenon convert same_names whole2 --to original --into base --verify --hash sha256 --no-sync
expect_same_file mtp/model.safetensors whole2/model.safetensors
expect_status 0 tenon verify whole2 --against same_names --into base
