#!/usr/bin/env python3
"""check_damage.py BEFORE AFTER REPORT.json BOUND: the report against the two checkpoints, worked out here.

Each number has come back within BOUND of the largest of its tensor, and of casts (BF16) of itself.
"""
import json, math, os, struct, sys

before, after, report_path, bound = sys.argv[1:]
bound = float(bound)


def numbers(folder):
    out = {}
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".safetensors") or name == "tenon-kept.safetensors":
            continue
        with open(f"{folder}/{name}", "rb") as file:
            length, = struct.unpack("<Q", file.read(8))
            head = json.loads(file.read(length))
            data = file.read()
        for key, tensor in head.items():
            if key == "__metadata__":
                continue
            begin, end = tensor["data_offsets"]
            if tensor["dtype"] == "F32":
                out[key] = struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])
            elif tensor["dtype"] == "BF16":
                codes = struct.unpack(f"<{(end - begin) // 2}H", data[begin:end])
                out[key] = struct.unpack(f"<{len(codes)}f", b"".join(struct.pack("<I", c << 16) for c in codes))
    return out


def near(a, b):
    return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b))


was, now = numbers(before), numbers(after)
assert was.keys() == now.keys()
with open(report_path) as file:
    report = json.load(file)
assert report["tensors"], "no tensor was measured"
reported = {t["key"]: t for t in report["tensors"]}
for key in was:
    if key not in reported:
        assert was[key] == now[key], f"{key} is not in the report, and differs"
total = 0
for key, tensor in reported.items():
    pairs = list(zip(was[key], now[key]))
    squares = math.fsum(a * a for a, _ in pairs)
    off = math.fsum((b - a) ** 2 for a, b in pairs)
    back = math.fsum(b * b for _, b in pairs)
    largest = max(abs(a) for a, _ in pairs)
    for a, b in pairs:
        scale = abs(a) if tensor["coding"] == "BF16" else largest
        assert abs(b - a) <= bound * scale * (1 + 1e-6) + 1e-38, (key, a, b)
    assert tensor["elements"] == len(pairs)
    assert tensor["differing"] == sum(a != b for a, b in pairs), key
    assert tensor["underflowed"] == sum(a != 0 and b == 0 for a, b in pairs), key
    assert near(tensor["relative_error"], math.sqrt(off / squares)), (key, tensor["relative_error"], math.sqrt(off / squares))
    if off > 0:
        assert near(tensor["signal_to_noise"], 10 * math.log10(squares / off)), key
        assert abs(tensor["cosine"] - math.fsum(a * b for a, b in pairs) / math.sqrt(squares * back)) < 1e-9, key
        worst = max(abs(b - a) for a, b in pairs)
        assert abs(tensor["worst"]["is"] - tensor["worst"]["was"]) == worst, key
        assert pairs[tensor["worst"]["element"]] == (tensor["worst"]["was"], tensor["worst"]["is"]), key
    bins = [0] * 19
    for a, b in pairs:
        e = abs(b - a)
        if e == 0:
            bins[0] += 1
        elif e > abs(a):
            bins[18] += 1
        else:
            bins[min(max(math.ceil(math.log2(e / abs(a))) + 17, 1), 17)] += 1
    assert bins == tensor["histogram"], (key, bins, tensor["histogram"])
    total += tensor["elements"]
assert total == sum(c["elements"] for c in report["codings"])
