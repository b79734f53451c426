# A converted folder holds its own way back: without a rule library, a rule file or the names that the user gave, and to files
# that are the source's byte for byte.
. "$(dirname "$0")/lib.sh"

mkdir no_rules
all_files() { (cd "$1" && find . -type f ! -name tenon-manifest.json -exec sha256sum {} + | sort -k 2); }
expect_same_files() { [ "$(all_files "$1")" = "$(all_files "$2")" ] || { diff <(all_files "$1") <(all_files "$2") >&2 || true; fail "the files of $1 and $2 differ"; }; }

# there_and_back SRC [OPTION...]: back with an empty folder as rule library.
there_and_back() {
  local src=$1
  shift
  rm -rf there back
  expect_status 0 tenon convert "$src" there "$@"
  ! grep -qF "$PWD" there/tenon-manifest.json || fail "the manifest holds an absolute path"
  expect_status 0 tenon convert there back --to original --rules-dir no_rules
  expect_same_files "$src" back
  expect_status 0 tenon verify there --against "$src" --rules-dir no_rules
  expect_status 0 tenon verify back --against there --rules-dir no_rules
}

make_checkpoint moe --model mixtral
there_and_back moe

# Shards and an index that tenon would write otherwise: other cuts, other orders, other white space.
python3 - <<'PYTHON'
import json, os, struct

def write(path, tensors, metadata=None, pad=0):
    header, at = {}, 0
    if metadata: header["__metadata__"] = metadata
    for key, shape, data in tensors:
        header[key] = {"shape": shape, "dtype": "F32", "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, indent=1).encode() + b" " * pad
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(d for _, _, d in tensors))

def tensor(key, *shape):
    n = 1
    for extent in shape: n *= extent
    return key, list(shape), os.urandom(4 * n)

os.makedirs("odd")
a, b = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
one = [tensor("z.q.weight", 4, 3), tensor("a.norm.weight", 3)]
two = [tensor("z.v.weight", 2, 3), tensor("z.k.weight", 2, 3)]
write("odd/" + a, one, {"format": "pt", "by": "hand"}, 3)
write("odd/" + b, two)
names = {k: a for k, _, _ in one} | {k: b for k, _, _ in two}
open("odd/model.safetensors.index.json", "w").write(json.dumps({"weight_map": names, "metadata": {"total_size": 108}}, indent=4))
open("odd/config.json", "w").write('{"model_type":  "odd"}')
os.makedirs("stems")
write("stems/adapter_model.safetensors", one + two, {"format": "pt"})
open("stems/adapter_config.json", "w").write("{}")
os.makedirs("variant")
write("variant/model.fp16.safetensors", one + two)
os.makedirs("diffusion")
for i, part in enumerate((one, two), 1):
    write(f"diffusion/diffusion_pytorch_model-{i:05}-of-00002.safetensors", part)
names = {k: "diffusion_pytorch_model-00001-of-00002.safetensors" for k, _, _ in one}
names |= {k: "diffusion_pytorch_model-00002-of-00002.safetensors" for k, _, _ in two}
open("diffusion/diffusion_pytorch_model.safetensors.index.json", "w").write(json.dumps({"metadata": {}, "weight_map": names}))
PYTHON
write_rules join <<'YAML'
  - WeightConverter:
      source_patterns: ['\.q\.weight$', '\.k\.weight$', '\.v\.weight$']
      target_patterns: '\.qkv\.weight$'
      operations: [Concatenate: {dim: 0}]
YAML
for src in odd stems variant diffusion; do
  there_and_back "$src" --rules join.yaml
done
expect_absent there/model.safetensors
[ -e there/diffusion_pytorch_model.safetensors ] || fail "the stem is lost"

# Another size asked for: other cuts, the same stem.
expect_status 0 tenon convert there cut --to original --max-shard-size 60
[ -e cut/diffusion_pytorch_model.safetensors.index.json ] || fail "the index's stem is lost"
expect_same_tensors diffusion cut

# The rule file changes, or goes: the manifest has the rules.
expect_status 0 tenon convert odd there2 --rules join.yaml
sed -i 's/^about: .*/about: Something else./; s/qkv/vkq/' join.yaml
expect_status 0 tenon convert there2 back2 --to original
expect_same_files odd back2
rm join.yaml
expect_status 0 tenon verify there2 --against odd
mkdir elsewhere
cp -r there2 elsewhere/moved
expect_status 0 tenon convert elsewhere/moved back3 --to original --rules-dir no_rules
expect_same_files odd back3

# And forward again, by the manifest of the folder that came back.
expect_status 0 tenon convert back3 forward --rules-dir no_rules
expect_same_tensors there2 forward

# The samples, and every model that tools/make-checkpoint makes.
make_checkpoint llama --model llama
there_and_back llama --rules "$root/samples/rules/my_llama.yaml"
make_checkpoint vision --model qwen2_vl --shard-size 250kB
there_and_back vision --fuse patch_embeddings
count=0
for model in $(python3 -c "import sys; sys.path.insert(0, '$root/tools'); import model_table; print(*model_table.MODELS)"); do
  make_checkpoint "models/$model" --model "$model" --shard-size 250kB
  there_and_back "models/$model"
  count=$((count + 1))
done
[ "$count" -ge 14 ] || fail "$count models"
