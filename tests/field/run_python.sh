#!/usr/bin/env bash
# run_python.sh TEST.py TENON BUILD [ARGUMENT...]: by a Python that has NumPy: the build folder's own, else the system's.
for python in "$3/venv/bin/python3" python3; do
  if "$python" -c 'import numpy' 2>/dev/null; then
    exec "$python" -B "$1" "$2" "${@:4}"
  fi
done
echo "SKIPPED: the results are computed with NumPy, and no Python here has it"
exit 77
