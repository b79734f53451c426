# batch, run again: what is finished is left alone, what was begun goes on, and nothing is written before all is planned.
. "$(dirname "$0")/lib.sh"

for seed in 1 2 3; do make_checkpoint models/moe$seed --model mixtral --seed $seed --shard-size 250kB; done
cat >jobs.yaml <<'YAML'
defaults: {sync: false, max_shard_size: 300kB}
jobs:
  - {source: models/moe*, destination: 'fused/{name}'}
  - {name: back, source: fused/moe1, destination: back, to: original}
YAML
states() { python3 -c 'import json; print(*[j["result"].replace(" ", "-") for j in json.load(open("out"))["jobs"]])'; }

# A plan of all, before a byte.
expect_status 0 tenon batch jobs.yaml --dry-run --json
[ "$(states)" = 'planned planned planned planned' ] || fail "$(states)"
expect_absent fused
expect_status 2 tenon batch jobs.yaml --only nothing
for word in batch-no-job moe1; do expect_text err "$word"; done
expect_status 0 tenon batch jobs.yaml --only moe2 --json
[ "$(states)" = done ] || fail "$(states)"
expect_absent fused/moe1
expect_status 0 tenon batch jobs.yaml --json
[ "$(states)" = 'done done-before done done' ] || fail "$(states)"

# Again: untouched.
find fused back -type f -exec sha256sum {} + | sort >before
find fused back -type f -printf '%p %T@ %i\n' | sort >times
expect_status 0 tenon batch jobs.yaml --json
[ "$(states)" = 'done-before done-before done-before done-before' ] || fail "$(states)"
find fused back -type f -printf '%p %T@ %i\n' | sort | cmp - times || fail 'a finished job was touched'

# One that is not what the batch asks for is made again where it may be, and refused before a byte where not.
rm -r back
sed 's/300kB/200kB/' jobs.yaml >smaller.yaml
expect_status 1 tenon batch smaller.yaml --only moe1 --only back --json
[ "$(states)" = 'failed not-run' ] || fail "$(states)"
touch -d '1 minute' models/moe3/model-00001-of-*.safetensors
expect_status 1 tenon batch jobs.yaml --json
expect_text err batch-source-newer
[ "$(states)" = 'done-before done-before failed done' ] || fail "$(states)"
rm -r back
expect_status 0 tenon batch <(sed 's/defaults: {/defaults: {overwrite: true, /; s,source: ,source: '"$PWD/"',; s,destination: .fused,destination: '"'$PWD/fused"',; s,destination: back,destination: '"$PWD"'/back,' jobs.yaml) --json
find fused back -type f -exec sha256sum {} + | sort | cmp - before || fail 'not the same bytes'

# Bad jobs do not hinder the others, and cost nothing.
mkdir models/broken && echo '{}' >models/broken/config.json && echo 'not a checkpoint' >models/broken/model.safetensors
cat >mixed.yaml <<'YAML'
jobs:
  - {source: models/broken, destination: mixed/broken}
  - {source: models/moe1, destination: mixed/moe1}
  - {source: models/absent, destination: mixed/absent}
  - {source: models/moe2, destination: mixed/moe2}
YAML
expect_status 1 tenon batch mixed.yaml --json
[ "$(states)" = 'failed done failed done' ] || fail "$(states)"
rm -r mixed
expect_status 1 tenon batch mixed.yaml --fail-fast --json
[ "$(states)" = 'failed not-run not-run not-run' ] || fail "$(states)"
expect_absent mixed

# Stopped half-way: the summary is there all the same, and the next run goes on.
make_checkpoint models/large --model mixtral --bytes 300MB --shard-size 20MB
cat >long.yaml <<'YAML'
defaults: {max_shard_size: 20MB, threads: 1, hash: sha256}
jobs:
  - {source: models/moe1, destination: long/first}
  - {source: models/large, destination: long/large}
  - {source: models/moe2, destination: long/last}
YAML
status=0
"$TENON" batch long.yaml --json >out 2>err </dev/null & batch=$!
for ((i = 0; i < 2000; i++)); do
  if grep -q shard long/.large.tenon-work/journal 2>/dev/null && [ "$(wc -l <long/.large.tenon-work/journal)" -ge 2 ]; then break; fi
  sleep 0.005
done
kill -TERM $batch  # a shell lets what it runs in the background ignore SIGINT
wait $batch || status=$?
[ "$status" = 143 ] || { cat err >&2; fail "exit status $status"; }
[ "$(states)" = 'done interrupted not-run' ] || fail "$(states)"
expect_absent long/large
expect_status 0 tenon batch long.yaml --json
[ "$(states)" = 'done-before done done' ] || fail "$(states)"
expect_text err journal-resumed
tenon convert models/large whole --max-shard-size 20MB --hash sha256 --no-sync >/dev/null 2>&1
diff -r whole long/large || fail 'not the bytes of an unbroken run'

# A hole that stands for nothing.
expect_refused batch-unknown-hole '{model}' '{name}' -- tenon batch <(printf "jobs:\n  - {source: models/moe1, destination: 'x/{model}'}\n")
