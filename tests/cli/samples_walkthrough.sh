# Every command of samples/README.md works, and prints what the page shows.
. "$(dirname "$0")/lib.sh"

export PATH=$(dirname "$TENON"):$root/tools:$PATH SAMPLES=$root/samples
python3 -B "$root/tests/cli/walkthrough.py" "$root/samples/README.md"
