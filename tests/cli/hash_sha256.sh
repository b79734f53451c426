# --hash sha256 adds SHA-256 of tensors and shards to the XXH3 that the manifest has anyway; verify checks all that is there.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral --shard-size 300kB
expect_status 0 tenon convert moe plain --no-sync --max-shard-size 300kB
expect_status 0 tenon convert moe both --no-sync --max-shard-size 300kB --hash sha256
expect_status 0 tenon convert moe neither --no-sync --max-shard-size 300kB --hash none
expect_same_shards plain both
python3 - <<'PYTHON'
import hashlib, json, struct
plain, both, neither = (json.load(open(f"{name}/tenon-manifest.json")) for name in ("plain", "both", "neither"))
for side in ("source", "output"):
    assert len(plain[side]) == len(both[side]) > 10
    for a, b, c in zip(plain[side], both[side], neither[side]):
        assert a["hash"] == b["hash"] and a["hash"].startswith("xxh3-128:") and "sha256" not in a and c["hash"] == "", (a, b, c)
recorded = {tensor["key"]: tensor["sha256"] for tensor in both["output"]}
assert plain["files"] == {} and len(both["files"]) == 4
for name, digest in both["files"].items():
    shard = open(f"both/{name}", "rb").read()
    assert digest == "sha256:" + hashlib.sha256(shard).hexdigest()
    size = struct.unpack("<Q", shard[:8])[0]
    for key, tensor in json.loads(shard[8:8 + size]).items():
        if key != "__metadata__":
            begin, end = (8 + size + offset for offset in tensor["data_offsets"])
            assert recorded.pop(key) == "sha256:" + hashlib.sha256(shard[begin:end]).hexdigest(), key
assert not recorded
for file in both["side_files"]:
    assert file["sha256"] == "sha256:" + hashlib.sha256(open(f"both/{file['name']}", "rb").read()).hexdigest(), file
assert all("sha256" not in file and file["hash"] for file in plain["side_files"])
assert all(file["hash"] == "" for file in neither["side_files"])
PYTHON
expect_status 0 tenon verify both
expect_text out "XXH3 and SHA-256"
expect_status 0 tenon verify both --against moe
expect_status 0 tenon verify neither
expect_text out "names, dtypes and shapes"

# change_manifest DIR FROM TO: every hash that begins with FROM.
change_manifest() { sed -i "s/$2/$3/" "$1/tenon-manifest.json"; }
cp -r both one && change_manifest one '"sha256":"sha256:.' '"sha256":"sha256:x'
expect_status 1 tenon verify one
cp -r both two && change_manifest two '"hash":"xxh3-128:.' '"hash":"xxh3-128:x'
expect_status 1 tenon verify two
# A space in a header's padding is in no tensor: only the shard's own hash sees it.
cp -r both three && sed -i '0,/"format":"pt"/s//"format":"pT"/' three/model-00001-of-00004.safetensors
expect_status 1 tenon verify three
expect_text out model-00001-of-00004.safetensors
