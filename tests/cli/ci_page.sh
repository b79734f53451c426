# docs/ci.md: every command works and prints what the page shows; the sample repository holds what it says.
. "$(dirname "$0")/lib.sh"

export PATH=$(dirname "$TENON"):$root/tools:$PATH SAMPLES=$root/samples
python3 -B "$root/tests/cli/walkthrough.py" "$root/docs/ci.md"
# The sample's headers and plan are those of the checkpoint and the rules.
expect_same_file headers/llama.json "$root/samples/ci/headers/llama.json"
expect_same_file plans/llama.plan "$root/samples/ci/plans/llama.plan"
expect_same_file "$root/samples/rules/my_llama.yaml" "$root/samples/ci/rules/my_llama.yaml"
# And it fails where something is wrong.
cp -r "$root/samples/ci" broken
sed -i 's/gate_up_proj/gate_and_up/' broken/rules/my_llama.yaml
expect_status 1 bash broken/check.sh
expect_text out gate_and_up
