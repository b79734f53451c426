#!/usr/bin/env python3
"""Every measured model class as files: to the fused layout and back without a rule library, and each file is the source's by SHA-256.

usage: files_test.py TENON [-v] [--large] [CLASS...]
A class whose tensors take more than LIMIT bytes is left to the plan-level tests, but for --large.
"""
import hashlib, json, os, random, shutil, struct, subprocess, sys, tempfile
from pathlib import Path

LIMIT = 8_000_000
WIDTH = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "U8": 1, "I8": 1, "BOOL": 1}
MODELS = Path(__file__).resolve().parent / "models"


def contents(rng, dtype, size):
    """Random bytes; of what is large, a random mebibyte again and again."""
    block = rng.randbytes(min(size, 1 << 20))
    if dtype == "BOOL":
        block = bytes(b & 1 for b in block)
    return block if len(block) == size else (block * (size // len(block) + 1))[:size]


def write(case, folder, rng):
    """Tensors in an order of their own, in one file or two; not always as the safetensors library writes them."""
    tensors = list(case["original"].items())
    rng.shuffle(tensors)
    sharded = len(tensors) > 4 and rng.random() < 0.5
    parts = [tensors[: len(tensors) // 2], tensors[len(tensors) // 2 :]] if sharded else [tensors]
    names = [f"model-{i:05}-of-00002.safetensors" for i in (1, 2)] if sharded else ["model.safetensors"]
    weight_map = {}
    for name, part in zip(names, parts):
        header, at, data = {"__metadata__": {"format": "pt"}}, 0, []
        for key, (dtype, shape, _) in part:
            size = WIDTH[dtype]
            for extent in shape:
                size *= extent
            header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
            data.append(contents(rng, dtype, size))
            at += size
            weight_map[key] = name
        text = json.dumps(header, separators=rng.choice([(",", ":"), (", ", ": ")])).encode()
        text += b" " * (-len(text) % 8)
        (folder / name).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
    if sharded:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (folder / "config.json").write_text(json.dumps(case["config"], indent=rng.choice([2, 4])))


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.name != "tenon-manifest.json"}


def run(tenon, *arguments):
    p = subprocess.run([tenon, *map(str, arguments), "--no-sync", "--threads", "1"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return "" if p.returncode == 0 else f"exit {p.returncode}: {p.stderr.strip()[:300]}"


def there_and_back(tenon, path, case, top):
    src, fused, back, none = (top / name for name in ("src", "fused", "back", "none"))
    for folder in (src, none):
        folder.mkdir()
    write(case, src, random.Random(path.stem))
    families = [flag for name in case["fusion"] or {} for flag in ("--fuse", name)]
    wrong = run(tenon, "convert", src, fused, *families) or run(tenon, "convert", fused, back, "--to", "original", "--rules-dir", none)
    if wrong:
        return wrong
    was, now = digests(src), digests(back)
    return ", ".join(sorted(n for n in was.keys() | now.keys() if was.get(n) != now.get(n)))


def main():
    tenon, verbose, large = os.path.abspath(sys.argv[1]), "-v" in sys.argv, "--large" in sys.argv
    wanted = [a for a in sys.argv[2:] if not a.startswith("-")]
    good = bad = left = 0
    for path in sorted(MODELS.glob("*.json")):
        case = json.loads(path.read_text())
        if wanted and path.stem not in wanted:
            continue
        if (case["bytes"] > LIMIT) != large:
            left += 1
            continue
        top = Path(tempfile.mkdtemp())
        try:
            wrong = there_and_back(tenon, path, case, top)
        finally:
            shutil.rmtree(top)
        good, bad = good + (not wrong), bad + bool(wrong)
        if wrong or verbose:
            print(f"{'FAILED' if wrong else 'ok'} {path.stem} {wrong}")
    print(f"{good} passed, {bad} failed, {left} skipped")
    return 1 if bad or not good else 0


if __name__ == "__main__":
    sys.exit(main())
