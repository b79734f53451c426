"""Writes a checkpoint of one file out of lines `KEY DTYPE EXTENTS` on standard input, such as `a.weight BF16 2,3`.

usage: write_tensors.py FOLDER [CONFIG_JSON]
A tensor's bytes are pseudo-random and depend on its key alone, or on a fourth word where the line has one.
"""

import json
import math
import os
import random
import struct
import sys

WIDTHS = {"U8": 1, "F8_E4M3": 1, "BF16": 2, "F16": 2, "F32": 4, "F64": 8}

folder, config = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else '{"model_type": "of_a_test"}'
header, data = {}, b""
for line in sys.stdin:
    key, dtype, extents, *seed = line.split()
    shape = [int(extent) for extent in extents.split(",")]
    size = math.prod(shape) * WIDTHS[dtype]
    header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + size]}
    data += random.Random(*(seed or [key])).randbytes(size)
text = json.dumps(header).encode()
os.makedirs(folder)
with open(os.path.join(folder, "model.safetensors"), "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
with open(os.path.join(folder, "config.json"), "w") as file:
    file.write(config)
