#!/usr/bin/env python3
"""Edits one tensor of a converted folder in place: edit_bytes.py DIR KEY flip | swap ROWS ONE OTHER

flip turns the lowest bit of its first byte; swap exchanges blocks of ROWS rows, the ONE-th and the OTHER-th.
"""
import json
import struct
import sys
from pathlib import Path

folder, key, what, *numbers = sys.argv[1:]
for shard in sorted(Path(folder).glob("*.safetensors")):
    data = bytearray(shard.read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    if key not in header:
        continue
    begin, end = (8 + length + offset for offset in header[key]["data_offsets"])
    if what == "flip":
        data[begin] ^= 1
    else:
        rows, one, other = map(int, numbers)
        size = (end - begin) // header[key]["shape"][0] * rows
        first, second = begin + one * size, begin + other * size
        block = data[first : first + size]
        data[first : first + size] = data[second : second + size]
        data[second : second + size] = block
    shard.write_bytes(data)
    break
else:
    sys.exit(f"{folder} has no tensor {key}")
