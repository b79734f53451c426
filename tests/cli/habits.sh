# What one expects of a command: -v, --log, --version with facts, doctor, a tree of tensors, errors as documents.
. "$(dirname "$0")/lib.sh"

for flag in -V --version; do
  expect_status 0 tenon "$flag"
  expect_text out 'tenon '
  for fact in compiler parts rules cuda oneTBB models; do expect_text out "$fact"; done
done

make_checkpoint moe --model mixtral
expect_status 0 tenon convert moe fused -v --log run.log
expect_text err ' s  plan'
expect_text err 'note['
grep -qE '^20[0-9-]+T[0-9:]+Z tenon ' run.log || fail "the log does not begin with tenon's version"
expect_text run.log 'note[plan-rules]'
expect_text run.log ' s  plan'
lines=$(wc -l <run.log)
# Quiet is for the terminal; the log has all, and grows.
expect_status 2 tenon convert moe fused -q --log run.log
[ "$(wc -l <run.log)" -gt "$lines" ] || fail "the log did not grow"
expect_text run.log 'error[output-exists]'
! grep -q "$(printf '\033')" run.log || fail "colour in the log"
expect_status 3 tenon plan moe --log nowhere/run.log

# Explain shows what fired; -v the rest.
expect_status 0 tenon explain moe model.layers.0.block_sparse_moe.experts.3.w1.weight
expect_text out 'did not fire'
expect_no_text out 'no source pattern matches'
expect_status 0 tenon explain moe model.layers.0.block_sparse_moe.experts.3.w1.weight -v
expect_text out 'another converter took the key before it'

expect_status 0 tenon inspect moe --tree
expect_text out 'experts.{0..7}'
expect_text out '65 tensors, 707.20 kB'
[ "$(wc -l <out)" -lt 25 ] || { cat out >&2; fail "the tree is no summary"; }
# The totals of the tree's leaves are the checkpoint's.
python3 - <<'PY'
import re
lines = open("out").read().splitlines()
assert lines[-1].startswith("total")
leaves = [l for l in lines[:-1] if re.search(r"  [A-Z]+\d+ \[", l)]
tensors = sum(int(m[1]) if (m := re.search(r"(\d+) tensors", l)) else 1 for l in leaves)
assert tensors == 65, tensors
PY

mkdir writable
expect_status 0 tenon doctor writable
for word in 'reserve space' 'sync' 'swap folders' 'lock files' 'GPU for parity' 'rule library' threads free; do expect_text out "$word"; done
[ -z "$(ls -A writable)" ] || fail "doctor left something behind"
expect_status 2 tenon doctor nowhere
tenon doctor --json | python3 -c 'import json, sys; d = json.load(sys.stdin); assert d["checks"] and d["tenon"]["version"]'

# Whatever goes wrong, --json gives a document: what the parser refuses too.
for command in 'plan nowhere --json' 'plan moe --no-such-option --json' 'plan --json' 'plan moe --to sideways --json' 'convert moe --json --max-shard-size' 'diff moe --json extra more'; do
  # shellcheck disable=SC2086
  expect_status 2 tenon $command
  python3 -c 'import json; d = json.load(open("out")); assert d["errors"][0]["id"] and d["errors"][0]["message"], d' || fail "no document of errors: tenon $command"
done

# A conversion makes a folder; a name like a file's is a slip.
expect_refused output-not-a-folder fused.safetensors -- tenon convert moe fused.safetensors
# Rules of one's own that lie in the folder are named by their path.
write_rules herformer <<<'  - WeightRenaming: {source_patterns: "^a$", target_patterns: b}'
expect_status 2 tenon plan moe --rules herformer
expect_text err './herformer.yaml'
expect_status 1 tenon inspect moe --keys 'nothing*'
expect_text err "no key matches 'nothing*'"
expect_status 0 tenon inspect moe --keys 'model.layers.0.**'
expect_status 1 tenon diff moe fused
expect_text err '--through auto'
expect_status 3 tenon parity moe --backend cpu --tokens 1 --report /proc/nowhere
expect_text err '/proc/nowhere'
expect_no_text err 'filesystem error'
mkdir pickles
touch pickles/pytorch_model.bin
expect_status 2 tenon plan pickles
expect_text err 'save_file'
