# Help by every way to ask for it; a word that is not known gets a near one suggested; errors have one form.
. "$(dirname "$0")/lib.sh"

expect_status 0 tenon --help
for command in convert plan explain inspect diff verify parity lint batch rules completions man; do
  expect_text out "  $command "
done
expect_no_text out '  names '
cp out help
expect_status 2 tenon
expect_same_file help out
expect_status 0 tenon help
expect_same_file help out

while read -r command; do
  # shellcheck disable=SC2086 # a command may be two words
  expect_status 0 tenon $command --help
  expect_text out "Usage: tenon $command"
  expect_text out Examples:
  expect_text out "  tenon $command "
  cp out help
  # shellcheck disable=SC2086
  expect_status 0 tenon help $command
  expect_same_file help out
  awk 'length > 130' out | grep . && fail "long lines in the help of $command"
done < <(tenon names commands)
expect_status 0 tenon convert --help
for group in 'Rules and layout:' Output: Safety: Running: Report: General:; do expect_text out "$group"; done
expect_status 2 tenon rules
expect_text out 'Usage: tenon rules COMMAND'

expect_status 0 tenon --version
cp out version
expect_status 0 tenon -V
expect_same_file version out

expect_status 2 tenon conver a b
expect_text err "Did you mean 'convert'?"
expect_status 2 tenon convert a b --max-shard-sise 5GB
expect_text err "Did you mean '--max-shard-size'?"
expect_status 2 tenon frobnicate
expect_no_text err 'Did you mean'

# -q: no notes; results, warnings and errors stay.
make_checkpoint moe --model mixtral
expect_status 0 tenon convert moe fused
expect_text err 'note['
expect_status 0 tenon convert moe fused-too -q
[ ! -s err ] || fail "-q said: $(cat err)"
expect_text out fused-too
expect_status 2 tenon -q convert absent out-too
expect_text err absent
