"""Tenon and the Python package safetensors read and write the same files.

Each function named test_* is a case; it gets an empty folder. The last line counts them.
"""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

from safetensors import TensorSpec, deserialize, safe_open, serialize

ROOT = Path(__file__).resolve().parents[2]

# Python's name of each dtype that the package can write, by its name in a header.
PYTHON_NAMES = {
    "BOOL": "bool", "F4": "float4_e2m1fn_x2", "U8": "uint8", "I8": "int8", "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu", "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz", "I16": "int16", "U16": "uint16", "F16": "float16", "BF16": "bfloat16",
    "I32": "int32", "U32": "uint32", "F32": "float32", "C64": "complex64", "F64": "float64", "I64": "int64",
    "U64": "uint64",
}  # fmt: skip
BITS = {"BOOL": 8, "F4": 4, "U8": 8, "I8": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
        "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64}  # fmt: skip

RULES = """\
tenon: 1
name: renamed
about: One renaming and one list of experts, for the tests of the file format.
transforms:
  - WeightRenaming: {source_patterns: '^old\\.', target_patterns: new.}
  - WeightConverter:
      source_patterns: 'experts\\.*.weight'
      target_patterns: experts.stacked
      operations: [MergeModulelist: {dim: 0}]
"""


def tenon(*arguments):
    run = subprocess.run(
        [os.environ["TENON"], *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert run.returncode == 0, f"tenon {arguments}: exit status {run.returncode}\n{run.stderr}"
    return run.stdout


def library_file(tensors):
    """What the package writes for {key: (dtype, shape, bytes)}."""
    buffers = {
        key: ctypes.create_string_buffer(data, max(len(data), 1)) for key, (_, _, data) in tensors.items()
    }
    specs = {}
    for key, (dtype, shape, data) in tensors.items():
        stored = (
            shape[:-1] + [shape[-1] // 2] if dtype == "F4" else shape
        )  # two elements a byte, as frameworks hold them
        address = ctypes.addressof(buffers[key])
        specs[key] = TensorSpec(dtype=PYTHON_NAMES[dtype], shape=stored, data_ptr=address, data_len=len(data))
    return bytes(serialize(specs, {"format": "pt"}))


def read_shards(folder):
    """{key: (dtype, shape, bytes)} of all shards, read by the package."""
    tensors = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        for key, tensor in deserialize(path.read_bytes()):
            tensors[key] = (tensor["dtype"], list(tensor["shape"]), bytes(tensor["data"]))
    return tensors


def make_checkpoint(folder, *arguments):
    subprocess.run(
        [sys.executable, "-B", ROOT / "tools/make-checkpoint", folder, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def write_checkpoint(folder, files):
    """Shards as the package writes them: {file name: tensors}, an index where there are several, a config and the test's rules."""
    folder.mkdir()
    for name, tensors in files.items():
        (folder / name).write_bytes(library_file(tensors))
    if len(files) > 1:
        weight_map = {key: name for name, tensors in files.items() for key in tensors}
        total = sum(len(data) for tensors in files.values() for _, _, data in tensors.values())
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text('{"model_type": "a_model_of_the_test"}')
    rules = folder.parent / "renamed.yaml"
    rules.write_text(RULES)
    return rules


def some_bytes(key, count):
    return bytes((i * 131 + sum(key.encode())) % 251 for i in range(count))


def every_dtype():
    """One tensor of 3 x 8 elements of each dtype, experts of two, a scalar, and one without elements."""
    tensors = {}
    for dtype in PYTHON_NAMES:
        data = some_bytes(dtype, 24 * BITS.get(dtype, 8) // 8)
        tensors[f"old.{dtype.lower()}"] = (
            dtype,
            [3, 8],
            bytes(b & 1 for b in data) if dtype == "BOOL" else data,
        )
    for expert in range(11):
        tensors[f"old.experts.{expert}.weight"] = ("BF16", [2, 3], some_bytes(f"expert {expert}", 12))
    tensors["old.scalar"] = ("F32", [], some_bytes("scalar", 4))
    tensors["old.empty"] = ("F32", [0, 5], b"")
    return tensors


def expected_fused(tensors):
    fused = {k.replace("old.", "new.", 1): v for k, v in tensors.items() if ".experts." not in k}
    members = [tensors[f"old.experts.{expert}.weight"] for expert in range(11)]
    fused["new.experts.stacked"] = ("BF16", [11, 2, 3], b"".join(data for _, _, data in members))
    return fused


def test_package_reads_ours_with_the_right_values(folder):
    make_checkpoint(folder / "a", "--model", "mixtral", "--shard-size", "200kB")
    tenon("convert", folder / "a", folder / "b", "--max-shard-size", "200kB")
    original, fused = read_shards(folder / "a"), read_shards(folder / "b")
    for layer in range(2):
        at = f"model.layers.{layer}"
        moe = [f"{at}.block_sparse_moe.experts.{expert}" for expert in range(8)]
        stacked = b"".join(original[f"{expert}.{name}.weight"][2] for expert in moe for name in ("w1", "w3"))
        assert fused[f"{at}.mlp.experts.gate_up_proj"] == ("BF16", [8, 192, 64], stacked)
        stacked = b"".join(original[f"{expert}.w2.weight"][2] for expert in moe)
        assert fused[f"{at}.mlp.experts.down_proj"] == ("BF16", [8, 64, 96], stacked)
    index = json.loads((folder / "b/model.safetensors.index.json").read_text())
    for key, shard in index["weight_map"].items():
        with safe_open(folder / "b" / shard, framework="np") as file:
            assert key in file.keys() and file.metadata() == {"format": "pt"}


def test_our_shards_are_the_package_s_byte_for_byte(folder):
    make_checkpoint(folder / "a", "--model", "deepseek_v3", "--shard-size", "200kB")
    tenon("convert", folder / "a", folder / "b", "--max-shard-size", "200kB")
    shards = sorted((folder / "b").glob("*.safetensors"))
    assert len(shards) > 2
    for shard in shards:
        raw = shard.read_bytes()
        again = library_file(
            {k: (t["dtype"], list(t["shape"]), bytes(t["data"])) for k, t in deserialize(raw)}
        )
        assert again == raw, shard.name


def test_every_dtype_in_one_file(folder):
    tensors = every_dtype()
    rules = write_checkpoint(folder / "a", {"model.safetensors": tensors})
    tenon("convert", folder / "a", folder / "b", "--rules", rules)
    assert (folder / "b/model.safetensors").read_bytes() == library_file(expected_fused(tensors))
    tenon("convert", folder / "b", folder / "c", "--rules", rules, "--to", "original")
    assert (folder / "c/model.safetensors").read_bytes() == (folder / "a/model.safetensors").read_bytes()


def test_every_dtype_in_shards_of_the_package(folder):
    tensors = every_dtype()
    keys = sorted(tensors)
    files = {f"model-0000{i + 1}-of-00003.safetensors": {k: tensors[k] for k in keys[i::3]} for i in range(3)}
    rules = write_checkpoint(folder / "a", files)
    tenon("convert", folder / "a", folder / "b", "--rules", rules, "--max-shard-size", "300B")
    assert read_shards(folder / "b") == expected_fused(tensors)
    tenon("convert", folder / "b", folder / "c", "--rules", rules, "--to", "original")
    assert read_shards(folder / "c") == tensors


def test_names_that_json_escapes(folder):
    tensors = {
        name: ("U8", [4], some_bytes(name, 4))
        for name in (
            'old.quote"',
            "old.back\\slash",
            "old.tab\there",
            "old.ünï.重み",
            "old.😀",
            "old.\x7f",
            "old.a/b",
        )
    }
    rules = write_checkpoint(folder / "a", {"model.safetensors": tensors})
    tenon("convert", folder / "a", folder / "b", "--rules", rules)
    renamed = {k.replace("old.", "new.", 1): v for k, v in tensors.items()}
    assert (folder / "b/model.safetensors").read_bytes() == library_file(renamed)


def main():
    passed = failed = 0
    for name, case in [(n, c) for n, c in globals().items() if n.startswith("test_")]:
        with tempfile.TemporaryDirectory(prefix="tenon-test.") as folder:
            try:
                case(Path(folder))
                passed += 1
            except Exception:
                failed += 1
                print(f"FAILED {name}", file=sys.stderr)
                traceback.print_exc()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
