# Side files are copied; the index is made anew; the destination has a manifest; nothing else appears.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral --shard-size 200kB
mkdir moe/code && : >moe/empty.txt && printf 'x' >moe/$'caf\xe9' && echo 'x = 1' >moe/code/modeling_moe.py && echo '{{ messages }}' >moe/chat_template.jinja
expect_status 0 tenon convert moe fused --max-shard-size 400kB
for file in tokenizer.json tokenizer_config.json generation_config.json config.json chat_template.jinja code/modeling_moe.py; do
  expect_same_file moe/$file fused/$file
done
[ "$(ls -A | sort | tr '\n' ' ')" = "err fused moe out " ] || fail "left beside the destination: $(ls -A)"
python3 - <<'PYTHON'
import json, os
index = json.load(open("fused/model.safetensors.index.json"))
shards = sorted(name for name in os.listdir("fused") if name.endswith(".safetensors"))
assert sorted(set(index["weight_map"].values())) == shards, (index, shards)
assert "model.layers.0.mlp.experts.gate_up_proj" in index["weight_map"]
assert index["metadata"]["total_size"] == 707200, index["metadata"]
manifest = json.load(open("fused/tenon-manifest.json"))
recorded = {file["name"]: file for file in manifest["side_files"]}
files = {os.path.relpath(os.path.join(where, name), "fused") for where, _, names in os.walk("fused") for name in names}
unrecorded = {"tenon-manifest.json", "caf\udce9"}  # a name that is no UTF-8 cannot stand in JSON
assert set(recorded) == {name for name in files if not name.endswith(".safetensors")} - unrecorded, recorded
for name, file in recorded.items():
    assert file["bytes"] == os.path.getsize(f"fused/{name}") and file["hash"].startswith("xxh3-128:"), file
# XXH3-128 of nothing.
assert recorded["empty.txt"]["hash"] == "xxh3-128:99aa06d3014798d86001c324468d497f", recorded["empty.txt"]
PYTHON
