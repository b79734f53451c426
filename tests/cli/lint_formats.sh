# tenon lint --format: the same findings as annotations for GitHub and as JUnit XML; a folder without rules is no success.
. "$(dirname "$0")/lib.sh"

write_rules loose <<'RULES'
  - WeightRenaming: {source_patterns: ['a.b%,:'], target_patterns: ['c']}
RULES
tenon lint loose.yaml --format json >json 2>/dev/null || true
python3 - <<'PY' >wanted
import json
for f in json.load(open("json"))["findings"]:
    print(f["level"].replace("note", "notice"), f.get("line", ""), f["id"])
PY
tenon lint loose.yaml --format github >annotations 2>/dev/null || true
python3 - <<'PY' >found
import re
for line in open("annotations"):
    level, properties, message = re.fullmatch(r"::(\w+) ([^:]*)::(.*)\n", line).groups()
    p = dict(item.split("=", 1) for item in properties.split(","))
    assert p["file"] == "loose.yaml" and message
    print(level, p.get("line", ""), p["title"])
PY
[ -s wanted ] || fail "no findings to compare"
cmp wanted found || { cat annotations >&2; fail "annotations are not the findings"; }

tenon lint loose.yaml mixtral --format junit --strict >junit.xml 2>/dev/null && fail "warnings did not count"
python3 - <<'PY'
import xml.etree.ElementTree as tree
suite = tree.parse("junit.xml").getroot()
suite = suite if suite.tag == "testsuite" else suite.find("testsuite")
cases = {c.get("name"): c for c in suite.iter("testcase")}
assert len(cases) == 2, cases
assert cases["loose.yaml"].find("failure") is not None
assert cases[next(n for n in cases if n.endswith("mixtral.yaml"))].find("failure") is None
PY
mkdir empty
expect_refused rules-none-here empty -- tenon lint empty
