# Each installed header compiles by itself, and none of them, nor what it includes, is another library's.
. "$(dirname "$0")/../cli/lib.sh"

compiler=${CXX:-c++}
cd "$root/include"
for header in tenon/*.h; do
  printf '#include "%s"\n#include "%s"\nint main() {}\n' "$header" "$header" >"$scratch/alone.cc"
  "$compiler" -std=c++20 -Wall -Wextra -Wpedantic -Werror -I. -fsyntax-only "$scratch/alone.cc" || fail "$header does not compile alone"
  while read -r included; do
    case $included in
      \"tenon/*.h\") [ -f "${included//\"/}" ] || fail "$header includes $included, which is not installed" ;;
      '<'*[./]*) fail "$header includes $included" ;;
      '<'*) find /usr/include/c++ -maxdepth 2 -name "$(tr -d '<>' <<<"$included")" | grep -q . || fail "$header includes $included" ;;
      *) fail "$header includes $included" ;;
    esac
  done < <(sed -nE 's/^# *include +(.*)/\1/p' "$header" | sed 's, *//.*,,')
done
[ "$(ls tenon/*.h | wc -l)" -ge 10 ] || fail "headers are missing: $(ls tenon)"

# All of them stand in tenon.h.
for header in tenon/*.h; do
  [ "$header" = tenon/tenon.h ] || expect_text tenon/tenon.h "#include \"$header\""
done

# Nothing but the face can be seen in the library. The sanitizers put symbols of their own there.
[ "${SANITIZED:-none}" = none ] || exit 0
nm -D --defined-only "$LIBTENON" | awk '{ print $3 }' | grep -vE '^_ZN(K)?5tenon2v0|^_ZT[ISV]N5tenon2v0' >"$scratch/others" || true
[ ! -s "$scratch/others" ] || { head "$scratch/others" >&2; fail "symbols of others are visible in libtenon"; }
nm -DC --defined-only "$LIBTENON" >"$scratch/names" && grep -q 'tenon::v0::convert(' "$scratch/names" || fail "libtenon has no convert()"
