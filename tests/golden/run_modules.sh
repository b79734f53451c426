#!/usr/bin/env bash
# Runs check_modules.py, or the SCRIPT that is named, with the interpreter that tools/setup --tests gave the packages to, else the system's.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${TENON_PYTHON:-$root/build/venv/bin/python3}
[ -x "$python" ] || python=python3
exec "$python" -B "$root/tests/golden/${SCRIPT:-check_modules.py}" "$@"
