#!/usr/bin/env python3
"""Every measured model class converted and taken back without its manifest, as a folder that somebody published or copied in part.

usage: without_manifest.py TENON [-v] [CLASS...]
Right is the source again, or a refusal (exit status 2). Large classes are planned on headers alone. A folder whose keys are neither the source's nor told of (a note that names
what is not inverted, or what does not come back) is wrong.
"""
import json, random, shutil, subprocess, sys, tempfile
from pathlib import Path

import files_test as files


def keys_of(folder):
    out = {}
    for path in folder.glob("*.safetensors"):
        data = path.read_bytes()
        end = 8 + int.from_bytes(data[:8], "little")
        for key, t in json.loads(data[8:end]).items():
            if key != "__metadata__":
                begin, stop = t["data_offsets"]
                out[key] = (t["dtype"], t["shape"], data[end + begin : end + stop])
    return out


def run(tenon, *arguments):
    p = subprocess.run([tenon, *map(str, arguments), "--no-sync", "--threads", "1"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return p.returncode, p.stderr


def write_headers(tensors, config, folder):
    """Tensors without contents: a header on a sparse file."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for key, (dtype, shape) in tensors.items():
        size = files.WIDTH[dtype]
        for extent in shape:
            size *= extent
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    folder.mkdir()
    with open(folder / "model.safetensors", "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        out.truncate(8 + len(text) + at)
    (folder / "config.json").write_text(json.dumps(config))


def planned(tenon, *arguments):
    p = subprocess.run([tenon, "plan", *map(str, arguments), "--json"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    outputs = {t["key"]: (t["dtype"], t["shape"]) for t in json.loads(p.stdout)["outputs"]} if p.returncode == 0 else {}
    return p.returncode, p.stdout + p.stderr, outputs


def fate_by_headers(tenon, case, top):
    families = [flag for name in case["fusion"] or {} for flag in ("--fuse", name)]
    was = {key: (t[0], t[1]) for key, t in case["original"].items()}
    write_headers(was, case["config"], top / "src")
    status, text, outputs = planned(tenon, top / "src", *families)
    if status:
        return "wrong", f"forward: {text.strip()[:200]}"
    write_headers(outputs, case["config"], top / "fused")
    status, text, now = planned(tenon, top / "fused", "--to", "original", *families)
    return verdict(status, text, was, now)


def verdict(status, text, was, now):
    if status == 2:
        return "refused", text.strip().split("\n")[0][:260]
    if status:
        return "wrong", f"exit {status}: {text.strip()[:200]}"
    if was == now:
        return "exact", ""
    lost, new = sorted(was.keys() - now.keys()), sorted(now.keys() - was.keys())
    told = "may have found nothing to do" in text or "does not come back" in text or "do not come back" in text
    what = f"{len(lost)} lost, {lost[:1]}; {len(new)} new, {new[:1]}; {sum(was[k] != now[k] for k in was.keys() & now.keys())} other"
    return ("told" if told else "wrong"), what


def fate(tenon, path, case, top):
    """What became of it, and of which key first."""
    src, fused, back = (top / name for name in ("src", "fused", "back"))
    src.mkdir()
    files.write(case, src, random.Random(path.stem))
    families = [flag for name in case["fusion"] or {} for flag in ("--fuse", name)]
    status, text = run(tenon, "convert", src, fused, *families)
    if status:
        return "wrong", f"forward: {text.strip()[:200]}"
    if "where the rule lists" in text:
        return "told", "its parts have not the sizes that config.json gives"
    (fused / "tenon-manifest.json").unlink()
    status, text = run(tenon, "convert", fused, back, "--to", "original", *families)
    return verdict(status, text, keys_of(src), keys_of(back) if status == 0 else {})


def main():
    tenon, verbose = str(Path(sys.argv[1]).resolve()), "-v" in sys.argv
    wanted = [a for a in sys.argv[2:] if a != "-v"]
    counts, bad = {}, 0
    for path in sorted(files.MODELS.glob("*.json")):
        case = json.loads(path.read_text())
        if wanted and path.stem not in wanted:
            continue
        top = Path(tempfile.mkdtemp())
        try:
            small = case["bytes"] <= files.LIMIT
            what, why = fate(tenon, path, case, top) if small else fate_by_headers(tenon, case, top)
        finally:
            shutil.rmtree(top)
        counts[what] = counts.get(what, 0) + 1
        bad += what == "wrong"
        if what == "wrong" or verbose:
            print(f"{what} {path.stem} {why}")
    print(", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    print(f"{sum(counts.values()) - bad} passed, {bad} failed, 0 skipped")
    return 1 if bad or not counts else 0


if __name__ == "__main__":
    sys.exit(main())
