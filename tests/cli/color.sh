# Colour only where messages go to a terminal, unless the environment or --color says otherwise.
. "$(dirname "$0")/lib.sh"

escape=$(printf '\033')
run() { expect_status 2 env -u NO_COLOR -u FORCE_COLOR -u CLICOLOR_FORCE "$@" "$TENON" convert absent out-of-it "${options[@]}"; }
options=()
run env && expect_no_text err "$escape"
run FORCE_COLOR=1 && expect_text err "$escape"
run CLICOLOR_FORCE=1 && expect_text err "$escape"
run FORCE_COLOR=0 && expect_no_text err "$escape"
run FORCE_COLOR=1 NO_COLOR=1 && expect_no_text err "$escape"
options=(--color always)
run NO_COLOR=1 && expect_text err "$escape"
options=(--color never)
run FORCE_COLOR=1 && expect_no_text err "$escape"
options=(--color sometimes)
run env && expect_text err 'auto, always and never'
