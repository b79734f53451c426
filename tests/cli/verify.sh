# verify: a converted folder against its manifest and its source, in either direction; a changed byte is found and named.
. "$(dirname "$0")/lib.sh"

# flip_last_byte FILE
flip_last_byte() {
  python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(-1, 2); b = f.read(1); f.seek(-1, 2); f.write(bytes([b[0] ^ 1]))' "$1"
}
make_checkpoint moe --model mixtral
expect_status 0 tenon convert moe fused --verify --hash sha256 --no-sync
expect_status 0 tenon convert fused back --to original --verify --no-sync
expect_status 0 tenon verify fused
expect_status 0 tenon verify fused --against moe
expect_status 0 tenon verify back --against fused

# Files beside the shards: edited, lost, put there since.
cp -r fused edited && printf '\n' >>edited/config.json && rm edited/tokenizer.json && : >edited/README.md
expect_status 1 tenon verify edited
expect_text out 'config.json: it has'
expect_text out 'tokenizer.json: is missing in edited'
expect_no_text out README.md
expect_text out '2 wrong'
expect_text err 'every tensor is as it was'
expect_status 0 tenon verify edited --tensors-only
flip_last_byte edited/generation_config.json
expect_status 1 tenon verify edited --json
python3 -c 'import json; r = json.load(open("out")); assert r["side_files"] == 4 and [f["key"] for f in r["findings"]] == \
  ["config.json", "generation_config.json", "tokenizer.json"], r'
cp fused/model.safetensors edited/extra.safetensors
expect_status 1 tenon verify edited
expect_text out 'extra.safetensors: is no shard of this checkpoint'
rm -r edited

expect_status 0 tenon convert moe shards --max-shard-size 200kB --no-sync --hash none
expect_status 0 tenon verify shards
cp -r shards other && sed -i 's/"total_size": [0-9]*/"total_size": 1/' other/model.safetensors.index.json
expect_status 1 tenon verify other
expect_text out 'model.safetensors.index.json: it has'

# Against the source its copies are compared too.
cp -r moe newer && printf '\n' >>newer/tokenizer.json
expect_status 0 tenon verify fused
expect_status 1 tenon verify fused --against newer
expect_text out 'newer/tokenizer.json: it has'
expect_status 0 tenon verify fused --against newer --tensors-only

# A manifest of an older tenon records none, and one of somebody else's reads nothing elsewhere.
cp -r fused old && python3 - <<'PYTHON'
import json
manifest = json.load(open("old/tenon-manifest.json"))
assert [file["name"] for file in manifest["side_files"]] == ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]
del manifest["side_files"]
json.dump(manifest, open("old/tenon-manifest.json", "w"))
PYTHON
rm old/tokenizer.json
expect_status 0 tenon verify old
expect_text err 'records no side files'
sed -i 's|"name":"config.json"|"name":"../moe/config.json"|' fused/tenon-manifest.json
expect_status 2 tenon verify fused
expect_text err "is no path below the folder"
sed -i 's|"name":"../moe/config.json"|"name":"config.json"|' fused/tenon-manifest.json

flip_last_byte fused/model.safetensors
expect_status 1 tenon verify fused
expect_text out model.norm.weight
expect_status 1 tenon verify fused --against moe
expect_text out model.norm.weight
expect_status 1 tenon verify back --against fused
rm fused/tenon-manifest.json
expect_status 2 tenon verify fused
