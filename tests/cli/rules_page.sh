# Every rule file and command of docs/rules.md works, and prints what the page shows.
. "$(dirname "$0")/lib.sh"

export PATH=$(dirname "$TENON"):$root/tools:$PATH
python3 -B "$root/tests/cli/walkthrough.py" "$root/docs/rules.md"
