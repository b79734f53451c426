#!/usr/bin/env python3
"""Are the declared module programs what the real modules compute? Runs tenon on measured modules (tests/golden/README.md).

usage: check_modules.py TENON [CASES.json...] [--only REGEX] [-v]

Each case is a small checkpoint whose contents anybody can make again, a module's inputs, and what the reference's own module
computed of them in FP64. `tenon parity --module PATH --inputs IN --save-outputs OUT` writes the exact result of every value that a
program compares, on both sides. A case is right when each of them is one of the recorded outputs (within 1e-9), and what a user takes the
check for is among them: attention q, k, v and a; a mixture its routed experts' sum or y; all others y, or every projection of
those that come apart; of a program that claims the whole module y too. Indices (`chosen`) may stand in any order within a token. Exit 77: NumPy is not installed.
"""
import argparse, json, os, re, shutil, struct, subprocess, sys, tempfile
try:
    import numpy as np
except ImportError:
    print("SKIPPED: the Python package numpy is not installed (tools/setup --tests)")
    sys.exit(77)


def fnv1a32(text):
    h = 0x811C9DC5
    for b in text.encode():
        h = ((h ^ b) * 0x01000193) & 0xFFFFFFFF
    return h


def contents(name, shape, kind):
    n = int(np.prod(shape)) if len(shape) else 1
    h = (np.arange(n, dtype=np.uint64) * 2654435761 + fnv1a32(name)) & 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h ^= h >> np.uint64(shift)
        h = (h * factor) & 0xFFFFFFFF
    v = sum(((h >> np.uint64(6 * f)) & 63).astype(np.int64) for f in range(4)).astype(np.float64) - 126
    return {"w": v / 256, "n": 1 + v / 128, "x": v / 32, "s": v / 64}[kind].reshape(shape)


def save(path, tensors):
    head, offset, data = {}, 0, []
    for key, (dtype, array) in tensors.items():
        raw = np.ascontiguousarray(array, {"F32": "<f4", "F64": "<f8", "I64": "<i8"}[dtype]).tobytes()
        head[key] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        data.append(raw)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def load(path):
    with open(path, "rb") as file:
        n, = struct.unpack("<Q", file.read(8))
        head, out = json.loads(file.read(n)), {}
        for key, e in head.items():
            if key != "__metadata__":
                file.seek(8 + n + e["data_offsets"][0])
                raw = file.read(e["data_offsets"][1] - e["data_offsets"][0])
                out[key] = np.frombuffer(raw, {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4"}[e["dtype"]]).reshape(e["shape"]).astype(np.float64)
    return out


def tensor(case, key, dtype, shape, kind, *values):
    if dtype == "I64":
        return "I64", np.array(values[0], np.int64).reshape(shape) if kind == "values" else np.zeros(shape, np.int64)
    return dtype, contents(case["salt"] + key, shape, kind)


def inputs(case):
    return {name: ("F64", np.array(i["values"], np.float64).reshape(i["shape"]) if "values" in i else contents(case["salt"] + i["name"], i["shape"], i["kind"]))
            for name, i in case["inputs"].items()}


def cases_of(paths=()):
    """The cases of these files; of none: all that stand beside this script."""
    here = os.path.dirname(os.path.abspath(__file__))
    out = []
    for path in paths or [os.path.join(here, name) for name in ("modules.json", "measured.json")]:
        with open(path) as file:
            out += json.load(file)["cases"]
    return out


def write(case, folder):
    os.makedirs(folder)
    with open(f"{folder}/config.json", "w") as file:
        json.dump(case["config"], file)
    save(f"{folder}/model.safetensors", {t[0]: tensor(case, *t) for t in case["tensors"]})


def distance(got, want):
    """The largest difference, relative to the values' size: infinite where the numbers of elements differ."""
    if got.size != int(np.prod(want["shape"])):
        return float("inf")
    flat = got.reshape(-1)
    if "values" in want:
        pairs = [(flat, np.array(want["values"], np.float64).reshape(-1))]
    else:
        pairs = [(flat[:64], np.array(want["first"])), (flat[-64:], np.array(want["last"]))]
    scale = max(1.0, float(np.sqrt(want["sum2"] / max(1, flat.size))))
    worst = max(float(np.max(np.abs(a - b), initial=0)) for a, b in pairs) / scale
    return max(worst, abs(float(flat.sum()) - want["sum"]) / (scale * max(1, flat.size)), abs(float((flat**2).sum()) - want["sum2"]) / max(1.0, want["sum2"]))


def nearest(got, outputs):
    """(how far the nearest recorded output is, its name, every name that is as good as equal)"""
    if any(name == "chosen" and list(got.shape) == o["shape"] for name, o in outputs.items()) and np.all(got == np.round(got)):
        got = np.sort(got, axis=-1)
    far = {name: distance(got, o) for name, o in outputs.items()}
    name = min(far, key=far.get, default="-")
    return far.get(name, float("inf")), name, {n for n, d in far.items() if d <= 1e-9}


def is_enough(case, seen):
    outputs = set(case["outputs"])
    if case["kind"] == "attention":
        return {"q", "k", "v", "a"} & outputs <= seen
    if case["kind"] == "moe":
        return bool(seen & {"experts", "y"})
    if case["kind"] == "split":
        return {"q", "k", "v", "g", "y"} & outputs - ({"y"} if outputs & {"q", "k", "v"} else set()) <= seen
    return "y" in seen


def check(program, case, folder, options=()):
    write(case, f"{folder}/o")
    save(f"{folder}/in.safetensors", inputs(case))
    fuse = ["--fuse", case["fuse"]] if case.get("fuse") else []
    p = subprocess.run([program, "parity", f"{folder}/o", *fuse, "--backend", "cpu", "--module", case["module"], "--inputs", f"{folder}/in.safetensors",
                        "--save-outputs", f"{folder}/out.safetensors", "--json", *options], capture_output=True, text=True, errors="replace", timeout=120)
    if not os.path.exists(f"{folder}/out.safetensors"):
        return f"exit {p.returncode}, no outputs: {(p.stderr.strip().splitlines() or ['-'])[0][:140]}"
    seen = {"original": set(), "fused": set()}
    for key, got in load(f"{folder}/out.safetensors").items():
        _, name, side, value = key.rsplit(":", 3)
        far, which, equal = nearest(got, case["outputs"])
        if far > 1e-9:
            return f"{name} {side} {value}: off by {far:.2g} (nearest: {which})"
        seen[side] |= equal
    claims = {m["claims"] for m in json.loads(p.stdout)["modules"]}
    for side, names in seen.items():
        if not is_enough(case, names):
            return f"{side}: only {sorted(names)} compared"
        if "whole module" in claims and "y" in case["outputs"] and "y" not in names:
            return f"{side}: the whole module is claimed, only {sorted(names)} compared"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tenon")
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--only", default="")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    cases = [c for c in cases_of(options.cases) if re.search(options.only, c["name"])]
    bad = []
    for case in cases:
        folder = tempfile.mkdtemp()
        try:
            why = check(options.tenon, case, folder)
        except Exception as error:  # noqa: BLE001
            why = f"{type(error).__name__}: {error}"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if why:
            bad.append((case["name"], why))
            if options.v:
                print("  ", case["name"], why)
    print(f"{len(cases) - len(bad)} of {len(cases)} modules right")
    for name, why in bad:
        print(f"  {name}: {why}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
