# tenon lint: findings on their line, in three forms; silences; the exit status.
. "$(dirname "$0")/lib.sh"

rule() { printf 'tenon: 1\nname: %s\nabout: A test.\n' "$1"; cat; }
rule clean >clean.yaml <<'YAML'
transforms:
  - WeightRenaming: {source_patterns: '^embed_out\.', target_patterns: '^lm_head\.'}
YAML
rule loose >loose.yaml <<'YAML'
transforms:
  - WeightRenaming: {source_patterns: '^embed.out\.', target_patterns: '^lm_head\.'}
YAML
rule wrong >wrong.yaml <<'YAML'
transforms:
  - WeightRenaming: {source_patterns: '^a\.(b', target_patterns: '^c\.'}
YAML

expect_status 0 tenon lint clean.yaml
[ ! -s out ] || fail "findings in a clean file"
expect_text err "1 file: 0 errors, 0 warnings, 0 notes"

expect_status 0 tenon lint loose.yaml
expect_text out "loose.yaml:5:46: warning[unescaped-dot]: the dot at character 7 of '^embed.out\.' matches any character"
expect_status 1 tenon lint loose.yaml --strict
expect_status 0 tenon lint loose.yaml --level error
[ ! -s out ] || fail "a warning at level error"

expect_status 1 tenon lint wrong.yaml clean.yaml
expect_text out "[bad-pattern]"

printf 'silence:\n  - {finding: unescaped-dot, reason: both are meant}\n' | cat loose.yaml - >silent.yaml
sed -i 's/^name: loose/name: silent/' silent.yaml
expect_status 0 tenon lint silent.yaml --strict
[ ! -s out ] || fail "a silenced finding"

expect_status 2 tenon lint no_such_rules
expect_status 2 tenon lint clean.yaml --format xml

tenon lint loose.yaml --format json >lint.json
tenon lint loose.yaml --format sarif >lint.sarif
python3 - <<'PYTHON'
import json
report = json.load(open("lint.json"))
assert report["warnings"] == 1 and report["findings"][0]["id"] == "unescaped-dot", report
log = json.load(open("lint.sarif"))
(run,) = log["runs"]
(result,) = run["results"]
assert log["version"] == "2.1.0"
assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "unescaped-dot"
region = result["locations"][0]["physicalLocation"]["region"]
assert (region["startLine"], region["startColumn"]) == (5, 46), region
PYTHON

# Against a checkpoint: what it lacks.
make_checkpoint moe --model mixtral
expect_status 0 tenon lint clean.yaml --against moe
expect_text out "[matches-nothing]"
expect_status 0 tenon lint mixtral --against moe --level warning

# The examples of docs/rules.md, and the samples, are clean, and so is a file that is not called as its rules.
python3 - "$root/docs/rules.md" <<'PY'
import re, sys
for name, text in re.findall(r"```yaml (\S+)\n(.*?)```", open(sys.argv[1]).read(), re.S):
    if name != "typo.yaml":
        open("example_" + name, "w").write(text)
PY
[ "$(ls example_*.yaml | wc -l)" -ge 3 ] || fail "docs/rules.md has few examples"
for file in example_*.yaml "$root"/samples/rules/*.yaml; do
  expect_status 0 "$TENON" lint "$file" --strict
done
