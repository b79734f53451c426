# Colour only on a terminal, and not where NO_COLOR is set; none of it on standard output.
. "$(dirname "$0")/lib.sh"

# on_terminal COMMAND...: its exit status does not matter; what it prints on a terminal goes to `seen`.
on_terminal() { TERM=xterm python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' "$@" >seen </dev/null; }
escape=$(printf '\033')
NO_COLOR='' on_terminal "$TENON" inspect absent
expect_text seen "$escape["
NO_COLOR=1 on_terminal "$TENON" inspect absent
expect_no_text seen "$escape["
expect_status 2 tenon inspect absent
expect_no_text err "$escape"
