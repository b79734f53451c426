#!/usr/bin/env python3
"""Every weight that a real module reads changes a compared value when it changes, or the report lists it as never read.

usage: omissions.py TENON [--only REGEX]

Ranges over the measured modules (modules.json) and over the checkpoints that tools/make-checkpoint makes of the models whose programs
rules/parity has. Each tensor of a module is scaled by 1.01, and, where nothing changes (a correction that chooses the same experts), then swapped with
another of its shape, or its own elements turned round. On both sides a compared value must change; a tensor for which none does must stand under
`never_read`, and one that stands there must change none. Of a list (experts.0, experts.1, ...) the first three are taken. Exit 77: NumPy is not installed.
"""
import argparse, json, os, re, shutil, subprocess, sys, tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_modules
from check_modules import load, np, save

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
MODELS = {"qwen2_moe": [], "jamba": [], "lfm2_moe": [], "ernie4_5_vl_moe": [], "sapiens2": [], "tipsv2_vision_model": [], "nomic_bert": [],
          "jina_embeddings_v3": [], "rf_detr": [], "step3p5_vision": [], "minimax_m3_vl": [], "llama": ["--fuse", "qkv", "--fuse", "gate_up"]}


class Checkpoint:
    """A folder whose one file has changed tensors."""

    def __init__(self, folder, tensors, arguments):
        self.folder, self.tensors, self.arguments = folder, tensors, arguments

    def run(self, tenon, changed=None):
        """(values by name, report) with some tensors exchanged."""
        save(f"{self.folder}/model.safetensors", self.tensors | (changed or {}))
        out = f"{self.folder}.values.safetensors"
        if os.path.exists(out):
            os.remove(out)
        p = subprocess.run([tenon, "parity", self.folder, "--backend", "cpu", "--dtype", "fp32", "--allow-uncovered", "--save-outputs", out, "--json", *self.arguments],
                           capture_output=True, text=True, timeout=120)
        if not os.path.exists(out):
            raise RuntimeError(f"exit {p.returncode}: {p.stderr.strip()[:300]}")
        return load(out), json.loads(p.stdout)


def read_file(path):
    """{key: (dtype, array)} of the dtypes that make-checkpoint writes."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        head, out = json.loads(file.read(size)), {}
        for key, entry in head.items():
            if key == "__metadata__":
                continue
            file.seek(8 + size + entry["data_offsets"][0])
            raw = file.read(entry["data_offsets"][1] - entry["data_offsets"][0])
            if entry["dtype"] == "BF16":
                values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
                out[key] = ("F32", values.reshape(entry["shape"]).astype(np.float64))
            else:
                kind = {"F32": "<f4", "I64": "<i8", "F64": "<f8"}[entry["dtype"]]
                out[key] = (entry["dtype"], np.frombuffer(raw, kind).reshape(entry["shape"]))
    return out


def moved(before, after):
    """The sides on which a value changed."""
    return {key.rsplit(":", 3)[2] for key in before if key in after and not np.array_equal(before[key], after[key], equal_nan=True)}


def few_of_lists(keys):
    seen, out = {}, []
    for key in sorted(keys):
        name = re.sub(r"\b\d+\b", "*", key)
        seen[name] = seen.get(name, 0) + 1
        if seen[name] <= 3:
            out.append(key)
    return out


def changes_of(tensors, key, like):
    kind, array = tensors[key]
    yield "scaled by 1.01", {key: (kind, array * 1.01 if kind != "I64" else array)}
    if like is not None:
        yield f"swapped with {like}", {key: tensors[like], like: tensors[key]}
    yield "turned round", {key: (kind, array.reshape(-1)[::-1].reshape(array.shape))}
    yield "five times it", {key: (kind, array * 5)}


def check(tenon, name, checkpoint):
    """(weights that change a value, weights never read, what is wrong)"""
    before, report = checkpoint.run(tenon)
    if not report["modules"]:
        return 0, 0, [f"{name}: no module was compared"]
    renamed = {}  # fused keys of weights never read; a weight that is only renamed keeps its last names
    for module in report["modules"]:
        for weight in module["never_read"]:
            renamed[weight["tensor"]] = module["module"]
    read = {key for module in report["modules"] for key in module["original_tensors"]}
    floats = [k for k in checkpoint.tensors if checkpoint.tensors[k][0] != "I64"]
    unread = [k for k in floats if k not in read and any(ends_alike(k, fused) for fused in renamed)]
    changing, wrong = 0, []
    for key in few_of_lists(k for k in floats if k in read):
        like = next((k for k in floats if k != key and k in read and checkpoint.tensors[k][1].shape == checkpoint.tensors[key][1].shape), None)
        sides = set()
        for _, change in changes_of(checkpoint.tensors, key, like):
            sides |= moved(before, checkpoint.run(tenon, change)[0])
            if sides == {"original", "fused"}:
                break
        if sides == {"original", "fused"}:
            changing += 1
        else:
            wrong.append(f"{name}: {key}: is read, and changes nothing on {sorted({'original', 'fused'} - sides)}")
    for key in few_of_lists(unread):
        _, change = next(iter(changes_of(checkpoint.tensors, key, None)))
        if moved(before, checkpoint.run(tenon, change)[0]):
            wrong.append(f"{name}: {key}: is listed as never read, and changes a value")
    return changing, len(few_of_lists(renamed)), wrong


def ends_alike(key, fused):
    return key.split(".")[-2:] == fused.split(".")[-2:]


def module_cases(only):
    for case in check_modules.cases_of():
        if re.search(only, case["name"]):
            yield case


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tenon")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    total, never, wrong, modules = 0, 0, [], 0
    scratch = tempfile.mkdtemp()
    try:
        for case in module_cases(options.only):
            folder = f"{scratch}/{case['name']}"
            check_modules.write(case, folder)
            save(f"{folder}.in.safetensors", check_modules.inputs(case))
            tensors = {t[0]: check_modules.tensor(case, *t) for t in case["tensors"]}
            fuse = ["--fuse", case["fuse"]] if case.get("fuse") else []
            found = check(options.tenon, case["name"], Checkpoint(folder, tensors, [*fuse, "--module", case["module"], "--inputs", f"{folder}.in.safetensors"]))
            total, never, wrong, modules = total + found[0], never + found[1], wrong + found[2], modules + 1
        for model, arguments in MODELS.items():
            if not re.search(options.only, model):
                continue
            folder = f"{scratch}/{model}"
            subprocess.run([sys.executable, f"{ROOT}/tools/make-checkpoint", folder, "--model", model], check=True, stdout=subprocess.DEVNULL)
            tensors = read_file(f"{folder}/model.safetensors")
            found = check(options.tenon, model, Checkpoint(folder, tensors, ["--tokens", "9", *arguments]))
            total, never, wrong, modules = total + found[0], never + found[1], wrong + found[2], modules + 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{modules} modules and models: {total} weights change a compared value when they change, {never} are listed as never read, {len(wrong)} are neither")
    for line in wrong:
        print("  " + line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
