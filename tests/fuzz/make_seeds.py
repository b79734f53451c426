#!/usr/bin/env python3
"""Writes the first corpus of a fuzz target: the golden and hostile cases, rule files, and the small files in seeds/.

usage: make_seeds.py TARGET FOLDER
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = {"plan": 1_500, "rules": 4_000}  # bytes of one seed; longer ones slow the search down
DEFAULT_LIMIT = 24_000
MEMBERS = 24  # tensors of a golden model that take part
CONFIGS = 48  # config.json files, each of which reads rule files


def golden_models():
    for path in sorted((ROOT / "tests/golden/models").glob("*.json")):
        yield json.loads(path.read_text())


def operation_cases():
    for case in json.loads((ROOT / "tests/golden/operations.json").read_text()):
        if "error" not in case:
            yield case


def some(tensors):
    return dict(list(tensors.items())[:MEMBERS])


def header_of(tensors):
    """The JSON of a header, and how many bytes of tensors follow it."""
    size = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "F64": 8, "I64": 8, "U64": 8, "C64": 8}
    out, end = {}, 0
    for key, (dtype, shape, *_) in tensors.items():
        count = 1
        for extent in shape:
            count *= extent
        begin, end = end, end + count * size.get(dtype, 1 if dtype.startswith("F8") else 4)
        out[key] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    return json.dumps(out, separators=(",", ":")).encode(), end


def hostile_files():
    for path in sorted((ROOT / "tests/hostile/cases").iterdir()):
        yield path.read_bytes()


def shards():
    yield from hostile_files()
    for case in operation_cases():
        header, size = header_of(some(case["original"]))
        if size < 4096:
            yield struct.pack("<Q", len(header)) + header + bytes(size)


def headers():
    for data in hostile_files():
        if len(data) > 8:
            yield data[8 : 8 + min(struct.unpack("<Q", data[:8])[0], len(data))]
    for model in golden_models():
        yield header_of(some(model["original"]))[0]


def indexes():
    for model in golden_models():
        keys = list(some(model["original"]))
        shard = lambda i: f"model-{i // 8 + 1:05}-of-00003.safetensors"
        yield json.dumps({"metadata": {"total_size": 4096}, "weight_map": {k: shard(i) for i, k in enumerate(keys)}}).encode()


def rule_text(transforms):
    """A measured list as a rule file."""
    items = []
    for t in transforms:
        body = {k: v for k, v in t.items() if k != "kind"}
        if "operations" in body:
            body["operations"] = [{o["op"]: {k: v for k, v in o.items() if k != "op"}} for o in body["operations"]]
        items.append(f"  - {t['kind']}: {json.dumps(body)}")
    return "tenon: 1\nname: case\nabout: A case.\norigin: measured\ntransforms:\n" + "\n".join(items) + "\n"


def rules():
    for folder in ("rules/models", "rules/fusions", "samples/rules", "tests/lint/good", "tests/lint/faulty"):
        for path in sorted((ROOT / folder).glob("*.yaml")):
            yield path.read_bytes()
    for case in operation_cases():
        yield rule_text(case["transforms"]).encode()


def plans():
    for case in operation_cases():
        lines = [f"{t[0]} {','.join(map(str, t[1])) or '-'} {key}" for key, t in case["original"].items()]
        yield "\n=== ".join(
            [rule_text(case["transforms"]), "config\n" + json.dumps(case["config"]), "tensors\n" + "\n".join(lines)]
        ).encode()


    # The measured cases of values, where the shapes of each suit its parameters.
    for case in json.loads((ROOT / "tests/golden/values.json").read_text())["cases"]:
        if "outputs" not in case:
            continue
        transform = {"kind": "WeightConverter", "source_patterns": [f"^m[.]{r}$" for r in case["inputs"]],
                     "target_patterns": [f"m.{r}" for r in case["outputs"]], "operations": [{"op": case["op"], **case["params"]}]}
        lines = [f"{t['dtype']} {','.join(map(str, t['shape'])) or '-'} m.{r}" for r, t in case["inputs"].items()]
        yield "\n=== ".join([rule_text([transform]), "config\n{}", "tensors\n" + "\n".join(lines)]).encode()


def values():
    """Bytes that choose an operation, its parameters, roles, dtypes and extents."""
    for i in range(200):
        seed = hashlib.sha256(f"values {i}".encode()).digest()
        yield bytes([i]) + seed * (1 + i % 4)


def configs():
    """A small one of each kind of model that has rules of its own, and what none of them has."""
    yield b'{"model_type": "mixtral", "fusion_config": {"qkv": true, "x": {}}, "vision_config": {"a": 1}, "text_config": {}}'
    smallest = {}
    for model in golden_models():
        text = json.dumps(model["config"], indent=2).encode()
        kind = json.dumps(model["transforms"])
        smallest[kind] = min(smallest.get(kind, text), text, key=len)
    yield from sorted(smallest.values(), key=len)[:CONFIGS]


def tensor_list(shapes):
    return [{"key": key, "dtype": "BF16", "shape": shape, "hash": "xxh3-128:00"} for key, shape in shapes.items()]


def manifests():
    """What conversions by the rules of tests/lint/library leave, and one with every member."""
    plain = {"tenon_manifest": 1, "tenon_version": "0.1.0", "layout": "fused", "rules": [], "used_transforms": [], "part_sizes": {},
             "transposed": {}, "config_edits": [], "plan_hash": "xxh3-128:01", "max_shard_size": "", "source": [], "output": [], "files": {}}
    rule = lambda name, family=False: {"name": name, "hash": "xxh3-128:02", "family": family, "chosen": not family}
    experts = {f"m.experts.{i}.{part}_proj.weight": [8, 4] for i in (0, 1) for part in ("gate", "up")}
    yield plain
    yield plain | {"rules": [rule("heads")], "used_transforms": ["heads#0"], "source": tensor_list({"embed_out.weight": [8, 4]}),
                   "output": tensor_list({"lm_head.weight": [8, 4]})}
    yield plain | {"rules": [rule("moe")], "used_transforms": ["moe#0"], "part_sizes": {"m.experts.gate_up_proj": [8, 8]},
                   "source": tensor_list(experts), "output": tensor_list({"m.experts.gate_up_proj": [2, 16, 4]})}
    yield plain | {"rules": [rule("heads"), rule("qkv", True)], "used_transforms": ["qkv#0"], "part_sizes": {"l.attn.qkv_proj.weight": [64, 16, 16]},
                   "config_edits": [{"path": "fusion_config.qkv", "after": True}], "config_before": '{"model_type": "moe", "hidden_act": "silu"}',
                   "source": tensor_list({f"l.attn.{p}_proj.weight": [n, 64] for p, n in (("q", 64), ("k", 16), ("v", 16))}),
                   "output": tensor_list({"l.attn.qkv_proj.weight": [96, 64]})}
    yield plain | {"layout": "original", "rules": [rule("mine") | {"path": "/x/mine.yaml"}], "transposed": {"proj": True}, "max_shard_size": "5GB",
                   "assume_used": ["moe#0"], "assume_layout": ["*.proj=fused"], "one_way": True, "library": "/x/rules",
                   "config_edits": [{"path": "a.b", "before": {"c": [1, 2.5, None]}}, {"path": "d", "before": 0, "after": "e"}],
                   "files": {"model.safetensors": "sha256:03"},
                   "side_files": [{"name": "code/m.py", "bytes": 17, "hash": "xxh3-128:04", "sha256": "sha256:05"}, {"name": "e", "bytes": 0, "hash": ""}]}


def batches():
    yield b"jobs:\n  - source: models/Qwen*\n    destination: fused/{name}\n"
    yield (b"defaults: {to: fused, verify: true, max_shard_size: 10GB, hash: sha256, threads: 2}\njobs:\n"
           b"  - {source: a, destination: out/{name}, fuse: [qkv, gate_up]}\n  - name: mixtral back\n    source: ../b\n"
           b"    destination: /back\n    to: original\n    sync: false\n    assume_layout: '*.proj=fused'\n")
    yield b"jobs: &j\n  - &a {source: x, destination: 'y/{name}'}\n  - {<<: *a, destination: z, rules: [auto], assume_used: m#0, one_way: true}\n"


TARGETS = {"header": headers, "shard": shards, "index": indexes, "rules": rules, "plan": plans, "values": values,
           "batch": batches, "manifest": lambda: (json.dumps(m).encode() for m in manifests()), "config": configs}


def main(target, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    own = sorted((ROOT / "tests/fuzz/seeds" / target).glob("*"))
    for data in [*TARGETS[target](), *(path.read_bytes() for path in own)]:
        if len(data) <= LIMIT.get(target, DEFAULT_LIMIT):
            (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)
    print(f"{len(list(folder.iterdir()))} seeds for {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
