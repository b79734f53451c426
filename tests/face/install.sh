# `meson install`: everything is there and works from its place; a program compiles by pkg-config against it, runs, and does what the
# installed command does.
. "$(dirname "$0")/../cli/lib.sh"

[ "${SANITIZED:-none}" = none ] || skip "a program without sanitizers cannot use a library with them"
# The whole build is there (a test of one suite may have built less).
DESTDIR=$scratch/dest meson install -C "$BUILD" --no-rebuild >install.log 2>&1 || { tail -n 20 install.log >&2; fail "meson install failed"; }
prefix=$scratch/dest$(meson introspect --buildoptions "$BUILD" | python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
pc=$(find "$prefix" -name tenon.pc)
[ -n "$pc" ] || fail "no tenon.pc"
for file in include/tenon/tenon.h include/tenon/options.h share/tenon/rules/models/mixtral.yaml share/tenon/rules/tenon-rules.schema.json \
  share/man/man1/tenon.1 share/man/man1/tenon-convert.1 share/bash-completion/completions/tenon share/zsh/site-functions/_tenon \
  share/fish/vendor_completions.d/tenon.fish share/doc/tenon/LICENSE share/doc/tenon/README.md bin/tenon; do
  [ -s "$prefix/$file" ] || fail "$file is not installed"
done

export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$scratch/dest LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name 'libtenon.so.0')")
"${CXX:-c++}" -std=c++20 -Wall -Wextra -Werror "$root/samples/program/convert.cc" $(pkg-config --cflags --libs tenon) -o convert ||
  fail "the sample does not compile against what is installed"
make_checkpoint moe --model mixtral
# An empty environment but for the library's place: the rules are the installed ones.
expect_status 0 env -i LD_LIBRARY_PATH="$LD_LIBRARY_PATH" ./convert moe by-library
expect_text out '21 tensors, plan '
expect_text out 'not written yet'
expect_text out 'converting: 707200 bytes'
expect_text out 'by-library: 21 tensors (fused layout) from 65'
expect_status 0 env -i "$prefix/bin/tenon" convert moe by-command --max-shard-size 5GB
expect_same_shards by-library by-command
expect_same_file by-library/tenon-manifest.json by-command/tenon-manifest.json
expect_status 2 env -i LD_LIBRARY_PATH="$LD_LIBRARY_PATH" ./convert moe by-library
expect_text err 'error[output-exists]'
expect_text err 'What to do'
expect_status 2 env -i LD_LIBRARY_PATH="$LD_LIBRARY_PATH" ./convert nowhere x
