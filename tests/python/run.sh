#!/usr/bin/env bash
# Runs the package's tests with the module out of the build folder: MODULE, by the Python of build/venv. Skipped (77), saying why, where
# the module was not built or a package of PyPI is missing.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-$BUILD/venv/bin/python3}
[ -n "${MODULE:-}" ] && [ -f "$MODULE" ] || { echo "SKIPPED: the Python module was not built (no Python headers or no nanobind; tools/setup --tests)"; exit 77; }
"$python" -c 'import pytest, numpy, ml_dtypes, safetensors' 2>/dev/null || { echo "SKIPPED: pytest, numpy, ml_dtypes or safetensors is missing (tools/setup --tests)"; exit 77; }
site=$(mktemp -d "${TMPDIR:-/tmp}/tenon-python.XXXXXX")
trap 'rm -rf "$site"' EXIT
mkdir "$site/tenon"
ln -s "$root"/python/tenon/* "$site/tenon/"
# A copy: the rules are looked for beside the file that a link stands for.
cp "$(readlink -f "$MODULE")" "$site/tenon/"
ln -s "$root/rules" "$site/tenon/rules"
unset MALLOC_PERTURB_ # it fills memory that is about to be written, in each of 1,000 conversions
export PYTHONPATH=$site PYTHONDONTWRITEBYTECODE=1
cd "$here"
if "$python" -m pytest -q -p no:cacheprovider --rootdir "$here" "$@" . >"$site/log" 2>&1; then
  cat "$site/log"
  # "41 passed, 1 skipped in 3.2s", for tools/count-tests.
  sed -nE 's/^([0-9]+) passed(, ([0-9]+) skipped)?.*/\1 passed, 0 failed, \3/p' "$site/log" | sed 's/, $/, 0 skipped/; s/, \([0-9]*\)$/, \1 skipped/'
else
  cat "$site/log" >&2
  exit 1
fi
