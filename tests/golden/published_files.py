#!/usr/bin/env python3
"""Published checkpoints (published.md) as files with bytes: names, dtypes, layers and shards as published, extents cut down. Each is
converted and taken back without a rule library, and every file is the source's by SHA-256.

usage: published_files.py TENON FILE [-v] [--full] [NAME...]      FILE is published.json
--full leaves extents as they are, and takes what has at most 34 GB (layers of two are cut): twice that is needed in TMPDIR.
"""
import concurrent.futures, hashlib, json, math, os, random, re, shutil, struct, subprocess, sys, tempfile
from pathlib import Path

import published

FACTORS = (64, 32, 16, 8, 4)  # extents are divided by the first that leaves what config.json and the shapes say of each other
COUNTS = ("num_", "n_", "vocab_size", "moe_num", "max_", "first_k", "group")
SIZES = ("size", "dim", "rank", "width", "hidden", "intermediate", "weight_block_size")
FULL_LIMIT = 34e9
CUT_LAYERS = {"DeepSeek-V3": 4, "Kimi-K2": 2}  # one of several like it is left out of the full ones
RANDOM = os.urandom(64 << 20)


def smaller_config(node, factor, name=""):
    if isinstance(node, dict):
        return {k: smaller_config(v, factor, k) for k, v in node.items()}
    if isinstance(node, list):
        return [smaller_config(v, factor, name) for v in node]
    counts = any(name.startswith(c) for c in COUNTS) or "heads" in name or name == "patch_size"
    if isinstance(node, bool) or not isinstance(node, int) or counts or not any(s in name for s in SIZES):
        return node
    return node // factor if node % factor == 0 else node


def smaller_shape(key, shape, factor):
    """Blocks of scales stay, since config.json's blocks become smaller; so does the number of stacked experts."""
    if "weight_scale" in key:
        return shape
    lists = len(shape) > 2 and "experts" in key
    return [d // factor if d % factor == 0 and not (lists and i == 0) else d for i, d in enumerate(shape)]


def without_layer(case, layer):
    """The case with that layer left out: those behind it move up."""
    def moved(key):
        at = re.match(r"(model\.layers\.)(\d+)(\..*)", key)
        number = int(at[2]) if at else -1
        return None if number == layer else f"{at[1]}{number - 1}{at[3]}" if number > layer else key
    rows = [(moved(key), dtype, shape, file) for key, dtype, shape, file in published.rows_of(case)]
    config = case["config"] | {"num_hidden_layers": case["config"]["num_hidden_layers"] - 1}
    tensors = [[key, dtype, shape, case["shards"].index(file)] for key, dtype, shape, file in rows if key]
    return case | {"config": config, "tensors": tensors}


def bytes_of(case):
    return sum(published.SIZE[dtype] * math.prod(shape) for _, dtype, shape, _ in published.rows_of(case))


def write_full(case, folder):
    """As published.write has it, and filled: stretches of random bytes, each begun elsewhere."""
    rng = random.Random(case["source"])
    published.write(case, str(folder))
    for path in folder.glob("*.safetensors"):
        with open(path, "r+b") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            start = file.tell()
            for tensor in (t for key, t in header.items() if key != "__metadata__"):
                at, end = tensor["data_offsets"]
                file.seek(start + at)
                while at < end:
                    size, first = min(len(RANDOM) // 2, end - at), rng.randrange(len(RANDOM) // 2)
                    stretch = memoryview(RANDOM)[first : first + size]
                    file.write(bytes(b & 1 for b in stretch) if tensor["dtype"] == "BOOL" else stretch)
                    at += size
    (folder / "tokenizer.json").write_text("{}\n")


def write(case, folder, factor):
    if factor == 1:
        return write_full(case, folder)
    rng = random.Random(case["source"])
    files, weight_map = {}, {}
    for key, dtype, shape, file in published.rows_of(case):
        small = smaller_shape(key, shape, factor)
        size = published.SIZE[dtype]
        for d in small:
            size *= d
        header, data = files.setdefault(file, ({"__metadata__": {"format": "pt"}}, []))
        at = sum(map(len, data[-1:])) + (header[next(reversed(header))]["data_offsets"][0] if data else 0)
        header[key] = {"dtype": dtype, "shape": small, "data_offsets": [at, at + size]}
        data.append(bytes(b & 1 for b in rng.randbytes(size)) if dtype == "BOOL" else rng.randbytes(size))
        weight_map[key] = file
    for file, (header, data) in files.items():
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        (folder / file).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
    (folder / "config.json").write_text(json.dumps(smaller_config(case["config"], factor), indent=2))
    (folder / "tokenizer.json").write_text("{}\n")
    if len(files) > 1 or any("-of-" in f for f in files):
        stem = "diffusion_pytorch_model" if next(iter(files)).startswith("diffusion") else "model"
        (folder / f"{stem}.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}, indent=2) + "\n")


def run(tenon, *arguments):
    p = subprocess.run([tenon, *map(str, arguments), "--no-sync"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return p.returncode, p.stderr.strip()[:400]


def digest(path):
    with open(path, "rb") as file:
        return path.name, hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder):
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        return dict(threads.map(digest, (p for p in folder.iterdir() if p.name != "tenon-manifest.json")))


def keys_in(folder):
    out = {}
    for path in folder.glob("*.safetensors"):
        with open(path, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        out |= {key: (t["dtype"], t["shape"]) for key, t in header.items() if key != "__metadata__"}
    return out


def try_it(tenon, case, factor, families, top):
    src, fused, back, none = (top / name for name in ("src", "fused", "back", "none"))
    for folder in (src, none):
        folder.mkdir()
    write(case, src, factor)
    status, text = run(tenon, "convert", src, fused, *families)
    if status:
        return "not converted", text
    was, keys = digests(src), keys_in(src)
    shutil.rmtree(src)
    status, text = run(tenon, "convert", fused, back, "--to", "original", "--rules-dir", none)
    if status:
        return "not taken back", text
    now = digests(back)
    wrong = sorted(n for n in was.keys() | now.keys() if was.get(n) != now.get(n))
    return ("other files", ", ".join(wrong)) if wrong else ("", "changed" if keys != keys_in(fused) else "")


def there_and_back(tenon, case, families, factors):
    """(what is wrong, why or how)."""
    for factor in factors:
        top = Path(tempfile.mkdtemp())
        try:
            wrong, how = try_it(tenon, case, factor, families, top)
        finally:
            shutil.rmtree(top)
        if wrong != "not converted":
            return wrong, how
    return wrong, how


def main():
    tenon, verbose, full = os.path.abspath(sys.argv[1]), "-v" in sys.argv, "--full" in sys.argv
    names = [a for a in sys.argv[3:] if a not in ("-v", "--full")]
    good = bad = left = changed = 0
    for case in json.load(open(sys.argv[2]))["cases"]:
        if (names and not any(n in case["source"] for n in names)) or case.get("config_tail") or case.get("index_twice"):
            continue
        if full:
            cut = [layer for name, layer in CUT_LAYERS.items() if case["source"].startswith(name)]
            case = without_layer(case, cut[0]) if cut else case
            if bytes_of(case) > FULL_LIMIT:
                continue
        for arguments, alternatives in case["right"].items():
            if "--to original" in arguments:
                continue
            if not any(a == "identity" or not a.startswith("refused") for a in alternatives):
                left += 1  # it is to be refused
                continue
            wrong, how = there_and_back(tenon, case, arguments.split(), (1,) if full else FACTORS)
            if wrong == "not converted" and any(a.startswith("refused") for a in alternatives):
                wrong, how, left = "", "refused", left + 1
            else:
                good, bad, changed = good + (not wrong), bad + bool(wrong), changed + (how == "changed")
            if wrong or verbose:
                print(f"{'FAILED' if wrong else 'ok'} {case['source']} {arguments}: {wrong} {how}", flush=True)
    print(f"{changed} of them were converted to something else")
    print(f"{good} passed, {bad} failed, {left} skipped")
    return 1 if bad or not changed else 0


if __name__ == "__main__":
    sys.exit(main())
