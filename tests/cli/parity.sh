# tenon parity: the plan's weights or a converted checkpoint against the original, its flags, and what it writes.
. "$(dirname "$0")/lib.sh"

make_checkpoint mixtral --model mixtral
expect_status 0 tenon parity mixtral
expect_text out 'mixtral: HOLDS: 2 of 2 modules compute the same as the original'
expect_text out 'holds model.layers.0.mlp'
for check in bytes bitwise bounded 'no worse' power; do expect_text out "  $check"; done
expect_no_text out 'not:'
expect_text err 'model.layers.1.mlp'

# Between two checkpoints, with its reports.
expect_status 0 tenon convert mixtral fused
expect_status 0 tenon parity mixtral fused --report report
expect_text out 'HOLDS: 2 of 2'
grep -q '<testsuites' report/junit.xml || fail "junit.xml is no JUnit report"
expect_no_text report/junit.xml '<failure'
expect_text report/report.html 'The fused modules compute what the original ones do'
expect_no_text report/report.html 'http:'
python3 - <<'EOF'
import json
report = json.load(open("report/report.json"))
assert report["holds"] and report["fused"] == "fused" and len(report["modules"]) == 2
for module in report["modules"]:
    assert module["dtype"] == "BF16" and len(module["checks"]) == 5
    assert all(m["rejected"] for m in module["mutants"] if m["applies"]) and len(module["mutants"]) >= 5
    assert module["fused"]["elements"] > 0 and 0 < module["fused"]["rho"] <= 1
EOF

# Flags.
expect_status 0 tenon parity mixtral --layers 1 --json
python3 -c 'import json; r = json.load(open("out")); assert [m["layer"] for m in r["modules"]] == [1]'
cp out seed0
expect_status 0 tenon parity mixtral --layers 1 --seed 7 --json
python3 -c 'import json
a, b = (json.load(open(f))["modules"][0]["fused"]["worst"] for f in ("seed0", "out"))
assert a != b, "another seed gives other inputs"'
expect_status 0 tenon parity mixtral --layers 0-0 --tokens 3 --dtype fp32 --json
python3 -c 'import json; r = json.load(open("out")); assert r["tokens"] == 3 and r["modules"][0]["dtype"] == "F32"'
expect_status 0 tenon parity mixtral --layers 0,1 --json
python3 -c 'import json; r = json.load(open("out")); assert [m["layer"] for m in r["modules"]] == [0, 1]'
expect_refused 'no module that programs read is in layer 7' 'in layers 0 to 1' -- tenon parity mixtral --layers 0,7
expect_refused "'1;2' names no layers" 0-3,7 -- tenon parity mixtral --layers '1;2'
expect_refused 'there is no such file' -- tenon parity --check nowhere.json

# JUnit: names that say which module without their group, and how long its checks took.
expect_text report/junit.xml 'name="model.layers.0.mlp bytes"'
python3 - <<'EOF'
import xml.etree.ElementTree as tree
times = {c.get("name"): float(c.get("time")) for c in tree.parse("report/junit.xml").iter("testcase")}
assert times["model.layers.0.mlp bytes"] > 0 and times["model.layers.0.mlp power"] == 0, times
EOF

# A flipped bit in the converted weights: status 1, with the worst module, layer, element and its bound.
python3 "$root/tests/cli/edit_bytes.py" fused model.layers.1.mlp.experts.down_proj flip
expect_status 1 tenon parity mixtral fused
expect_text out 'FAILS: 1 of 2'
expect_text out 'worst: model.layers.1.mlp'
expect_text out 'layer 1'
for word in expected got error bound 'not what they should be: model.layers.1.mlp.experts.down_proj'; do expect_text out "$word"; done
expect_status 1 tenon parity mixtral fused --json
python3 -c 'import json; r = json.load(open("out")); assert not r["holds"] and r["modules"][0]["holds"]'
