# batch: goes on after a failed job, sums up as text, JSON and JUnit XML, and exits with 1.
. "$(dirname "$0")/lib.sh"

for seed in 1 2; do make_checkpoint models/moe$seed --model mixtral --seed $seed; done
mkdir models/broken && echo '{}' >models/broken/config.json && echo 'not a checkpoint' >models/broken/model.safetensors
cat >good.yaml <<'YAML'
defaults: {to: fused}
jobs:
  - {source: models/moe*, destination: 'fused/{name}'}
YAML
expect_status 0 tenon batch good.yaml
tenon convert models/moe2 alone >/dev/null
expect_same_shards alone fused/moe2

cat >mixed.yaml <<'YAML'
jobs:
  - {source: models/broken, destination: mixed/broken}
  - {source: models/moe1, destination: mixed/moe1}
YAML
expect_status 1 tenon batch mixed.yaml --json
python3 -c 'import json; d = json.load(open("out")); assert [d["done"], d["failed"]] == [1, 1], d'
rm -r mixed
expect_status 1 tenon batch mixed.yaml --fail-fast
expect_absent mixed/moe1
expect_refused soruce source -- tenon batch <(printf 'jobs:\n  - {soruce: a, destination: b}\n')
