# tenon diff: renamed tensors, statistics of those that differ, and a checkpoint through its rules against another layout.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral --shard-size 250kB
tenon convert moe fused >/dev/null 2>&1
# Whoever made it, and however it is cut: fused is what the rules make of moe.
tenon convert moe recut --max-shard-size 300kB >/dev/null 2>&1
rm recut/tenon-manifest.json
for other in fused recut; do
  expect_status 0 tenon diff moe "$other" --through auto
  expect_text out 'the same: 21 tensors in both, 707.20 kB compared'
done
expect_status 0 tenon diff moe fused --through mixtral
expect_status 1 tenon diff moe moe --through auto
expect_text out 'only in moe'
make_checkpoint llama --model llama
tenon convert llama lf --fuse qkv --fuse gate_up >/dev/null 2>&1
expect_status 0 tenon diff llama lf --through qkv --through gate_up
expect_status 1 tenon diff llama lf --through qkv

# One element of one fused tensor.
python3 - <<'PY'
import json, struct
path = "fused/model.safetensors"
data = bytearray(open(path, "rb").read())
n = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8 : 8 + n])
at = 8 + n + header["model.layers.1.mlp.experts.gate_up_proj"]["data_offsets"][0]
data[at : at + 2] = struct.pack("<H", 0x3F80)
data[at + 6 : at + 8] = struct.pack("<H", 0x4000)
open(path, "wb").write(data)
PY
expect_status 1 tenon diff moe fused --through auto --statistics
expect_text out 'model.layers.1.mlp.experts.gate_up_proj'
expect_text out '2 of '
expect_text out ' at most'
tenon diff recut fused --statistics --json >document || true
python3 - <<'PY'
import json
d = json.load(open("document"))
(one,) = d["bytes"]
assert one["key"] == "model.layers.1.mlp.experts.gate_up_proj" and one["statistics"]["differing"] == 2, one
assert 0 < one["statistics"]["largest"] < 3, one
PY

# A tensor under another name is one renamed, not one lost and one new; twins cannot be told apart.
printf 'a F32 8\nb F32 8\nc F32 8\n' | write_tensors one
python3 - <<'PY'
import json, struct, pathlib, shutil
shutil.copytree("one", "two")
path = next(pathlib.Path("two").glob("*.safetensors"))
data = path.read_bytes()
n = struct.unpack("<Q", data[:8])[0]
header = data[8 : 8 + n].replace(b'"b"', b'"z"')
path.write_bytes(data[:8] + header + data[8 + n :])
PY
expect_status 1 tenon diff one two
expect_text out 'renamed (1):'
expect_text out 'b -> z'
expect_no_text out 'only in'
expect_status 1 tenon diff one two --headers
expect_text out 'only in one'
