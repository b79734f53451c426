# Every command of samples/README.md works, and prints what the page shows.
. "$(dirname "$0")/lib.sh"

mkdir build
ln -s "$TENON" build/tenon
ln -s "$root"/{tools,samples,rules} .
PATH=$PWD/build:$PATH python3 -B "$root/tests/cli/walkthrough.py" "$root/samples/README.md"
