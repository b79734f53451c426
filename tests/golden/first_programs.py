#!/usr/bin/env python3
"""The programs as they first were, which left out much of what modules do, are put back, and the measured modules must reject them.

usage: first_programs.py TENON [RULES]

first_programs.json has every module program of the library as it was before any was measured against a real module. `tenon parity` held for all of them,
as both sides left out the same. Each measured module (modules.json, measured.json) is run by them: a table says, for each program and model
type, how far they were off, and which of planted_faults.py's omissions the module does (each of those is also planted by itself, in today's programs).
Exit status 1: a pair that first_wrong.txt lists is no longer rejected or has no measured module any more, or one that is wrong is not listed. Exit 77: NumPy or
PyYAML is not installed.
"""
import json, os, re, shutil, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import planted_faults
from planted_faults import check_modules, yaml


def first_library(rules, to):
    """A copy of the library whose programs are the first ones, and no others."""
    shutil.copytree(rules, to)
    with open(f"{HERE}/first_programs.json") as file:
        first = json.load(file)
    for folder in ("fusions", "parity"):
        for name in os.listdir(f"{to}/{folder}"):
            path = f"{to}/{folder}/{name}"
            with open(path) as file:
                rule = yaml.safe_load(file)
            modules = first.get(f"{folder}/{name}")
            rule.pop("modules", None)
            if modules:
                rule["modules"] = modules
            if modules or folder == "fusions":
                with open(path, "w") as file:
                    json.dump(rule, file)
            else:
                os.remove(path)


def run(tenon, case, folder, rules):
    """({program: [the largest distance from what was measured, what was equal]}, exit status, or why there is none)"""
    check_modules.write(case, f"{folder}/o")
    given = check_modules.inputs(case)
    if "values" in case["outputs"].get("logits", {}):  # of programs that know no router
        logits = case["outputs"]["logits"]
        with_logits = given | {"logits": ("F64", check_modules.np.array(logits["values"]).reshape(logits["shape"]))}
        found = run_on(tenon, case, folder, rules, with_logits)
        if found[0]:
            return found
    return run_on(tenon, case, folder, rules, given)


def run_on(tenon, case, folder, rules, given):
    out = f"{folder}/out.safetensors"
    check_modules.save(f"{folder}/in.safetensors", given)
    fuse = ["--fuse", case["fuse"]] if case.get("fuse") else []
    p = subprocess.run([tenon, "parity", f"{folder}/o", *fuse, "--backend", "cpu", "--module", case["module"], "--inputs", f"{folder}/in.safetensors", "--allow-uncovered",
                        "--save-outputs", out, "--json", "--rules-dir", rules], capture_output=True, text=True, errors="replace", timeout=120)
    if not os.path.exists(out):
        return {}, f"exit {p.returncode}: {(p.stderr.strip().splitlines() or ['-'])[0][:140]}"
    found = {}
    for key, got in check_modules.load(out).items():
        _, program, _, value = key.rsplit(":", 3)
        far, _, equal = check_modules.nearest(got, case["outputs"])
        row = found.setdefault(program, [0.0, set()])
        row[0] = max(row[0], far)
        row[1] |= equal
    return found, p.returncode


def main():
    tenon = sys.argv[1]
    rules = sys.argv[2] if len(sys.argv) > 2 else os.path.join(HERE, "../../rules")
    with open(f"{HERE}/first_wrong.txt") as file:
        listed = {tuple(line.split()[:2]) for line in file if line.strip() and not line.startswith("#")}
    rows, unlike, held = {}, [], 0
    with tempfile.TemporaryDirectory() as scratch:
        first_library(rules, f"{scratch}/rules")
        for case in check_modules.cases_of():
            work = tempfile.mkdtemp(dir=scratch)
            found, code = run(tenon, case, work, f"{scratch}/rules")
            shutil.rmtree(work)
            wrong = {program: far for program, (far, _) in found.items() if far > 1e-9}
            if not wrong:
                continue
            held += code == 0
            omissions = [name for name, (_, does) in planted_faults.FAULTS.items() if does(case)]
            if not omissions:
                unlike.append(f"{case['name']}: is wrong, and does nothing that planted_faults.py leaves out")
            for program, far in wrong.items():
                row = rows.setdefault((program, case["model_type"]), [0.0, [], []])
                row[0] = max(row[0], far)
                row[1].append(case["name"])
                row[2] += [name for name in omissions if name not in row[2]]
    print("| program | model type | off by | left out | measured modules that reject it |\n|---|---|---|---|---|")
    for (program, model_type), (far, names, omissions) in sorted(rows.items()):
        print(f"| {program} | {model_type} | {far:.2g} | {'; '.join(omissions)} | {', '.join(names)} |")
    unlike += [f"{program} {model_type}: is listed, and no measured module rejects it" for program, model_type in sorted(listed - set(rows))]
    unlike += [f"{program} {model_type}: is wrong, and not listed" for program, model_type in sorted(set(rows) - listed)]
    print(f"{len(rows)} pairs of a program and a model type are wrong as they first were, and rejected; of {len(listed)} that are listed. parity by itself holds for {held} of these modules")
    for line in unlike:
        print("  " + line)
    sys.exit(1 if unlike else 0)


if __name__ == "__main__":
    main()
