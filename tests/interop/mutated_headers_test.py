"""Tenon never accepts a header that the Python package safetensors rejects.

Sound headers and the hostile cases are changed at random (seeded; MUTATIONS sets how many). Where tenon is the
stricter one, its reason must be one of those that are meant.
"""

import json
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from safetensors import deserialize

ROOT = Path(__file__).resolve().parents[2]
COUNT = int(os.environ.get("MUTATIONS", "6000"))

# What tenon refuses though the package does not.
STRICTER = ("occurs twice", "more than 64 dimensions", "is too large", "entry is a list", "dtype is an object", "more than 1024 fields")

PIECES = [
    "{", "}", "[", "]", ",", ":", '"', "\\", "null", "true", "0", "-0", "1", "4", "1e0", "1.5", "-1", "18446744073709551615",
    "9223372036854775808", "18446744073709551616", "1e999", '"I32"', '"F4"', '"dtype"', '"shape"', '"data_offsets"', '"__metadata__"',
    '"a":1,', '"\\u0061"', '"\\ud800"', "\x00", "\x01", " ", "\n", "\ufeff", "é", "[0,0]", "[0,4]", "[]", "{}", "NaN", "//", "01",
]  # fmt: skip


def file_of(text, data):
    return struct.pack("<Q", len(text)) + text + data


def sound_headers():
    """(JSON, bytes behind it) of files that both accept."""
    one = {"w": {"dtype": "I32", "shape": [1], "data_offsets": [0, 4]}}
    two = {"__metadata__": {"format": "pt"}, "a.0": {"dtype": "F4", "shape": [2, 4], "data_offsets": [0, 4]},
           "b": {"dtype": "BF16", "shape": [2, 0], "data_offsets": [4, 4]}, "c": {"dtype": "I64", "shape": [], "data_offsets": [4, 12]}}  # fmt: skip
    extra = {"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4], "note": {"a": [1, {"b": None}], "c": 1.5}}}
    for header, size in ((one, 4), (two, 12), (extra, 4)):
        yield json.dumps(header, separators=(",", ":")).encode(), bytes(size)


def seeds():
    found = 30 * list(sound_headers())
    for path in sorted((ROOT / "tests/hostile/cases").iterdir()):
        raw = path.read_bytes()
        if 8 < len(raw) < 4096 and struct.unpack("<Q", raw[:8])[0] <= len(raw) - 8:
            length = struct.unpack("<Q", raw[:8])[0]
            found.append((raw[8 : 8 + length], raw[8 + length :]))
    return found


def mutated(text, rng):
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        kind = rng.randrange(6)
        piece = rng.choice(PIECES).encode()
        if kind == 0:
            text = text[:at] + piece + text[at:]
        elif kind == 1:
            text = text[:at] + text[min(end, at + 8) :]
        elif kind == 2:
            text = text[:at] + piece + text[min(end, at + 8) :]
        elif kind == 3:
            text = text[:end] + text[at:]
        elif kind == 4 and text:
            at = min(at, len(text) - 1)
            text = text[:at] + bytes([text[at] ^ 1 << rng.randrange(8)]) + text[at + 1 :]
        elif text:
            at = min(at, len(text) - 1)
            text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1 :]
    return text


def repeats_a_tensor(raw):
    """The package keeps the last of two equal keys, and does not look at the first."""
    try:
        keys = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]], object_pairs_hook=lambda pairs: [key for key, _ in pairs])
        return len(set(keys)) < len(keys)
    except ValueError:
        return False


def package_accepts(raw):
    try:
        deserialize(raw)
        return True
    except Exception:  # whatever it raises, it rejects
        return False


def main():
    rng = random.Random(20)
    sources = seeds()
    files = [file_of(*seed) for seed in sources]
    while len(files) < COUNT:
        text, data = rng.choice(sources)
        if rng.random() < 0.1:
            data = bytes(max(0, len(data) + rng.choice((-4, -1, 1, 4))))
        files.append(file_of(mutated(text, rng), data))
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{i}.safetensors" for i in range(len(files))]
        for path, raw in zip(paths, files):
            Path(path).write_bytes(raw)
        run = subprocess.run([os.environ["HEADER_VERDICTS"]], input="\n".join(paths) + "\n", capture_output=True, text=True, errors="replace")
    assert run.returncode == 0, run.stderr
    verdicts = run.stdout.splitlines()
    assert len(verdicts) == len(files), (len(verdicts), len(files))
    accepted = stricter = 0
    failures = []
    for raw, verdict in zip(files, verdicts):
        theirs, ours = package_accepts(raw), verdict == "accept"
        accepted += ours
        stricter += theirs and not ours
        if theirs and not ours:
            meant = any(reason in verdict for reason in STRICTER) or repeats_a_tensor(raw)
        else:
            meant = theirs == ours
        if not meant:
            failures.append((raw, verdict))
    for raw, verdict in failures[:10]:
        print(f"package {'rejects' if verdict == 'accept' else 'accepts'}, tenon says {verdict!r}: {raw!r}")
    print(f"{len(files)} headers: {accepted} accepted by both, {stricter} by the package only, {len(failures)} failures")
    return 1 if failures or not accepted or not stricter else 0


if __name__ == "__main__":
    sys.exit(main())
