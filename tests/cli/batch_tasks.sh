# A batch of conversions and comparisons: what waits for what, several at a time, logs, and one page that links the reports.
. "$(dirname "$0")/lib.sh"

for seed in 1 2; do make_checkpoint models/moe$seed --model mixtral --seed $seed; done
cat >chain.yaml <<'YAML'
defaults: {sync: false, fuse: [qkv]}
jobs:
  # In no useful order: each waits for what makes what it reads, and for whom it names.
  - {task: diff, source: models/moe1, other: back/moe1, name: same}
  - {task: parity, source: models/moe*, fused: 'fused/{name}', tokens: 2, backend: cpu}
  - {source: fused/moe1, destination: back/moe1, to: original, name: back, fuse: [], needs: [moe1 parity]}
  - {source: models/moe*, destination: 'fused/{name}'}
YAML
expect_status 0 tenon batch chain.yaml --dry-run
expect_text out '6 planned'
expect_absent fused
expect_status 0 tenon batch chain.yaml --jobs 3 --report pages --json
python3 - <<'EOF'
import json, pathlib
document = json.load(open("out"))
assert document["done"] == 6 and document["failed"] == 0, document
jobs = {job["name"]: job for job in document["jobs"]}
assert [jobs[name]["task"] for name in ("same", "moe2 parity", "back")] == ["diff", "parity", "convert"]
assert "HOLDS: 4 of 4 modules" in jobs["moe1 parity"]["summary"], jobs["moe1 parity"]
assert jobs["same"]["summary"] == "the same: 65 tensors in both, 707.20 kB compared", jobs["same"]
assert "conversion" not in jobs["same"] and jobs["back"]["conversion"]["output_tensors"] == 65
begun = [line.split("] ")[1].split(":")[0] for line in open("err") if "[batch-job]: [" in line]
assert begun.index("moe1") < begun.index("moe1 parity") < begun.index("back") < begun.index("same"), begun
for job in jobs.values():
    assert pathlib.Path(job["log"]).is_file(), job
page = pathlib.Path("pages/index.html").read_text()
for target in ("002-moe1-parity/report.html", "002-moe1-parity.log", "001-same.log"):
    assert f'href="{target}"' in page and pathlib.Path("pages", target).is_file(), target
assert "6 of 6 jobs are done" in page and "<script" not in page
EOF
grep -q 'backend: cpu' pages/002-moe1-parity.log || fail 'the log lacks what the job said'
expect_text pages/junit.xml 'tests="6" failures="0"'
expect_same_tensors models/moe1 back/moe1

# Again: conversions are done before, comparisons are made anew. One job alone takes what it needs for done.
expect_status 0 tenon batch chain.yaml
expect_text out '3 of 6 jobs done, 3 done before'
expect_status 0 tenon batch chain.yaml --only same
expect_text out '1 of 1 job done'

# Something is wrong in the middle: what waits for it is not run, the others are.
python3 "$root/tests/cli/edit_bytes.py" fused/moe1 model.layers.1.mlp.experts.down_proj flip
rm -r back
expect_status 1 tenon batch chain.yaml --jobs 2 --report pages --json
python3 - <<'EOF'
import json
jobs = {job["name"]: job for job in json.load(open("out"))["jobs"]}
results = {name: job["result"] for name, job in jobs.items()}
want = {"moe1": "done before", "moe1 parity": "failed", "back": "not run", "same": "not run", "moe2": "done before", "moe2 parity": "done"}
assert results == want, results
assert "FAILS: 3 of 4" in jobs["moe1 parity"]["error"], jobs["moe1 parity"]
EOF
expect_text pages/junit.xml 'not run: moe1 parity was not done'
expect_text pages/index.html 'moe1 parity was not done'

# Mistakes in the file.
refuse() { # WORD... of the message about the jobs that come on standard input
  { echo 'jobs:'; cat; } >wrong.yaml
  expect_refused "$@" -- tenon batch wrong.yaml
}
refuse batch-circle 'a and b' <<'YAML'
  - {source: models/moe1, destination: x/a, name: a, needs: [b]}
  - {source: models/moe1, destination: x/b, name: b, needs: [a]}
YAML
refuse batch-no-job "there is no other job 'moe3'" "Did you mean 'moe1'?" <<'YAML'
  - {source: models/moe*, destination: 'x/{name}', needs: [moe3]}
YAML
refuse "there is no task 'partiy'" "Did you mean 'parity'?" <<'YAML'
  - {source: models/moe1, task: partiy, destination: x/a}
YAML
refuse destination <<'YAML'
  - {source: models/moe1, task: parity, destination: x/a}
YAML
refuse other <<'YAML'
  - {source: models/moe1, task: diff}
YAML
tenon batch - --dry-run </dev/null >/dev/null 2>&1 && fail 'an empty file is no batch'
sed 's/needs: .*]/threads: 1/' chain.yaml | "$TENON" batch - --dry-run >out 2>err || { cat err >&2; fail 'standard input is a batch file too'; }
