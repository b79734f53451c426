#!/usr/bin/env bash
# Runs one fuzz target for FUZZ_SECONDS (15) over what it found before and over fresh seeds. A finding fails it.
# usage: run.sh PROGRAM TARGET DICTIONARY
# FUZZ_FOLDER: where corpus and findings are kept. FUZZ_TIMEOUT: seconds for one input, which on a busy machine wants more.
set -eu
program=$(realpath "$1") target=$2 dictionary=$3
here=$(cd "$(dirname "$0")" && pwd)
folder=${FUZZ_FOLDER:-$(dirname "$program")/work}/$target
mkdir -p "$folder/corpus" "$folder/findings"
python3 "$here/make_seeds.py" "$target" "$folder/seeds"

# The limits are those of the promise, with room for what the address sanitizer takes: 256 MiB in one allocation, 1 GiB in all.
export ASAN_OPTIONS=quarantine_size_mb=32:malloc_context_size=5:detect_stack_use_after_return=0:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}
cd "$folder"
# Its own status for a finding is 77, which meson takes for a skipped test.
# Without FUZZ_SECONDS, as every change is tested, the same inputs in the same order: what fails is the change's. tools/fuzz looks further.
seed=()
[ -n "${FUZZ_SECONDS:-}" ] || seed=(-seed=20261127)
exec "$program" "${seed[@]}" -error_exitcode=1 -timeout_exitcode=1 -max_total_time="${FUZZ_SECONDS:-15}" -timeout="${FUZZ_TIMEOUT:-20}" -rss_limit_mb=1024 -malloc_limit_mb=256 \
  -dict="$here/$dictionary" -artifact_prefix="$folder/findings/" -print_final_stats=1 "$folder/corpus" "$folder/seeds"
