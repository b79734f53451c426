# A destination that exists is refused and left alone; --overwrite replaces it.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral
mkdir fused && echo precious >fused/file
expect_refused fused --overwrite -- tenon convert moe fused
[ "$(cat fused/file)" = precious ] || fail "the old destination was touched"
expect_refused moe -- tenon convert moe moe --overwrite
expect_refused moe -- tenon convert moe moe/inside
expect_refused "no checkpoint's folder" -- tenon convert moe fused --overwrite
expect_status 0 tenon convert moe made
mkdir made/mine && echo precious >made/mine/notes.md && echo gone >made/stale
expect_refused made --overwrite -- tenon convert moe made
expect_status 0 tenon convert moe made --overwrite --keep-extra
expect_text err 'made: note[output-extra-files]: kept, though no conversion made it: mine/notes.md and stale'
[ "$(cat made/mine/notes.md)" = precious ] || fail "the notes are not what they were"
expect_status 0 tenon verify made --against moe
expect_status 0 tenon convert moe made --overwrite
expect_text err 'made: warning[output-extra-files]: replaced, with what no conversion had made: mine/notes.md and stale'
expect_text err '--keep-extra'
expect_absent made/stale
expect_absent made/mine
expect_status 0 tenon convert moe made --overwrite
expect_no_text err output-extra-files
