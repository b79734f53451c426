# Every command has a manual page, valid roff, with each of its options; what meson installs is all of them.
. "$(dirname "$0")/lib.sh"

tenon names commands >commands
mapfile -t commands <commands
[ "${#commands[@]}" -ge 10 ] || fail "only ${#commands[@]} commands"
sed -n "/^man_pages = /,/]/p" "$root/man/meson.build" | grep -o "'[^']*'" | tr -d "'" | sort >installed
sort commands | diff - installed || fail "man/meson.build does not list the commands that there are"

for command in '' "${commands[@]}"; do
  # shellcheck disable=SC2086 # a command may be two words
  tenon man $command >page.1
  # shellcheck disable=SC2086
  tenon help $command | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE '\-\-[a-z-]+' >options
  [ -s options ] || fail "no options in the help of '$command'"
  while read -r option; do
    grep -qF -e "${option//-/\\-}" page.1 || fail "the page of '$command' lacks $option"
  done <options
  if command -v groff >/dev/null; then
    groff -ww -man -Tutf8 page.1 2>warnings >text || fail "groff refuses the page of '$command'"
    [ ! -s warnings ] || fail "the page of '$command': $(head -n 3 warnings)"
  fi
done
command -v groff >/dev/null || skip 'groff is not installed (tools/setup --tests)'
command -v man >/dev/null || skip 'man is not installed (tools/setup --tests)'
tenon man convert >page.1
MANPAGER=cat MANWIDTH=100 man -l page.1 >text 2>err </dev/null
[ ! -s err ] || fail "man: $(cat err)"
for word in NAME SYNOPSIS 'Rules and layout' Safety --max-shard-size 'EXIT STATUS' EXAMPLES; do expect_text text "$word"; done
expect_status 2 tenon man convrt
expect_text err "Did you mean 'convert'?"
