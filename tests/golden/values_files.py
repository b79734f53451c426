#!/usr/bin/env python3
"""The measured value cases (values.json) as whole conversions: each becomes a checkpoint and a rule file with one WeightConverter.

usage: values_files.py TENON values.json [-v] [CASE...]

A role is the end of a pattern: a case's inputs are the tensors m.ROLE, its outputs as well. `convert --one-way --verify` must give the
outputs; where a case has `back`, `convert` without --one-way and then `--to original` must give the inputs, bit for bit. A case with
`refuse` ends with status 2 and `error[value-WORD]`, and nothing is written. README.md says how contents are made.
"""
import hashlib, json, os, shutil, struct, subprocess, sys, tempfile

BITS = {"F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16}
# Exponent bits, mantissa bits; E4M3 has no infinity.
FLOATS = {"F16": (5, 10), "BF16": (8, 7), "F8_E4M3": (4, 3), "F8_E5M2": (5, 2)}
NAN = {"F64": (0x7FF0000000000000, 0x7FFFFFFFFFFFFFFF, 0x7FF8000000000000), "F32": (0x7F800000, 0x7FFFFFFF, 0x7FC00000),
       "F16": (0x7C00, 0x7FFF, 0x7E00), "BF16": (0x7F80, 0x7FFF, 0x7FC0), "F8_E4M3": (0x7E, 0x7F, 0x7F),
       "F8_E5M2": (0x7C, 0x7F, 0x7F), "F8_E8M0": (0xFE, 0xFF, 0xFF)}


def mix_of(seed):
    h0 = 0x811C9DC5
    for byte in seed.encode():
        h0 = (h0 ^ byte) * 0x01000193 & 0xFFFFFFFF

    def mix(j):
        h = h0 + j * 2654435761 & 0xFFFFFFFF
        h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
        h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
        return h ^ h >> 16
    return mix


def cast_finite(bits, dtype):
    """A finite F32's bits in a narrower float, to nearest, ties to even; beyond the largest Inf, or 448 in E4M3."""
    if dtype == "F32":
        return bits
    exponent_bits, mantissa_bits = FLOATS[dtype]
    sign, exponent, mantissa = bits >> 31, bits >> 23 & 255, bits & 0x7FFFFF
    top = sign << exponent_bits + mantissa_bits
    if exponent:
        mantissa |= 1 << 23
    exponent = max(exponent, 1) - 127 + ((1 << exponent_bits - 1) - 1)  # of the narrow format, biased
    drop = 23 - mantissa_bits + max(0, 1 - exponent)
    if drop > 25:
        return top
    kept, rest, half = mantissa >> drop, mantissa & (1 << drop) - 1, 1 << drop - 1
    kept += rest > half or (rest == half and kept & 1)
    code = kept + (max(exponent, 1) - 1 << mantissa_bits)
    most = 0x7E if dtype == "F8_E4M3" else ((1 << exponent_bits) - 1 << mantissa_bits)
    return top | min(code, most)


def elements(spec):
    n, gen, bits = 1, spec["gen"], BITS.get(spec["dtype"], 8)
    for extent in spec["shape"]:
        n *= extent
    size = bits // 8
    if gen["kind"] == "hex":
        raw = bytes.fromhex(gen["hex"])
        return [int.from_bytes(raw[i * size:(i + 1) * size], "little") for i in range(n)], size
    if gen["kind"] == "table":
        values = [int(v, 16) for v in gen["values"]]
        return [values[j % len(values)] for j in range(n)], size
    mix = mix_of(gen["seed"])
    if gen["kind"] == "bytes":
        return [int.from_bytes(bytes(mix(i * size + k) >> 24 for k in range(size)), "little") for i in range(n)], size
    if gen["kind"] == "int":
        return [gen["lo"] + mix(j) % (gen["hi"] - gen["lo"] + 1) & (1 << bits) - 1 for j in range(n)], size
    out = []
    for j in range(n):
        u, v = mix(2 * j), mix(2 * j + 1)
        low = u & 0xFFFF
        zeros = (low & -low).bit_length() - 1 if low else 16
        sign = (u >> 31) if gen.get("signed", True) else 0
        out.append(cast_finite(sign << 31 | gen["hi"] - min(zeros, gen["hi"] - gen["lo"]) << 23 | v & 0x7FFFFF, spec["dtype"]))
    return out, size


def contents(spec):
    values, size = elements(spec)
    for start, step, count, bits in spec["gen"].get("patch", spec.get("patch", [])):
        for i in range(count):
            values[start + i * step] = int(bits, 16)
    return b"".join(v.to_bytes(size, "little") for v in values)


def canonical(dtype, data):
    if dtype not in NAN:
        return data
    inf, mask, nan = NAN[dtype]
    if dtype == "F8_E8M0":
        return data
    size = BITS.get(dtype, 8) // 8
    words = (int.from_bytes(data[i:i + size], "little") for i in range(0, len(data), size))
    return b"".join((nan if w & mask > inf else w).to_bytes(size, "little") for w in words)


def write(folder, tensors):
    os.makedirs(folder)
    head, offset = {}, 0
    for key, (dtype, shape, raw) in tensors.items():
        head[key] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(folder + "/model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(t[2] for t in tensors.values()))
    with open(folder + "/config.json", "w") as file:
        json.dump({"model_type": "case"}, file)


def read(folder):
    out = {}
    with open(folder + "/model.safetensors", "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length))
        for key, entry in head.items():
            if key != "__metadata__":
                file.seek(8 + length + entry["data_offsets"][0])
                out[key] = (entry["dtype"], entry["shape"], file.read(entry["data_offsets"][1] - entry["data_offsets"][0]))
    return out


def rule_text(case, outputs):
    patterns = lambda roles, form: json.dumps([form.format(r) for r in roles])
    return ("tenon: 1\nname: case\nabout: A measured case.\ntransforms:\n  - WeightConverter:\n"
            f"      source_patterns: {patterns(case['inputs'], '^m[.]{}$')}\n      target_patterns: {patterns(outputs, 'm.{}')}\n"
            f"      operations: [{{{case['op']}: {json.dumps(case['params'])}}}]\n")


def roles_made(case, cases):
    if "outputs" in case:
        return list(case["outputs"])
    alike = lambda c: sum(c["params"].get(k) == case["params"].get(k) for k in ("style", "symmetric", "strategy", "block_size"))
    return list(max((c for c in cases if c["op"] == case["op"] and "outputs" in c), key=alike)["outputs"])


def check(tenon, case, cases, folder):
    source, there, back, rules = (os.path.join(folder, n) for n in ("src", "dst", "back", "case.yaml"))
    inputs = {f"m.{role}": (spec["dtype"], spec["shape"], contents(spec)) for role, spec in case["inputs"].items()}
    write(source, inputs)
    with open(rules, "w") as file:
        file.write(rule_text(case, roles_made(case, cases)))
    run = lambda *a: subprocess.run([tenon, *a], capture_output=True, text=True, errors="replace", timeout=60)
    p = run("convert", source, there, "--rules", rules, "--verify", *([] if "back" in case else ["--one-way"]))
    if "refuse" in case:
        refused = p.returncode == 2 and f"error[value-{case['refuse']}]" in p.stderr and not os.path.exists(there)
        return None if refused else f"exit {p.returncode}, should refuse ({case['refuse']}): {p.stderr[-300:]}"
    if p.returncode:
        return f"exit {p.returncode}: {p.stderr[-300:]}{p.stdout[-300:]}"
    got = read(there)
    for role, want in case["outputs"].items():
        dtype, shape, data = got.get(f"m.{role}", (None, None, b""))
        if [dtype, shape] != [want["dtype"], want["shape"]]:
            return f"{role}: {dtype} {shape}, should be {want['dtype']} {want['shape']}"
        if hashlib.sha256(canonical(dtype, data)).hexdigest()[:32] != want["digest"]:
            return f"{role}: other values"
    if "back" in case:
        p = run("convert", there, back, "--to", "original", "--verify")
        if p.returncode:
            return f"back: exit {p.returncode}: {p.stderr[-300:]}{p.stdout[-300:]}"
        for name in ("model.safetensors", "config.json"):
            with open(f"{source}/{name}", "rb") as a, open(f"{back}/{name}", "rb") as b:
                if name == "config.json" and a.read() != b.read():
                    return "back: another config.json"
        if read(back) != read(source):
            return "back: not the source's bytes"
    return None


def main():
    arguments = [a for a in sys.argv[1:] if a != "-v"]
    tenon, path, chosen = arguments[0], arguments[1], {int(a) for a in arguments[2:]}
    with open(path) as file:
        cases = json.load(file)["cases"]
    failed = 0
    for case in cases:
        if chosen and case["case"] not in chosen:
            continue
        folder = tempfile.mkdtemp(prefix="tenon-values-")
        try:
            why = check(tenon, case, cases, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if why:
            failed += 1
            if failed <= 20 or "-v" in sys.argv:
                print(f"FAILED {case['case']} {case['op']}: {why}", file=sys.stderr)
    count = len(chosen) if chosen else len(cases)
    print(f"{count - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
