#!/usr/bin/env python3
"""edit_tensor.py FILE KEY OFFSET HEX: overwrites bytes of a tensor. edit_tensor.py FILE KEY shape EXTENT...: lies about its shape."""
import json, struct, sys

path, key = sys.argv[1:3]
with open(path, "r+b") as file:
    length, = struct.unpack("<Q", file.read(8))
    head = json.loads(file.read(length))
    if sys.argv[3] == "shape":
        head[key]["shape"] = [int(e) for e in sys.argv[4:]]
        text = json.dumps(head, separators=(",", ":")).encode()
        assert len(text) <= length
        file.seek(8)
        file.write(text + b" " * (length - len(text)))
    else:
        file.seek(8 + length + head[key]["data_offsets"][0] + int(sys.argv[3]))
        file.write(bytes.fromhex(sys.argv[4]))
