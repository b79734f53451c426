"""Compares the tensors of two checkpoints without tenon: keys, dtypes, shapes and bytes. Exit status 1 where they differ."""

import glob
import json
import os
import sys


def tensors(folder):
    found = {}
    for path in glob.glob(os.path.join(folder, "*.safetensors")):
        with open(path, "rb") as file:
            raw = file.read()
        start = 8 + int.from_bytes(raw[:8], "little")
        for key, entry in json.loads(raw[8:start]).items():
            if key != "__metadata__":
                begin, end = entry["data_offsets"]
                found[key] = (entry["dtype"], entry["shape"], raw[start + begin : start + end])
    return found


a, b = tensors(sys.argv[1]), tensors(sys.argv[2])
differing = sorted(key for key in a.keys() | b.keys() if a.get(key) != b.get(key))
print("\n".join(differing[:10]), file=sys.stderr)
sys.exit(1 if differing or not a else 0)
