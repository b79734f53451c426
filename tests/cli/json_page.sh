# docs/json.md is what `tenon schema` prints; every command with --json has a schema.
. "$(dirname "$0")/lib.sh"

tenon schema >page
diff -u "$root/docs/json.md" page || fail 'docs/json.md: renew it by tenon schema > docs/json.md'
expect_status 2 tenon schema convrt
expect_text err 'convert'

# Without --json errors are text alone; with it they are a document as well.
expect_status 2 tenon plan absent
[ ! -s out ] || fail "standard output has: $(cat out)"
expect_status 2 tenon plan absent --json
python3 -c 'import json; d = json.load(open("out")); assert d["format"] == 1 and d["errors"][0]["file"] == "absent" and d["errors"][0]["id"]' || fail "no document: $(cat out)"
expect_text err absent
