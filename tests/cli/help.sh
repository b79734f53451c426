# --help teaches by example; a word that is not known gets a near one suggested.
. "$(dirname "$0")/lib.sh"

expect_status 0 tenon --help
for command in convert plan explain inspect diff batch; do
  expect_text out $command
done
for command in convert plan explain inspect diff batch; do
  expect_status 0 tenon $command --help
  expect_text out "  tenon $command "
done
expect_status 0 tenon --version
expect_status 2 tenon conver a b
expect_text err convert
expect_status 2 tenon convert a b --max-shard-sise 5GB
expect_text err --max-shard-size
