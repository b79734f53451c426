#!/usr/bin/env python3
"""Random rule lists, files and all, against an interpreter of this file's own: there, and back.

usage: random_rules.py TENON [--large] [NUMBER...]

A case is a small model, a list of one to six transforms (renamings with groups, changes of prefix, converters of every layout operation,
scopes), now and then with tied heads, second names, or a part that is taken out of the model. The interpreter knows what docs/rules.md says,
NumPy, and Python's `re`; it moves arrays, has no views, and shares nothing with tenon. Tenon's tensors have to be its tensors, byte for byte;
what comes back by the manifest has to be the source's file, and what an `extract` left has to come from the whole. The first 25 run by
default, 200 with --large; seeds are fixed.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "field"))
from checkpoint import T, differences, new, save  # noqa: E402

DTYPES = ["BF16", "F16", "F32", "F64", "I64", "U8", "F8_E4M3"]
LARGE, SMALL = 200, 25


# ---- what a rule list means ----------------------------------------------------------------------------------------------------------------


def natural(key):
    """Numbers between dots come before words, in their order; words go by their letters, then by the number that they end in."""
    out = []
    for part in key.split("."):
        word = part.rstrip("0123456789")
        out.append((0, int(part), 0) if part.isdigit() else (1, word, int(part[len(word) :] or -1)))
    return out


def as_text(target):
    return target.lstrip("^").rstrip("$").replace("\\.", ".")


def searched(pattern):
    pattern = re.sub(r"\*(\$?)$", r"(?:[0-9]+)\1", pattern) if re.search(r"\w\*\$?$", pattern) else pattern
    return re.compile(pattern.replace("*.", r".*\."))


def inside(transform, key):
    """(prefix, rest) as the scope lets it be seen; nothing where it does not."""
    scope, base = transform.get("scope_prefix"), transform.get("base_model_prefix", "")
    if scope is None:
        return "", key
    for prefix in ((base + "." if base else "") + scope + ".", scope + "."):
        if key.startswith(prefix):
            return prefix, key[len(prefix) :]
    return None


def rewrite(transform, key):
    """(new key, which pattern), or None: the first place where a pattern is found gets the target."""
    seen = inside(transform, key)
    if seen is None:
        return None
    prefix, rest = seen
    best = None
    for number, pattern in enumerate(transform["source"]):
        found = searched(pattern).search(rest)
        if found and (best is None or found.start() < best[0].start()):
            best = (found, number)
    if best is None:
        return None
    found, number = best
    text = as_text(transform["target"][0])
    if "\\1" in text:
        text = text.replace("\\1", found.group(1))
    return prefix + rest.replace(found.group(0), text, 1), number, found, text


def change_prefix(transform, key):
    seen = inside(transform, key)
    if seen is None:
        return key
    prefix, rest = seen
    if "add" in transform:
        return key if rest.startswith(transform["add"] + ".") else prefix + transform["add"] + "." + rest
    gone = transform["remove"] + "."
    return prefix + rest[len(gone) :] if rest.startswith(gone) and len(rest) > len(gone) else key


def renamed(transforms, key):
    for t in transforms:
        if t["kind"] == "PrefixChange":
            key = change_prefix(t, key)
        elif t["kind"] == "WeightRenaming":
            found = rewrite(t, key)
            key = found[0] if found else key
    return key


def dealt_out(parts, dim, groups):
    pieces = [np.split(p, groups, axis=dim) for p in parts]
    return np.concatenate([one[g] for g in range(groups) for one in pieces], axis=dim)


def gathered(a, dim, groups, sizes):
    each = [np.split(block, np.cumsum([s // groups for s in sizes])[:-1], axis=dim) for block in np.split(a, groups, axis=dim)]
    return [np.concatenate([block[i] for block in each], axis=dim) for i in range(len(sizes))]


def rope(a, heads, turning, back=False):
    width = a.shape[0] // heads
    order = list(range(0, turning, 2)) + list(range(1, turning, 2)) + list(range(turning, width))
    if back:
        order = list(np.argsort(order))
    return a[[h * width + r for h in range(heads) for r in order]]


def one_by_one(name, o, a):
    if name == "Transpose":
        return np.swapaxes(a, o["dim0"], o["dim1"])
    if name == "Permute":
        return a.transpose(o["dims"])
    if name == "Reshape":
        return a.reshape(o["shape"])
    if name == "Pad":
        return np.pad(a, [(0, o["to"] - n if d == o["dim"] else 0) for d, n in enumerate(a.shape)])
    if name == "Interleave":
        n = a.shape[o["dim"]]
        view = (2, n // 2) if o.get("inverse") else (n // 2, 2)
        split = a.reshape(a.shape[: o["dim"]] + view + a.shape[o["dim"] + 1 :])
        return np.swapaxes(split, o["dim"], o["dim"] + 1).reshape(a.shape)
    return rope(a, o["heads"], o["rotary_dim"], o.get("inverse", False))


def operate(transform, groups):
    """{pattern: [array]} to {target's text: array}, `*` filled in."""
    state = [groups[i] for i in sorted(groups)]
    for operation in transform["operations"]:
        ((name, o),) = operation.items()
        if name == "MergeModulelist":
            length = transform["lengths"].pop()
            state = [[np.stack(one[i : i + length], axis=o["dim"]) for i in range(0, len(one), length)] for one in state]
        elif name == "Concatenate":
            state = [[dealt_out([one[0] for one in state], o["dim"], o.get("groups", 1))]]
        elif name == "Chunk":
            sizes = o["sizes"]
            state = [[part] for part in gathered(state[0][0], o["dim"], o.get("groups", 1), sizes)]
        elif name == "SplitModulelist":
            state = [list(np.moveaxis(one[0], o["dim"], 0)) for one in state]
        else:
            state = [[one_by_one(name, o, a) for a in one] for one in state]
    out = {}
    for target, arrays in zip(transform["target"], state):
        for number, a in enumerate(arrays):
            start = next((o["SplitModulelist"].get("start", 0) for o in transform["operations"] if "SplitModulelist" in o), 0)
            out[as_text(target).replace("*", str(start + number))] = a
    return out


def interpret(transforms, source):
    """The fused layout of key to T."""
    made, groups = {}, {}
    converters = [t for t in transforms if t["kind"] == "WeightConverter"]
    for key in sorted(source, key=natural):
        name = renamed(transforms, key)
        for number, t in enumerate(converters):
            found = rewrite(t, name)
            if found:
                whole, pattern, match, text = found
                groups.setdefault((number, whole), ({}, text, [], key))
                groups[number, whole][0].setdefault(pattern, []).append(source[key])
                break
        else:
            assert name not in made, name
            made[name] = source[key]
    for (number, whole), (parts, text, _, _) in groups.items():
        t = dict(converters[number], lengths=list(converters[number].get("lengths", [])))
        dtype = next(iter(parts.values()))[0].dtype
        for target, a in operate(t, {p: [x.raw for x in one] for p, one in parts.items()}).items():
            captured = re.search(r"\d+", whole).group(0) if "\\1" in target else ""
            key = whole.replace(text, target.replace("\\1", captured), 1)
            assert key not in made, key
            made[key] = T(dtype, a)
    return made


# ---- cases ---------------------------------------------------------------------------------------------------------------------------------


class Case:
    """Draws a model and rules for it; keeps both as tenon reads them and as the interpreter does."""

    def __init__(self, number):
        self.rng = random.Random(f"random rules {number}")
        self.number = number
        self.layers = self.rng.randint(1, 3)
        self.root = self.rng.choice(["net.layers", "model.blocks", "layers"])
        self.source, self.transforms, self.yaml, self.extra = {}, [], [], {}
        self.config = {"model_type": "of_a_test"}
        self.modules = iter(self.rng.sample(["attn", "ffn", "mix", "gate", "conv", "pool", "norm"], 7))
        self.dtype = self.rng.choice(DTYPES)

    def shape(self, least=1, most=3):
        return [self.rng.randrange(1, 6) for _ in range(self.rng.randint(least, most))]

    def add(self, key, shape):
        self.source[key] = new(key, shape, self.dtype)

    def converter(self, source, target, operations, lengths=()):
        rule = {"source_patterns": source, "target_patterns": target, "operations": operations}
        self.yaml.append({"WeightConverter": rule})
        self.transforms.append({"kind": "WeightConverter", "source": source, "target": target, "operations": operations, "lengths": list(lengths)})

    def rename(self, source, target, **scope):
        self.yaml.append({"WeightRenaming": {"source_patterns": source, "target_patterns": target, **scope}})
        self.transforms.append({"kind": "WeightRenaming", "source": [source], "target": [target], **scope})

    def moves(self, shape, count):
        """Operations on one tensor, and the shape that they leave."""
        rng, out = self.rng, []
        for _ in range(count):
            a = np.empty(shape, np.uint8)
            kind = rng.choice(["Transpose", "Permute", "Reshape", "Pad", "PermuteForRope", "Interleave"])
            if kind == "Transpose":
                o = {"dim0": rng.randrange(a.ndim), "dim1": rng.randrange(a.ndim)}
            elif kind == "Permute":
                o = {"dims": rng.sample(range(a.ndim), a.ndim)}
            elif kind == "Reshape":
                at = rng.randrange(a.ndim)
                d = rng.choice([n for n in range(1, shape[at] + 1) if shape[at] % n == 0])
                o = {"shape": shape[:at] + [d, shape[at] // d] + shape[at + 1 :]}
            elif kind == "Pad":
                at = rng.randrange(a.ndim)
                o = {"dim": at, "to": shape[at] + rng.randint(1, 3)}
            elif kind == "Interleave":
                even = [d for d in range(a.ndim) if shape[d] % 2 == 0]
                if not even:
                    continue
                o = {"dim": rng.choice(even), **({"inverse": True} if rng.random() < 0.5 else {})}
            else:
                heads = rng.choice([n for n in range(1, shape[0] + 1) if shape[0] % n == 0])
                if shape[0] // heads < 2:
                    continue
                o = {"heads": heads, "rotary_dim": 2 * rng.randint(1, shape[0] // heads // 2), **({"inverse": True} if rng.random() < 0.5 else {})}
            out.append({kind: o})
            shape = list(one_by_one(kind, o, a).shape)
        return out, shape

    # ---- one module each: its tensors in every layer, and a converter that takes them

    def joined(self, name):
        """Several parts, moved alike, become one, dealt out by groups or not."""
        count, groups = self.rng.randint(2, 3), self.rng.choice([None, 1, 2])
        shape = self.shape(1, 2)
        first, moved = self.moves(shape, self.rng.randint(0, 1))
        dims = [d for d in range(len(moved)) if moved[d] % (groups or 1) == 0]
        if not dims:
            groups, dims = None, list(range(len(moved)))
        join = {"Concatenate": {"dim": self.rng.choice(dims), **({"groups": groups} if groups else {})}}
        for layer in range(self.layers):
            for p in range(count):
                self.add(f"{self.root}.{layer}.{name}.p{p}.weight", shape)
        more, _ = self.moves(list(dealt_out([np.empty(moved)] * count, join["Concatenate"]["dim"], 1).shape), self.rng.randint(0, 1))
        self.converter([rf"\.{name}\.p{p}\.weight$" for p in range(count)], [rf".{name}.joined.weight"], first + [join] + more)

    def stacked(self, name):
        """A list becomes one; now and then of two patterns, which are joined."""
        count, length = self.rng.randint(1, 2), self.rng.randint(2, 11)
        shape = self.shape(1, 2)
        for layer in range(self.layers):
            for item in range(length):
                for p in range(count):
                    self.add(f"{self.root}.{layer}.{name}.items.{item}.p{p}.weight", shape)
        dim = self.rng.randint(0, len(shape))
        operations = [{"MergeModulelist": {"dim": dim}}]
        if count > 1:
            operations.append({"Concatenate": {"dim": self.rng.randrange(len(shape) + 1)}})
        self.converter([rf"\.{name}\.items\.*.p{p}\.weight$" for p in range(count)], [rf".{name}.stack"], operations, [length])

    def apart(self, name):
        """One becomes several, gathered from groups."""
        groups, count = self.rng.randint(1, 2), self.rng.randint(2, 3)
        sizes = [groups * self.rng.randint(1, 3) for _ in range(count)]
        shape = self.shape(1, 3)
        dim = self.rng.randrange(len(shape))
        shape[dim] = sum(sizes)
        for layer in range(self.layers):
            self.add(f"{self.root}.{layer}.{name}.whole.weight", shape)
        chunk = {"Chunk": {"dim": dim, "sizes": sizes, **({"groups": groups} if groups > 1 else {})}}
        self.converter([rf"\.{name}\.whole\.weight$"], [rf".{name}.part{i}.weight" for i in range(count)], [chunk])

    def unstacked(self, name):
        shape = self.shape(2, 3)
        dim = self.rng.randrange(len(shape))
        for layer in range(self.layers):
            self.add(f"{self.root}.{layer}.{name}.stack", shape)
        self.converter([rf"\.{name}\.stack$"], [rf".{name}.items.*.weight"], [{"SplitModulelist": {"dim": dim}}])

    def moved(self, name):
        shape = self.shape(1, 3)
        operations, _ = self.moves(shape, self.rng.randint(1, 3))
        for layer in range(self.layers):
            self.add(f"{self.root}.{layer}.{name}.weight", shape)
        if operations:
            self.converter([rf"\.{name}\.weight$"], [rf".{name}.kernel"], operations)

    def called(self, name):
        shape = self.shape(1, 2)
        for layer in range(self.layers):
            self.add(f"{self.root}.{layer}.{name}.weight", shape)
            self.add(f"{self.root}.{layer}.{name}.bias", shape[:1])
        way = self.rng.randrange(3)
        if way == 0:
            self.rename(rf"\.{name}\.", f".other_{name}.")
        elif way == 1 or self.number % 5 == 0:
            root = self.root.replace(".", r"\.")
            self.rename(rf"{root}\.(\d+)\.{name}\.", rf"{self.root}.\1.other_{name}.")
        else:
            self.rename(rf"^(\d+)\.{name}\.", rf"\1.other_{name}.", scope_prefix=self.root)

    def draw(self):
        for _ in range(self.rng.randint(1, 4)):
            self.rng.choice([self.joined, self.stacked, self.apart, self.unstacked, self.moved, self.called])(next(self.modules))
        self.add("embed.weight", [6, 4])
        self.ties()
        self.part()
        self.prefix()
        return self

    def ties(self):
        """A head that is the embedding is left out, or made."""
        kind = self.rng.random()
        if kind < 0.2:
            self.source["head.weight"] = self.source["embed.weight"]
            self.extra["drop"] = [{"keys": ["head.weight"], "equals": "embed.weight", "reason": "tied"}]
        elif kind < 0.4 and self.number % 5 != 0:
            self.extra["copy"] = [{"from": "embed.weight", "to": "head.weight"}]

    def part(self):
        """Every fifth model is a part of another, which rules take it out of."""
        self.whole = self.source
        if self.number % 5 != 0:
            return
        self.extra.pop("drop", None)
        self.source.pop("head.weight", None)
        name = self.rng.choice(["text", "m.language", "decoder"])
        self.whole = {f"{name}.{key}": T(x.dtype, x.raw) for key, x in self.source.items()}
        self.whole |= {f"vision.blocks.{i}.weight": new(f"v{i}", [3, 2], self.dtype) for i in range(2)}
        self.source = {f"inner.{key}": x for key, x in self.source.items()}
        self.extra["extract"] = {"module": name, "as": "inner"}

    def prefix(self):
        """Behind all other rules, everything gets a name in front, or loses it."""
        if "copy" in self.extra or self.rng.random() < 0.6:
            return
        common = "inner" if "extract" in self.extra else None
        rule = {"prefix_to_remove": common} if common and self.rng.random() < 0.5 else {"prefix_to_add": "outer"}
        self.yaml.append({"PrefixChange": rule})
        self.transforms.append({"kind": "PrefixChange", **({"remove": common} if "prefix_to_remove" in rule else {"add": "outer"})})

    def wanted(self):
        source = dict(self.source)
        if "drop" in self.extra:
            del source["head.weight"]
        out = interpret(self.transforms, source)
        for copy in self.extra.get("copy", []):
            out[copy["to"]] = out[copy["from"]]
        return out


def run(tenon, *args):
    p = subprocess.run([tenon, *args], capture_output=True, text=True, errors="replace")
    return [] if p.returncode == 0 else [f"{args[0]} ends with {p.returncode}: {p.stderr.strip()[:500]}"]


def same_file(a, b):
    with open(a, "rb") as one, open(b, "rb") as other:
        return [] if one.read() == other.read() else [f"{b} is another file than {a}"]


def try_one(tenon, number):
    case = Case(number).draw()
    with tempfile.TemporaryDirectory() as folder:
        at = lambda *parts: os.path.join(folder, *parts)  # noqa: E731
        save(at("src", "model.safetensors"), case.whole)
        save(at("want", "model.safetensors"), case.wanted())
        with open(at("src", "config.json"), "w") as out:
            json.dump(case.config, out)
        with open(at("rules.yaml"), "w") as out:
            json.dump({"tenon": 1, "name": "random", "about": "A random case.", "transforms": case.yaml, **case.extra}, out)
        found = run(tenon, "convert", at("src"), at("dst"), "--rules", at("rules.yaml"), "--assume-layout", "**=original", "--verify", "--no-sync")
        found = found or differences(at("dst"), at("want"))
        into = ["--into", at("src")] if "extract" in case.extra else []
        found = found or run(tenon, "convert", at("dst"), at("back"), "--to", "original", *into, "--verify", "--no-sync")
        found = found or same_file(at("src", "model.safetensors"), at("back", "model.safetensors"))
        return [line + "\n  " + json.dumps({"transforms": case.yaml, **case.extra}) for line in found]


def main():
    tenon, more = sys.argv[1], sys.argv[2:]
    numbers = [int(n) for n in more if n.isdigit()] or range(LARGE if "--large" in more else SMALL)
    wrong = 0
    for number in numbers:
        found = try_one(tenon, number)
        wrong += bool(found)
        for line in found[:3]:
            print(f"case {number}: {line}")
    print(f"{len(numbers) - wrong} of {len(numbers)} random rule lists, there and back")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
