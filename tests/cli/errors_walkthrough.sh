#!/usr/bin/env bash
# explain-error: one id, all of them, a wrong one; docs/errors.md is what the program prints; every id of the table is used by src/.
. "$(dirname "$0")/lib.sh"


expect_status 0 "$TENON" explain-error plan-key-lost
expect_text out "plan-key-lost"
expect_text out "What to do"
cp out bare
expect_status 0 "$TENON" explain-error 'error[plan-key-lost]:'
cmp out bare || fail "an id in its brackets is another"

expect_status 2 "$TENON" explain-error plan-key-loss
expect_text err "error[args-value]: there is no error 'plan-key-loss'"
expect_text err "plan-key-lost"

expect_status 0 "$TENON" explain-error
grep -oE '^  [a-z-]+' out | tr -d ' ' >ids
[ "$(wc -l <ids)" -gt 100 ] || fail "few ids are listed"

expect_status 0 "$TENON" explain-error --markdown
diff "$root/docs/errors.md" out || fail "docs/errors.md is not what tenon explain-error --markdown prints"

# What nothing says is no error, and misleads who reads the list.
grep -rhoE '"[a-z-]+"_id' "$root/src" | cut -d'"' -f2 | sort -u >used
sort ids >listed
diff listed used || fail "the table of errors and the ids that src/ uses differ"
