#!/usr/bin/env bash
# Every hostile file is refused with exit status 2 and one message that names it, and nothing is written; the odd but
# sound ones are inspected.
source "$(dirname "$0")/lib.sh"

refused=0 accepted=0
while IFS=$'\t' read -r file verdict _; do
  case=$root/tests/hostile/cases/$file
  case $verdict in
    reject)
      expect_refused "$file" -- tenon convert "$case" out-of-it
      [ "$(grep -c 'error\[' err)" -eq 1 ] || { cat err >&2; fail "not one message for $file"; }
      refused=$((refused + 1))
      ;;
    accept)
      expect_status 0 tenon inspect "$case"
      accepted=$((accepted + 1))
      ;;
  esac
done <"$root/tests/hostile/verdicts.tsv"
[ $((refused + accepted)) -eq 102 ] || fail "$refused refused and $accepted accepted are not 102"
