# A draft made from two checkpoints converts the one into the other.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral
expect_status 0 tenon convert moe fused
expect_status 0 tenon rules scaffold moe fused --name drafted
cp out drafted.yaml
expect_status 0 tenon convert moe again --rules drafted.yaml
expect_status 0 tenon diff fused again
expect_status 0 tenon rules scaffold moe fused --name drafted -o written.yaml
[ ! -s out ] || fail 'with -o nothing is printed'
expect_same_file written.yaml drafted.yaml
head -1 written.yaml | grep -qE '^# yaml-language-server: \$schema=/.*/tenon-rules.schema.json$' || fail "editors find no schema: $(head -1 written.yaml)"
expect_status 0 tenon rules scaffold moe fused
expect_text err 'converts moe to exactly fused'
expect_text out 'every byte of'
expect_text err 'the library makes exactly the same: tenon convert'

# From the bytes: order, permutation, transposes, interleaving, cuts; each draft converts the one to exactly the other.
python3 - <<'PY'
import json, os, random, struct
def view(rows, cols, data): return [data[r * cols * 2:(r + 1) * cols * 2] for r in range(rows)]
class T:
    def __init__(self, seed, rows, cols): self.r = view(rows, cols, random.Random(seed).randbytes(rows * cols * 2)); self.c = cols
    @staticmethod
    def of(rows, cols):
        t = T.__new__(T); t.r = rows; t.c = cols; return t
    def bytes(self): return b"".join(self.r)
    def turned(self): return T.of([b"".join(row[2 * c:2 * c + 2] for row in self.r) for c in range(self.c)], len(self.r))
    def shape(self): return [len(self.r), self.c]
def cat(*ts): return T.of([row for t in ts for row in t.r], ts[0].c)
def woven(a, b): return T.of([row for pair in zip(a.r, b.r) for row in pair], a.c)
def rope(t, heads):
    d = len(t.r) // heads
    return T.of([t.r[h * d + i] for h in range(heads) for i in [*range(0, d, 2), *range(1, d, 2)]], t.c)
class Stack:
    def __init__(self, ts): self.ts = ts
    def bytes(self): return b"".join(t.bytes() for t in self.ts)
    def shape(self): return [len(self.ts), *self.ts[0].shape()]
def save(folder, tensors, config):
    os.makedirs(folder); header, data = {}, b""
    for key, t in tensors.items():
        header[key] = {"dtype": "BF16", "shape": t.shape(), "data_offsets": [len(data), len(data) + len(t.bytes())]}; data += t.bytes()
    text = json.dumps(header).encode()
    open(f"{folder}/model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data)
    json.dump(config, open(f"{folder}/config.json", "w"))
config = {"model_type": "my_net", "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 16, "num_hidden_layers": 2}
a, b = {}, {}
for l in range(2):
    q, k, v = T(f"q{l}", 32, 16), T(f"k{l}", 16, 16), T(f"v{l}", 16, 16)
    at, to = f"blocks.{l}.attn.", f"model.layers.{l}.self_attn."
    a |= {at + "wq.w": q, at + "wk.w": k, at + "wv.w": v}
    b |= {to + "v_first.weight": cat(v, k, q)}
    m, n = T(f"m{l}", 16, 16), T(f"n{l}", 8, 16)
    a |= {f"blocks.{l}.rot.q": m, f"blocks.{l}.rot.k": n}
    b |= {f"model.layers.{l}.rot.q": rope(m, 4), f"model.layers.{l}.rot.k": rope(n, 2)}
    g, u = T(f"g{l}", 12, 16), T(f"u{l}", 12, 16)
    a |= {f"blocks.{l}.mlp.gate": g, f"blocks.{l}.mlp.up": u}
    b |= {f"model.layers.{l}.mlp.woven": woven(g, u)}
    p = T(f"p{l}", 20, 16)
    a |= {f"blocks.{l}.mlp.both": p}
    b |= {f"model.layers.{l}.mlp.y": T.of(p.r[:8], 16), f"model.layers.{l}.mlp.x": T.of(p.r[8:], 16)}
    s = T(f"s{l}", 16, 16)
    a |= {f"blocks.{l}.square": s}
    b |= {f"model.layers.{l}.square": s.turned()}
    e = [(T(f"e{l}{i}", 6, 16), T(f"f{l}{i}", 6, 16)) for i in range(4)]
    a |= {f"blocks.{l}.experts.{i}.{n}": t for i, pair in enumerate(e) for n, t in zip(("w1", "w3"), pair)}
    b |= {f"model.layers.{l}.experts.gate_up": Stack([cat(x, y).turned() for x, y in e])}
    o = T(f"o{l}", 1, 16)
    a |= {f"blocks.{l}.norm.g": o}; b |= {f"model.layers.{l}.input_layernorm.weight": o}
save("mine", a, config); save("theirs", b, config)
b["model.layers.1.mlp.x"] = T("other", 12, 16)
save("spoilt", b, config)
PY
expect_status 0 tenon rules scaffold mine theirs --name mine_to_theirs
cp out mine_to_theirs.yaml
expect_text err 'converts mine to exactly theirs'
expect_text out 'Seen to hold, every byte'
expect_status 0 tenon lint mine_to_theirs.yaml
expect_status 0 tenon convert mine made --rules mine_to_theirs.yaml
expect_same_tensors made theirs
expect_status 0 tenon convert made returned --to original
expect_same_shards mine returned

# What does not hold is told, and commented out.
expect_status 1 tenon rules scaffold mine spoilt
expect_text err 'the draft does not make spoilt of mine'
expect_text err 'model.layers.*.mlp.x'
expect_text out 'does not yet convert'
