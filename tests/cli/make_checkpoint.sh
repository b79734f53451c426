# tools/make-checkpoint: the arguments alone decide the bytes; shards, index and header are as publishers ship them.
. "$(dirname "$0")/lib.sh"

make_checkpoint a --model mixtral --shard-size 300kB
make_checkpoint b --model mixtral --shard-size 300kB
make_checkpoint c --model mixtral --shard-size 300kB --seed 1
expect_same_shards a b
[ "$(ls a/*.safetensors | wc -l)" = 3 ] || fail "not three shards"
! cmp -s a/model-00001-of-00003.safetensors c/model-00001-of-00003.safetensors || fail "the seed changes nothing"

expect_status 1 python3 "$root/tools/make-checkpoint" a --model mixtral
expect_text err "has a checkpoint already"

# --bytes chooses the layers.
make_checkpoint d --model llama --bytes 2MB --hidden 64
make_checkpoint e --model kimi_k25 --bytes 2MB  # of a vision tower
python3 - <<'PYTHON'
import json, os
index = json.load(open("a/model.safetensors.index.json"))
assert sorted(set(index["weight_map"].values())) == sorted(n for n in os.listdir("a") if n.endswith(".safetensors"))
with open("a/model-00001-of-00003.safetensors", "rb") as shard:
    size = int.from_bytes(shard.read(8), "little")
    header = json.loads(shard.read(size))
assert size % 8 == 0 and header.pop("__metadata__") == {"format": "pt"}
for key, tensor in header.items():
    assert index["weight_map"][key] == "model-00001-of-00003.safetensors"
for folder in "d", "e":
    size = os.path.getsize(f"{folder}/model.safetensors")
    assert 1.9e6 < size < 2.1e6, (folder, size)
assert json.load(open("e/config.json"))["vision_config"]["num_hidden_layers"] == 20
PYTHON
