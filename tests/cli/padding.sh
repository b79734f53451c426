# Pad and Slice: zeros put on and taken off, what is not zero refused or lost by name, there and back, hashed and verified.
. "$(dirname "$0")/lib.sh"

config='{"model_type": "of_a_test", "vocab_size": 50, "padded": 64}'
write_tensors source "$config" <<'LINES'
embed.weight BF16 50,33
wide.weight F32 7,5
norm.weight F32 8
LINES
write_rules pad <<'YAML'
  - WeightConverter:
      source_patterns: '^embed\.weight$'
      target_patterns: 'padded\.weight$'
      operations: [Pad: {dim: 0, to: '${config.padded}', from: '${config.vocab_size}'}]
  - WeightConverter: {source_patterns: '^wide\.weight$', target_patterns: 'wider\.weight$', operations: [Pad: {dim: 1, to: 9}]}
YAML
expect_status 0 tenon convert source padded --rules pad.yaml --verify --hash sha256 --no-sync
expect_status 0 tenon verify padded --against source
expect_status 0 tenon convert padded back --to original --verify --no-sync
expect_same_tensors source back
# The zeros are zeros: NumPy is not asked, the bytes are.
python3 - <<'PY'
import json
raw = open("padded/model.safetensors", "rb").read()
start = 8 + int.from_bytes(raw[:8], "little")
header = json.loads(raw[8:start])
begin, end = header["padded.weight"]["data_offsets"]
assert header["padded.weight"]["shape"] == [64, 33]
data = raw[start + begin : start + end]
assert not any(data[50 * 33 * 2 :]) and any(data[: 50 * 33 * 2])
begin, end = header["wider.weight"]["data_offsets"]
rows = [raw[start + begin + r * 36 : start + begin + (r + 1) * 36] for r in range(7)]
assert all(any(row[:20]) and not any(row[20:]) for row in rows)
PY

# Without a manifest `from` says where to cut; where nothing says it, it is refused by that name.
rm padded/tenon-manifest.json
expect_refused wider.weight 'from: N' -- tenon convert padded unknown --to original --rules pad.yaml
sed '/wider/d' pad.yaml >known.yaml
expect_status 0 tenon convert padded known --to original --rules known.yaml --no-sync

# A byte that is not zero in what would be cut off: nothing is written, but with `any` it is lost, and said.
cp -r padded trained
python3 - <<'PY'
import json
path = "trained/model.safetensors"
raw = bytearray(open(path, "rb").read())
start = 8 + int.from_bytes(raw[:8], "little")
begin, end = json.loads(raw[8:start])["padded.weight"]["data_offsets"]
raw[start + end - 1] = 1
open(path, "wb").write(raw)
PY
expect_refused padded.weight 'any: true' -- tenon convert trained cut --to original --rules known.yaml
sed 's/}\]$/, any: true}]/' known.yaml >any.yaml
expect_status 0 tenon plan trained --to original --rules any.yaml
expect_text out 'does not come back'
expect_text out 'but for what is cut off'
expect_status 0 tenon convert trained lost --to original --rules any.yaml --verify --no-sync
expect_text err 'does not come back'
expect_same_tensors known lost
expect_status 0 tenon convert padded nothing-lost --to original --rules any.yaml --no-sync
expect_no_text err 'is not zero'

# Slice as a rule of its own: its inverse pads to where it was.
write_rules slice <<'YAML'
  - WeightConverter:
      source_patterns: '^padded\.weight$'
      target_patterns: 'embed\.weight$'
      operations: [Slice: {dim: 0, to: '${config.vocab_size}'}]
YAML
expect_status 0 tenon convert padded sliced --rules slice.yaml --verify --hash sha256 --no-sync
expect_status 0 tenon verify sliced --against padded
expect_status 0 tenon convert sliced unsliced --to original --verify --no-sync
expect_same_tensors padded unsliced
expect_refused padded.weight 'any: true' -- tenon convert trained sliced2 --rules slice.yaml
