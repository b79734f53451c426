# What lies around the tensors: a trainer's state, links that leave the folder, a hub's cache, indexes that are absent or wrong.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral --shard-size 250kB
tenon convert moe plain --no-sync >/dev/null 2>&1

# A trainer's state stays behind, and is named.
cp -r moe trained
mkdir -p trained/global_step10
for name in optimizer.pt scheduler.pt rng_state_0.pth training_args.bin random_states_1.pkl global_step10/mp_rank_00_model_states.pt; do
  head -c 5000 /dev/zero >"trained/$name"
done
echo '{}' >trained/trainer_state.json
expect_status 0 tenon convert trained made --no-sync
for word in 'side-file-training' optimizer.pt global_step10 '--side-files all'; do expect_text err "$word"; done
[ "$(cd made && find . -type f | sort)" = "$(cd plain && find . -type f | sort)" ] || fail 'not the same files'
expect_status 0 tenon verify made --against trained
expect_status 0 tenon convert trained all --no-sync --side-files all
expect_same_file trained/optimizer.pt all/optimizer.pt
expect_same_file trained/global_step10/mp_rank_00_model_states.pt all/global_step10/mp_rank_00_model_states.pt
expect_status 0 tenon verify all --against trained
expect_refused side-files model all -- tenon convert trained other --side-files some

# Links that leave the folder, shards and side files.
mkdir -p cache local
for file in moe/*; do
  cp "$file" cache/
  ln -s "../cache/$(basename "$file")" local/
done
for command in 'convert local linked' 'plan local' 'inspect local'; do
  expect_status 2 tenon $command
  expect_text err --follow-links
done
expect_absent linked
expect_status 0 tenon convert local linked --no-sync --follow-links
expect_same_shards plain linked
expect_status 0 tenon inspect local --follow-links
expect_status 2 tenon verify linked --against local
expect_status 0 tenon verify linked --against local --follow-links
ln -sfn nowhere local/tokenizer.json
expect_refused link nothing -- tenon convert local other --follow-links

# A hub's cache: the folder of a repository, and its id.
hub=$scratch/hub/models--org--moe
mkdir -p "$hub"/{blobs,refs,snapshots/5f0b}
for file in moe/*; do
  cp "$file" "$hub/blobs/"
  ln -s "../../blobs/$(basename "$file")" "$hub/snapshots/5f0b/"
done
expect_status 0 tenon convert "$hub" from-folder --no-sync
expect_same_shards plain from-folder
export HF_HUB_CACHE=$scratch/hub
expect_status 0 tenon convert org/moe from-id --no-sync
expect_same_shards plain from-id
expect_text err snapshots/5f0b
mkdir "$hub/snapshots/a91c"
expect_status 2 tenon inspect org/moe
for word in hub-several-snapshots 5f0b a91c; do expect_text err "$word"; done
printf 5f0b >"$hub/refs/main"
expect_status 0 tenon inspect org/moe --summary
expect_status 2 tenon inspect org/other
expect_status 2 tenon inspect "$hub/refs"

# Without an index, or against it.
cp -r moe bare && rm bare/model.safetensors.index.json
expect_status 2 tenon inspect bare
expect_text err '--index ignore'
expect_status 0 tenon convert bare from-bare --no-sync --index ignore
expect_same_shards plain from-bare
expect_status 0 tenon index bare
expect_same_file moe/model.safetensors.index.json bare/model.safetensors.index.json
expect_status 2 tenon index bare
expect_text err index-exists
cp -r moe wrong
sed -i 's/00001-of/00002-of/' wrong/model.safetensors.index.json
expect_status 2 tenon inspect wrong
expect_status 0 tenon convert wrong from-wrong --no-sync --index ignore
expect_same_shards plain from-wrong
expect_status 0 tenon index wrong --overwrite
expect_same_file moe/model.safetensors.index.json wrong/model.safetensors.index.json
first=$(cd bare && ls model-*.safetensors | head -n 1) last=$(cd bare && ls model-*.safetensors | tail -n 1)
mv "bare/$last" kept
expect_status 2 tenon index bare --overwrite
for word in shards-missing "$last"; do expect_text err "$word"; done
cp "bare/$first" "bare/$last"
expect_status 2 tenon inspect bare --index ignore
for word in shards-double "$first" "$last"; do expect_text err "$word"; done
mv kept "bare/$last" && cp "bare/$first" bare/model-00001-of-00009.safetensors
expect_status 2 tenon inspect bare --index ignore
expect_text err shards-several
