#!/usr/bin/env python3
"""Random rule lists with the layout operations that the reference has not, and what NumPy makes of them.

usage: layout_operations.py OUT.json        (needs NumPy; the file that it writes is tests/golden/layout_operations.json)

An interpreter of its own: it shares nothing with tenon and knows no views. Arrays are moved as docs/rules.md says.
"""
import hashlib
import json
import math
import random
import sys

import numpy as np

DTYPES = {"F64": "<u8", "F32": "<u4", "BF16": "<u2", "F16": "<u2", "I8": "u1", "I64": "<u8"}


def contents(key, dtype, shape):
    h = 0x811C9DC5
    for b in key.encode():
        h = ((h ^ b) * 0x01000193) & 0xFFFFFFFF
    size = np.dtype(DTYPES[dtype]).itemsize
    j = np.arange(math.prod(shape) * size, dtype=np.uint64)
    return (((j * 2654435761 + h) & 0xFFFFFFFF) >> 24).astype(np.uint8).view(DTYPES[dtype]).reshape(shape)


def record(dtype, a):
    return [dtype, list(a.shape), hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()[:32]]


# ---- what the operations mean ------------------------------------------------------------------------------------------


def dealt_out(parts, dim, groups):
    """The first piece of every part, then the second of every part, and so on."""
    pieces = [np.split(p, groups, axis=dim) for p in parts]
    return np.concatenate([one[g] for g in range(groups) for one in pieces], axis=dim)


def gathered(a, dim, groups, sizes):
    """The inverse of dealt_out: each part's pieces out of all groups."""
    out = [[] for _ in sizes]
    at = 0
    for _ in range(groups):
        for i, size in enumerate(sizes):
            out[i].append(np.take(a, range(at, at + size // groups), axis=dim))
            at += size // groups
    return [np.concatenate(pieces, axis=dim) for pieces in out]


def rope(a, heads, turning):
    """In each head, of the first rows those with even numbers, then those with odd ones; the others stay."""
    each = a.shape[0] // heads
    order = []
    for h in range(heads):
        rows = list(range(h * each, (h + 1) * each))
        order += rows[:turning:2] + rows[1:turning:2] + rows[turning:]
    return a[order]


def alone(rng, a):
    """A random operation on one tensor: how a rule says it, and the result."""
    kind = rng.choice(["Reshape", "Permute", "Transpose", "Pad", "PermuteForRope", "Reshape"])
    if kind == "Reshape":
        shape = list(a.shape)
        if len(shape) > 1 and rng.random() < 0.4:
            i = rng.randrange(len(shape) - 1)
            shape[i : i + 2] = [shape[i] * shape[i + 1]]
        else:
            i = rng.randrange(len(shape))
            d = rng.choice([n for n in range(1, shape[i] + 1) if shape[i] % n == 0])
            shape[i : i + 1] = [d, shape[i] // d]
        said = list(shape)
        if rng.random() < 0.5:
            said[rng.randrange(len(said))] = -1
        return {"Reshape": {"shape": said}}, a.reshape(shape)
    if kind == "Permute":
        order = rng.sample(range(a.ndim), a.ndim)
        return {"Permute": {"dims": order}}, a.transpose(order)
    if kind == "Transpose":
        i, j = rng.randrange(a.ndim), rng.randrange(a.ndim)
        return {"Transpose": {"dim0": i, "dim1": j}}, np.swapaxes(a, i, j)
    if kind == "Pad":
        dim = rng.randrange(a.ndim)
        width = [(0, rng.randrange(1, 4) if d == dim else 0) for d in range(a.ndim)]
        b = np.pad(a, width)
        return {"Pad": {"dim": dim, "to": b.shape[dim]}}, b
    heads = rng.choice([n for n in range(1, a.shape[0] + 1) if a.shape[0] % n == 0])
    turning = 2 * rng.randint(0, a.shape[0] // heads // 2)
    if turning == 0:
        return {"Permute": {"dims": list(range(a.ndim))}}, a
    return {"PermuteForRope": {"heads": heads, "rotary_dim": turning}}, rope(a, heads, turning)


# ---- a case ------------------------------------------------------------------------------------------------------------


def chain(rng, arrays, count):
    """The same operations on arrays of one shape."""
    operations = []
    for _ in range(count):
        operation, first = alone(rng, arrays[0])
        operations.append(operation)
        arrays = [first] + [apply(operation, a) for a in arrays[1:]]
    return operations, arrays


def apply(operation, a):
    ((name, o),) = operation.items()
    if name == "Reshape":
        return a.reshape(o["shape"])
    if name == "Permute":
        return a.transpose(o["dims"])
    if name == "Transpose":
        return np.swapaxes(a, o["dim0"], o["dim1"])
    if name == "Pad":
        return np.pad(a, [(0, o["to"] - n if d == o["dim"] else 0) for d, n in enumerate(a.shape)])
    return rope(a, o["heads"], o["rotary_dim"])


def numbering(rng):
    """start, stride, and how a rule says it."""
    start, stride = rng.choice([(0, 1), (0, 1), (3, 1), (1, 2), (0, 6), (2, 3)])
    said = {}
    if start:
        said["start"] = start
    if stride != 1:
        said["stride"] = stride
    return start, stride, said


def joined(rng, number):
    """Lists (of lists) of one to three patterns, stacked, joined, moved."""
    levels, count = rng.choice([0, 1, 1, 2]), rng.choice([1, 1, 2, 3])
    if levels == 0 and count == 1:
        count = 2
    dtype = rng.choice(list(DTYPES))
    shape = [rng.randrange(1, 7) for _ in range(rng.randint(1, 3))]
    at_end = levels == 1 and rng.random() < 0.4
    ways = [numbering(rng) for _ in range(levels)]
    lengths = [rng.randint(2, 4) for _ in range(levels)]
    groups = rng.choice([None, 1, 2, 3]) if count > 1 else None
    join_dim = rng.randrange(len(shape))
    patterns, keys, arrays, shapes = [], [], [], []
    for p in range(count):
        mine = list(shape)
        if groups and levels == 0:
            mine[join_dim] = groups * rng.randint(1, 3)
        elif groups:
            mine[join_dim] = groups * (1 + shape[join_dim] // groups)
        shapes.append(mine)
        names = {
            0: (rf"^blk\.part{p}\.weight$", f"blk.part{p}.weight"),
            1: (rf"^blk\.part{p}\.weight*$", "blk.part%d.weight{0}" % p) if at_end else (rf"^blk\.*.part{p}\.weight$", "blk.{0}.part%d.weight" % p),
            2: (rf"^blk\.*.sub\.*.part{p}\.weight$", "blk.{0}.sub.{1}.part%d.weight" % p),
        }[levels]
        patterns.append(names[0])
        for flat in range(math.prod(lengths)):
            index = np.unravel_index(flat, lengths) if lengths else ()
            keys.append(names[1].format(*(s + d * int(i) for i, (s, d, _) in zip(index, ways))))
            arrays.append(contents(keys[-1], dtype, mine))
    original = {k: record(dtype, a) for k, a in zip(keys, arrays)}

    alike = all(s == shapes[0] for s in shapes)
    operations = []
    if alike and rng.random() < 0.6 and groups is None:
        operations, arrays = chain(rng, arrays, rng.randint(1, 2))
    for level in reversed(range(levels)):
        dim = rng.randint(0, arrays[0].ndim)
        n = lengths[level]
        arrays = [np.stack(arrays[i : i + n], axis=dim) for i in range(0, len(arrays), n)]
        operations.append({"MergeModulelist": {"dim": dim, **ways[level][2]}})
    if count > 1:
        options = [d for d in range(arrays[0].ndim) if not groups or all(a.shape[d] % groups == 0 for a in arrays)]
        if levels == 0 and not operations:
            options = [join_dim]
        elif groups and not options:
            groups = None
            options = list(range(arrays[0].ndim))
        dim = rng.choice(options)
        operations.append({"Concatenate": {"dim": dim, **({"groups": groups} if groups else {})}})
        arrays = [dealt_out(arrays, dim, groups or 1)]
    more, arrays = chain(rng, arrays, rng.randint(0, 2))
    return {
        "case": number,
        "transforms": [{"WeightConverter": {"source_patterns": patterns, "target_patterns": "fused.weight", "operations": operations + more}}],
        "original": original,
        "runtime": {"fused.weight": record(dtype, arrays[0])},
    }


def apart(rng, number):
    """One tensor, moved, then cut by groups."""
    dtype = rng.choice(list(DTYPES))
    shape = [rng.randrange(1, 7) for _ in range(rng.randint(1, 3))]
    groups, count = rng.randint(1, 4), rng.randint(2, 3)
    sizes = [groups * rng.randint(1, 3) for _ in range(count)]
    dim = rng.randrange(len(shape))
    shape[dim] = sum(sizes)
    a = contents("blk.whole.weight", dtype, shape)
    original = {"blk.whole.weight": record(dtype, a)}
    operations = []
    if rng.random() < 0.5:
        order = rng.sample(range(a.ndim), a.ndim)
        operations.append({"Permute": {"dims": order}})
        a, dim = a.transpose(order), order.index(dim)
    parts = gathered(a, dim, groups, sizes)
    operations.append({"Chunk": {"dim": dim, "groups": groups, "sizes": sizes}})
    targets = [f"part{i}.weight" for i in range(count)]
    return {
        "case": number,
        "transforms": [{"WeightConverter": {"source_patterns": r"^blk\.whole\.weight$", "target_patterns": targets, "operations": operations}}],
        "original": original,
        "runtime": {t: record(dtype, p) for t, p in zip(targets, parts)},
    }


def main(out):
    rng = random.Random(20)
    cases = [apart(rng, n) if n % 4 == 3 else joined(rng, n) for n in range(240)]
    with open(out, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


main(sys.argv[1])
