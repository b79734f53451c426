# --json: standard output is one JSON document, for each command that has it.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral --shard-size 200kB
make_checkpoint other --model mixtral --shard-size 200kB --seed 1
for arguments in 'inspect moe --json' 'plan moe --json' 'convert moe fused --json' 'convert moe fused2 --dry-run --json' \
  'diff moe moe --json' 'rules list --json' 'rules show mixtral --json'; do
  expect_status 0 tenon $arguments
  python3 -c 'import json; json.load(open("out"))' || fail "no JSON document: tenon $arguments"
done
expect_status 1 tenon diff moe other --json
python3 -c 'import json; json.load(open("out"))' || fail "no JSON document: tenon diff"
