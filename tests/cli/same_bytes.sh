# What is written for small checkpoints, shards, index, config and manifest, is what tenon at f551cb3 wrote, byte for byte
# (same_bytes.sha256). A change on purpose renews the list, and says why in its last line:
#
#   TENON=build/tenon tests/cli/same_bytes.sh --renew "The manifest also keeps ..."
list=$(cd "$(dirname "$0")" && pwd)/same_bytes.sha256
. "$(dirname "$0")/lib.sh"

# convert_both NAME MODEL_OPTIONS -- CONVERT_OPTIONS: NAME to the fused layout, and back.
convert_both() {
  local name=$1 model=()
  shift
  while [ "$1" != -- ]; do model+=("$1"); shift; done
  shift
  make_checkpoint "src-$name" --shard-size 250kB --model "${model[@]}"
  tenon convert "src-$name" "$name/fused" --no-sync "$@" >/dev/null 2>log || { cat log >&2; fail "$name does not convert"; }
  tenon convert "$name/fused" "$name/back" --no-sync --to original >/dev/null 2>log || { cat log >&2; fail "$name does not go back"; }
}
convert_both moe mixtral --
convert_both moe_in_shards mixtral --seed 3 -- --max-shard-size 300kB --hash sha256 --threads 3
convert_both shared_experts qwen2_moe --layers 2 --
convert_both latent_attention deepseek_v3 -- --hash none
convert_both vision qwen2_vl -- --fuse patch_embeddings --fuse qkv --verify
convert_both dense llama --kv-heads 2 -- --fuse qkv --fuse gate_up
convert_both renamed llava -- --threads 1

(find . -path './src-*' -prune -o -type f -mindepth 3 -print | LC_ALL=C sort | xargs sha256sum) >found
if [ "${1:-}" = --renew ]; then
  { cat found; printf '# %s\n' "${2:?says why}"; } >"$list"
  exit
fi
grep -v '^#' "$list" >wanted
diff wanted found >differ || { cat differ >&2; fail 'not what it was; where that is on purpose: same_bytes.sh --renew WHY'; }
