"""Writes a checkpoint of one file whose BF16 weights are numbers a module can be run on, out of lines `KEY EXTENTS` on standard
input, such as `mlp.experts.{0..3}.up_proj.weight 8,16`; {0..3} stands for each of these numbers.

usage: write_weights.py FOLDER CONFIG_JSON
The numbers lie between 1/64 and 1/4 and depend on the key alone.
"""

import json
import math
import os
import random
import re
import struct
import sys

folder, config = sys.argv[1:]
header, data = {}, b""


def keys_of(pattern):
    found = re.search(r"\{(\d+)\.\.(\d+)\}", pattern)
    if not found:
        return [pattern]
    numbers = range(int(found[1]), int(found[2]) + 1)
    return [pattern.replace(found[0], str(number), 1) for number in numbers]


for line in sys.stdin:
    pattern, extents = line.split()
    shape = [int(extent) for extent in extents.split(",")]
    for key in keys_of(pattern):
        draw = random.Random(key)
        bits = [draw.getrandbits(1) << 15 | draw.randrange(121, 125) << 7 | draw.getrandbits(7) for _ in range(math.prod(shape))]
        header[key] = {"dtype": "BF16", "shape": shape, "data_offsets": [len(data), len(data) + 2 * len(bits)]}
        data += struct.pack(f"<{len(bits)}H", *bits)
text = json.dumps(header).encode()
os.makedirs(folder)
with open(os.path.join(folder, "model.safetensors"), "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
with open(os.path.join(folder, "config.json"), "w") as file:
    file.write(config)
