# Sourced by every tests/cli/*.sh. Gives it an empty folder to work in (the current one), the program as `tenon`, and the
# checks below. A failed check ends the test with a message that shows what was expected and what came.
set -euo pipefail

: "${TENON:?is the path of the program under test}"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tenon-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

tenon() { "$TENON" "$@" </dev/null; }

# make_checkpoint DIR --model TYPE...: a small one as a publisher would ship it.
make_checkpoint() { python3 "$root/tools/make-checkpoint" "$@" >/dev/null; }

# write_tensors DIR [CONFIG_JSON] <<<'KEY DTYPE EXTENTS'...: one of exactly these tensors.
write_tensors() { python3 "$root/tests/cli/write_tensors.py" "$@"; }

# write_rules NAME <<<'TRANSFORMS': NAME.yaml with that list of transforms.
write_rules() {
  { printf 'tenon: 1\nname: %s\nabout: Rules of a test.\ntransforms:\n' "$1"; cat; } >"$1.yaml"
}

# fail MESSAGE...: with the line of the test that it comes from.
fail() {
  local frame=0
  while [ "$(basename "${BASH_SOURCE[frame]}")" = lib.sh ]; do frame=$((frame + 1)); done
  printf 'FAILED %s:%s: %s\n' "$(basename "$0")" "${BASH_LINENO[frame - 1]}" "$*" >&2
  exit 1
}
skip() {
  printf 'SKIPPED: %s\n' "$*"
  exit 77
}

# expect_status N COMMAND...: runs it, keeps what it prints in the files `out` and `err`, and wants that exit status.
expect_status() {
  local wanted=$1 status=0
  shift
  "$@" >out 2>err || status=$?
  [ "$status" -eq "$wanted" ] || { cat out err >&2; fail "exit status $status, not $wanted, of: $*"; }
}

# expect_refused WORD... -- COMMAND...: exit status 2, a message with each of the words, and nothing written.
expect_refused() {
  local words=() before after word
  while [ "$1" != -- ]; do words+=("$1"); shift; done
  shift
  before=$(ls -A)
  expect_status 2 "$@"
  for word in "${words[@]}"; do expect_text err "$word"; done
  after=$(ls -A | grep -vxE 'out|err' || true)
  [ "$(grep -vxE 'out|err' <<<"$before")" = "$after" ] || fail "left behind: $after"
}

expect_text() { grep -qF -e "$2" "$1" || { cat "$1" >&2; fail "'$1' lacks: $2"; }; }
expect_no_text() { ! grep -qF -e "$2" "$1" || { cat "$1" >&2; fail "'$1' has: $2"; }; }
expect_absent() { [ ! -e "$1" ] || fail "$1 exists"; }
expect_same_file() { cmp "$1" "$2" || fail "$1 and $2 differ"; }

# expect_same_shards A B: the same shard files, byte for byte.
expect_same_shards() {
  [ "$(cd "$1" && sha256sum -- *.safetensors)" = "$(cd "$2" && sha256sum -- *.safetensors)" ] || fail "the shards of $1 and $2 differ"
}

# expect_same_tensors A B: the same keys, dtypes, shapes and bytes, however they are spread over shards. Not by tenon.
expect_same_tensors() {
  python3 "$root/tests/cli/same_tensors.py" "$@" || fail "the tensors of $1 and $2 differ"
}
