# Completions in real shells under a terminal: commands, options, choices, names of the library, paths.
. "$(dirname "$0")/lib.sh"

for shell in bash zsh fish; do
  command -v "$shell" >/dev/null || skip "$shell is not installed (tools/setup --tests)"
done
expect_status 2 tenon completions csh
python3 -B "$root/tests/cli/completions.py" "$TENON" "$scratch"
