# `fusion_config` in config.json asks for families as --fuse does: true applies one, false does not, --fuse has the last word,
# an unknown name is refused with those that exist; and config.json comes back byte for byte.
. "$(dirname "$0")/lib.sh"

# with_config DIR FROM JSON: FROM with fusion_config set to that, in a form of its own (indent 3, no newline at the end).
with_config() {
  cp -r "$2" "$1"
  python3 - "$1/config.json" "$3" <<'PY'
import json, sys
path, text = sys.argv[1:]
config = json.load(open(path))
config["fusion_config"] = json.loads(text)
open(path, "w").write(json.dumps(config, indent=3))
PY
}

make_checkpoint vision --model qwen2_vl
expect_status 0 tenon convert vision plain
expect_status 0 tenon convert vision fused --fuse patch_embeddings

# true: as --fuse, and all files come back as they were, config.json too.
with_config asks vision '{"patch_embeddings": true}'
expect_status 0 tenon convert asks asked
expect_text err patch_embeddings
expect_same_shards asked fused
expect_status 0 tenon convert asked back --to original
(cd asks && sha256sum -- *) >sums
(cd back && sha256sum --check --quiet ../sums) || fail 'not the same files'
expect_status 0 tenon plan asks
expect_text out linear_proj

# false: not.
with_config refuses vision '{"patch_embeddings": false}'
expect_status 0 tenon convert refuses refused
expect_same_shards refused plain
expect_status 0 tenon convert refused back2 --to original
expect_same_file refuses/config.json back2/config.json

# A flag wins over both.
with_config other vision '{"patch_embeddings": true}'
expect_status 0 tenon convert other by_flag --fuse qkv
expect_status 0 tenon convert vision qkv --fuse qkv
expect_same_shards by_flag qkv
expect_status 0 tenon convert refuses forced --fuse patch_embeddings
expect_same_shards forced fused
expect_status 0 tenon convert forced back3 --to original
expect_same_file refuses/config.json back3/config.json
expect_same_shards vision back3

# Names that are none.
with_config typo vision '{"patch_embedings": true, "qkv": false}'
expect_refused family-unknown patch_embedings patch_embeddings gate_up qkv -- tenon convert typo out2
with_config paths vision '{"../../evil.yaml": true}'
expect_refused family-unknown evil -- tenon convert paths out2
with_config options vision '{"patch_embeddings": {}}'
expect_status 0 tenon convert options by_options
expect_same_shards by_options fused
expect_status 0 tenon convert by_options back4 --to original
expect_same_file options/config.json back4/config.json

# Several, in their order; one that fits nothing is an error that names it.
with_config both vision '{"patch_embeddings": true, "qkv": true}'
expect_status 0 tenon convert both by_both
expect_status 0 tenon convert vision by_flags --fuse patch_embeddings --fuse qkv
expect_same_shards by_both by_flags
make_checkpoint moe --model mixtral
with_config unfit moe '{"patch_embeddings": true}'
expect_refused patch_embeddings 'fits no module' -- tenon convert unfit out2
