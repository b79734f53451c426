# The first page, the tutorial and the how-to pages: every command works and prints what the page shows, in the page's order; the
# pictures are what their script draws.
. "$(dirname "$0")/lib.sh"

export PATH=$(dirname "$TENON"):$root/tools:$PATH SAMPLES=$root/samples
for page in index tutorial how-to/serve how-to/own-model how-to/many how-to/coded how-to/review; do
  mkdir -p "run/$page"
  (cd "run/$page" && python3 -B "$root/tests/cli/walkthrough.py" "$root/docs/$page.md") || fail "docs/$page.md"
done
"$root/tools/draw-flow" --check || fail 'renew the pictures by tools/draw-flow'
