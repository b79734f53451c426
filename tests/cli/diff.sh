# diff: names, dtypes, shapes, bytes, and where the first byte differs.
. "$(dirname "$0")/lib.sh"

write_tensors a <<'LINES'
equal U8 4
bytes U8 4
shape U8 4
dtype U8 4
only_in_a U8 4
LINES
write_tensors b <<'LINES'
equal U8 4
bytes U8 4
shape U8 2,2
dtype F8_E4M3 4
only_in_b U8 4
LINES
python3 - <<'PYTHON'
raw = bytearray(open("b/model.safetensors", "rb").read())
raw[8 + int.from_bytes(raw[:8], "little") + 6] ^= 1  # `bytes`, its third element
open("b/model.safetensors", "wb").write(raw)
PYTHON
expect_status 1 tenon diff a b
for key in bytes shape dtype only_in_a only_in_b; do expect_text out $key; done
expect_no_text out equal
expect_status 0 tenon diff a a
