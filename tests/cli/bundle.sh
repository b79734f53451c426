# tools/bundle: what it makes runs from another place, by its own libraries and rules alone.
. "$(dirname "$0")/lib.sh"

"$root/tools/bundle" made "$(dirname "$TENON")" >out
mkdir elsewhere
mv made elsewhere/moved
bundle=$PWD/elsewhere/moved
# A sanitizer's code is twice as large; such a program is carried nowhere.
[ "${SANITIZED:-none}" != none ] || [ "$(du -sm "$bundle" | cut -f1)" -lt 64 ] || fail "the bundle is too large to carry: $(cat out)"

# Every library but the C library's comes out of the bundle.
env -i LD_LIBRARY_PATH="$bundle/lib" LD_TRACE_LOADED_OBJECTS=1 "$bundle/bin/tenon" >loaded
grep -q "=> $bundle/lib/libtbb" loaded || { cat loaded >&2; fail "libtbb does not come out of the bundle"; }
others=$(awk '$2 == "=>" { print $1, $3 }' loaded | grep -v " $bundle/lib/" | grep -vE '^lib(c|m|dl|rt|pthread|resolv)\.so' || true)
[ -z "$others" ] || fail "not out of the bundle: $others"

# From another folder, with an empty environment and through a link; the rules are the bundle's.
make_checkpoint model --model mixtral
ln -s "$bundle/tenon" link
cd elsewhere
expect_status 0 env -i PATH=/usr/bin:/bin ../link convert ../model ../fused
expect_status 0 env -i PATH=/usr/bin:/bin ../link convert ../fused ../back --to original
expect_same_tensors ../model ../back
expect_status 0 env -i PATH=/usr/bin:/bin ../link parity ../model --backend cpu --tokens 4
expect_text out HOLDS
mv "$bundle/rules" "$bundle/hidden"
expect_status 2 env -i PATH=/usr/bin:/bin ../link rules list
expect_text err "$bundle/rules"

cd ..
status=0
"$root/tools/bundle" elsewhere "$(dirname "$TENON")" 2>err || status=$?
[ "$status" -eq 2 ] || fail "exit status $status where the folder exists"
expect_text err 'elsewhere exists'
