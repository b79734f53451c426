# Sourced by every tests/cli/*.sh. Gives it an empty folder to work in ($scratch, the current one), the program as `tenon`, and
# the checks below. A failed check stops the test with a message that shows what was expected and what came.
set -euo pipefail

: "${TENON:?is the path of the program under test}"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tenon-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

tenon() { "$TENON" "$@" </dev/null; }
make_checkpoint() { python3 "$root/tools/make-checkpoint" "$@"; }

fail() { printf 'FAILED %s:%s: %s\n' "$(basename "$0")" "${BASH_LINENO[1]}" "$*" >&2; exit 1; }
skip() { printf 'SKIPPED: %s\n' "$*"; exit 77; }

# expect_status N COMMAND...: runs it, keeps its output in the files `out` and `err`, and wants that exit status.
expect_status() {
  local wanted=$1 status=0; shift
  "$@" >out 2>err || status=$?
  [ "$status" -eq "$wanted" ] || { cat out err >&2; fail "exit status $status, not $wanted, of: $*"; }
}

expect_text() { grep -qF -e "$2" "$1" || { cat "$1" >&2; fail "'$1' lacks: $2"; }; }
expect_no_text() { ! grep -qF -e "$2" "$1" || { cat "$1" >&2; fail "'$1' has: $2"; }; }
expect_absent() { [ ! -e "$1" ] || fail "$1 exists"; }
expect_same_file() { cmp "$1" "$2" || fail "$1 and $2 differ"; }

# expect_same_checkpoint A B: the same shards, byte for byte (side files and manifest aside).
expect_same_shards() {
  [ "$(cd "$1" && sha256sum -- *.safetensors)" = "$(cd "$2" && sha256sum -- *.safetensors)" ] || fail "the shards of $1 and $2 differ"
}
