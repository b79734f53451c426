"""A small conversion, run with one of its system calls made to fail (interposer.c), and what there is to see afterwards."""

import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

TENON = os.environ["TENON"]
INTERPOSER = os.environ["FAULT_INTERPOSER"]
SKIP = 77

if os.environ.get("FAULT_SANITIZED", "none") != "none":
    print(f"SKIPPED: built with the {os.environ['FAULT_SANITIZED']} sanitizer, whose own system calls would be counted")
    sys.exit(SKIP)

RULES = """tenon: 1
name: small
about: The rules of the fault tests.
applies_to: {model_type: [small]}
transforms:
  - WeightConverter:
      source_patterns: [experts.*.gate.weight, experts.*.up.weight]
      target_patterns: experts.gate_up
      operations: [MergeModulelist: {dim: 0}, Concatenate: {dim: 1}]
  - WeightConverter: {source_patterns: turn.weight, target_patterns: turned.weight, operations: [Transpose: {dim0: 0, dim1: 1}]}
"""
# Two shards of a source; `embed` is long enough to be written straight from the mapping, `turn` is gathered.
SHARDS = [
    {"layers.0.experts.0.gate.weight": (8, 16), "layers.0.experts.1.gate.weight": (8, 16), "layers.0.experts.0.up.weight": (8, 16),
     "layers.0.experts.1.up.weight": (8, 16), "layers.0.turn.weight": (24, 40), "norm.weight": (16,)},
    {"embed.weight": (300, 128), "layers.1.turn.weight": (24, 40)},
]
SIDE_FILES = {"tokenizer.json": b'{"version": "1.0"}', "code/modeling.py": b"x = 1\n", "empty.txt": b""}


TIME_NS = 1_700_000_000_000_000_000


def write_file(path, content):
    """Always with the same time: a source with another is another source."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    os.utime(path, ns=(TIME_NS, TIME_NS))


def make_folder():
    """In memory where there is such a place: nothing here waits for a disk."""
    in_memory = "/dev/shm"
    roomy = os.path.isdir(in_memory) and os.access(in_memory, os.W_OK) and shutil.disk_usage(in_memory).free > 64 << 20
    return tempfile.mkdtemp(prefix="tenon-fault.", dir=in_memory if roomy else None)


def make_source(folder, seed, shards=None):
    """A checkpoint of F32 tensors: key -> shape, for each shard."""
    shards = shards or SHARDS
    weight_map, total = {}, 0
    for number, shapes in enumerate(shards, 1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        header, data = {}, []
        for key, shape in shapes.items():
            size, begin = 4, sum(map(len, data))
            for extent in shape:
                size *= extent
            header[key] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, begin + size]}
            data.append(random.Random(f"{seed} {key}").randbytes(size))
            weight_map[key], total = name, total + size
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        write_file(os.path.join(folder, name), struct.pack("<Q", len(text)) + text + b"".join(data))
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    write_file(os.path.join(folder, "model.safetensors.index.json"), json.dumps(index).encode())
    write_file(os.path.join(folder, "config.json"), json.dumps({"model_type": "small", "seed": seed}).encode())
    for name, content in SIDE_FILES.items():
        write_file(os.path.join(folder, name), content)


def make_library(folder):
    write_file(os.path.join(folder, "models/small.yaml"), RULES.encode())
    os.environ["TENON_RULES"] = folder


def content_of(folder):
    """Relative path -> bytes of every file below a folder, None where it is absent."""
    if not os.path.lexists(folder):
        return None
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


def remove(path):
    if os.path.lexists(path):
        shutil.rmtree(path)


class Call:
    """A mutating system call as the interposer logged it."""

    def __init__(self, line):
        number, self.name, *rest = line.rstrip("\n").split("\t")
        self.number = int(number)
        self.fate = rest.pop()[1:] if rest[-1].startswith("!") else ""
        self.path, self.to = rest[0], rest[1] if len(rest) > 1 else ""

    def __str__(self):
        return f"call {self.number}, {self.name} {os.path.basename(self.path)}"


class Outcome:
    def __init__(self, status, messages, calls):
        self.status, self.messages, self.calls = status, messages, calls


class Bench:
    """A folder with a source `src` and room for a destination `dst` beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.source = os.path.join(folder, "src")
        self.destination = os.path.join(folder, "dst")
        self.work = os.path.join(folder, ".dst.tenon-work")
        make_source(self.source, 1)
        self.source_content = content_of(self.source)

    def command(self, *flags):
        usual = [[name, value] for name, value in (("--threads", "1"), ("--max-shard-size", "60kB")) if name not in flags]
        return [TENON, "convert", "src", "dst", *sum(usual, []), *flags]

    def start(self, flags, fault="", always="", log=None):
        """A conversion under way; interposed where there is a log."""
        environment, passed = dict(os.environ), []
        if log is not None:
            environment.update({"LD_PRELOAD": INTERPOSER, "TENON_FAULT": fault, "TENON_FAULT_ALWAYS": always,
                                "TENON_FAULT_FILE": os.path.join(self.source, "model-00002-of-00002.safetensors"),
                                "TENON_FAULT_LOG": str(log.fileno())})
            passed = [log.fileno()]
        return subprocess.Popen(self.command(*flags), cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, pass_fds=passed,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")

    def run(self, flags=(), fault="", always=""):
        """Converts with a fault."""
        with tempfile.TemporaryFile("w+") as log:
            process = self.start(flags, fault, always, log)
            _, messages = process.communicate(timeout=60)
            log.seek(0)
            lines = log.readlines()
        strange = [line for line in lines if not line[:1].isdigit()]
        if process.returncode == 99 or strange:
            sys.exit(f"the interposer is of no use here: {''.join(strange)}{messages}")
        return Outcome(process.returncode, messages, [Call(line) for line in lines])

    def run_plain(self, flags=()):
        """Converts without the interposer."""
        process = self.start(flags)
        _, messages = process.communicate(timeout=60)
        return Outcome(process.returncode, messages, [])

    def reset(self, *templates):
        """Leaves only the source, then copies folders of templates into place."""
        for path in (self.destination, self.work):
            remove(path)
        for template in templates:
            shutil.copytree(template, self.folder, dirs_exist_ok=True, symlinks=True)

    def restore_source(self):
        """Brings back what the fault kinds `cut` and `touch` changed, with its times."""
        for name, content in self.source_content.items():
            write_file(os.path.join(self.source, name), content)

    def beside(self):
        return sorted(set(os.listdir(self.folder)) - {"src"})
