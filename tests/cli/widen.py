#!/usr/bin/env python3
"""widen.py FROM TO: the checkpoint with each BF16 number as an F32 that has more bits than that."""
import json, os, shutil, struct, sys

source, target = sys.argv[1:]
shutil.copytree(source, target)
for name in sorted(os.listdir(target)):
    if not name.endswith(".safetensors"):
        continue
    with open(f"{target}/{name}", "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length))
        data = file.read()
    out, made, low = {}, b"", 12345
    for key, tensor in head.items():
        if key == "__metadata__":
            out[key] = tensor
            continue
        assert tensor["dtype"] == "BF16", key
        begin, end = tensor["data_offsets"]
        words = []
        for code in struct.unpack(f"<{(end - begin) // 2}H", data[begin:end]):
            low = (low * 1103515245 + 12345) & 0x7FFFFFFF
            words.append(code << 16 | low >> 15)
        out[key] = {"dtype": "F32", "shape": tensor["shape"], "data_offsets": [len(made), len(made) + 4 * len(words)]}
        made += struct.pack(f"<{len(words)}I", *words)
    text = json.dumps(out).encode()
    text += b" " * (-len(text) % 8)
    with open(f"{target}/{name}", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + made)
index = f"{target}/model.safetensors.index.json"
if os.path.exists(index):
    os.remove(index)
with open(f"{target}/config.json") as file:
    config = json.load(file)
config["torch_dtype"] = "float32"
with open(f"{target}/config.json", "w") as file:
    json.dump(config, file)
