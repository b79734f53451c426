"""Conversions, plans and checks, against NumPy and the package safetensors."""

import json
import os
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import tenon
from safetensors import safe_open


def tensors_of(folder):
    """Key -> bits as NumPy reads them, without tenon."""
    out = {}
    for file in sorted(Path(folder).glob("*.safetensors")):
        data = file.read_bytes()
        size = int.from_bytes(data[:8], "little")
        for key, entry in json.loads(data[8 : 8 + size]).items():
            if key != "__metadata__":
                begin, end = entry["data_offsets"]
                out[key] = (entry["dtype"], tuple(entry["shape"]), data[8 + size + begin : 8 + size + end])
    return out


def test_there_and_back(moe, tmp_path):
    done = tenon.convert(moe, tmp_path / "fused", verify=True, max_shard_size="300kB")
    assert (done.source_tensors, done.output_tensors, done.shards, done.verified, done.to) == (65, 21, 4, True, "fused")
    assert done.findings == [] and dict(done.timings)["plan"] >= 0
    back = tenon.convert(tmp_path / "fused", tmp_path / "back", to="original")
    assert back.to == "original"
    assert tensors_of(tmp_path / "back") == tensors_of(moe)
    assert tenon.verify(tmp_path / "fused", against=moe).holds
    same = tenon.diff(moe, tmp_path / "back")
    assert same.same and same.bytes_compared == 707200
    assert not tenon.diff(moe, tmp_path / "fused").same


def test_results_are_documents_and_pages(moe, tmp_path):
    done = tenon.convert(str(moe), str(tmp_path / "fused"))
    document = done.to_dict()
    assert document["output_tensors"] == done.output_tensors and "warnings" in document
    assert done.text in repr(done) and "fused" in done._repr_html_()
    assert "21 tensors" in done.text


def test_a_plan_gives_arrays_without_writing(moe, tmp_path):
    plan = tenon.plan(moe)
    before = sorted(os.listdir(moe))
    assert len(plan) == 21 and "model.layers.0.mlp.experts.gate_up_proj" in plan
    key = "model.layers.0.mlp.experts.gate_up_proj"
    array = plan[key]
    assert array.dtype == ml_dtypes.bfloat16 and array.shape == plan.tensors[key].shape
    with pytest.raises(KeyError):
        plan["no.such.tensor"]
    # By NumPy alone: gate above up, expert by expert.
    source = tensors_of(moe)

    def read(name):
        dtype, shape, data = source[name]
        assert dtype == "BF16"
        return np.frombuffer(data, ml_dtypes.bfloat16).reshape(shape)

    prefix = "model.layers.0.block_sparse_moe.experts"
    wanted = np.stack([np.concatenate([read(f"{prefix}.{e}.w1.weight"), read(f"{prefix}.{e}.w3.weight")]) for e in range(array.shape[0])])
    assert array.tobytes() == wanted.tobytes()
    assert sorted(os.listdir(moe)) == before
    # Every tensor is what a conversion writes, and what safetensors reads.
    tenon.convert(moe, tmp_path / "fused")
    with safe_open(tmp_path / "fused" / "model.safetensors", "np") as file:
        assert sorted(file.keys()) == sorted(plan)
    written = tensors_of(tmp_path / "fused")
    opened = tenon.inspect(tmp_path / "fused")
    for key, array in plan.items():
        assert array.tobytes() == written[key][2], key
        assert opened[key].tobytes() == written[key][2], key
    assert plan.golden and plan.snapshot.startswith("tenon-plan 1\n") and plan.hash
    assert plan.explain("model.layers.0.block_sparse_moe.experts.3.w1.weight").results == [key for key in plan if key.endswith("layers.0.mlp.experts.gate_up_proj")]
    assert {fate.what for fate in plan.fates} == {"passed", "renamed", "converted"}
    assert plan.to_dict()["hash"] == plan.hash


@pytest.mark.parametrize(
    ("dtype", "numpy"),
    [("F32", np.float32), ("F16", np.float16), ("BF16", ml_dtypes.bfloat16), ("F8_E4M3", ml_dtypes.float8_e4m3fn), ("I8", np.int8), ("F64", np.float64)],
)
def test_dtypes(tmp_path, dtype, numpy):
    values = np.arange(24).astype(numpy).reshape(2, 3, 4)
    header = json.dumps({"w": {"dtype": dtype, "shape": [2, 3, 4], "data_offsets": [0, values.nbytes]}, "empty": {"dtype": dtype, "shape": [0, 3], "data_offsets": [values.nbytes, values.nbytes]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + values.tobytes())
    opened = tenon.inspect(tmp_path / "a.safetensors")
    assert opened["w"].dtype == np.dtype(numpy) and (opened["w"] == values).all()
    assert opened["empty"].shape == (0, 3)


def test_mistakes_have_ids_and_places(moe, tmp_path):
    with pytest.raises(tenon.UserError) as refused:
        tenon.plan(tmp_path / "nowhere")
    (first,) = refused.value.diagnostics
    assert first.id == "file-absent" and first.level == "error" and str(tmp_path) in first.file
    assert "error[file-absent]" in str(refused.value)
    assert refused.value.to_dict()["errors"][0]["id"] == "file-absent"
    assert isinstance(refused.value, tenon.Error) and isinstance(refused.value, ValueError)
    assert "What to do" in tenon.explain_error(first.id) or first.id in tenon.explain_error(first.id)
    with pytest.raises(tenon.UserError):
        tenon.convert(moe, tmp_path / "out", max_shard_size="five")
    with pytest.raises(tenon.UserError):
        tenon.convert(moe, tmp_path / "out", rules="no_such_rules")
    with pytest.raises(TypeError, match="verify"):
        tenon.convert(moe, tmp_path / "out", verfy=True)
    with pytest.raises(TypeError):
        tenon.convert(moe, tmp_path / "out", verify="yes")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_the_system_refuses_is_an_os_error(moe, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(tenon.SystemError) as refused:
        tenon.convert(moe, tmp_path / "closed" / "out")
    assert isinstance(refused.value, OSError) and refused.value.errno and refused.value.id.startswith("system-")


def test_no_space_is_an_os_error(moe, tmp_path):
    with pytest.raises(tenon.SystemError) as refused:
        tenon.convert(moe, "/proc/nowhere/out")
    assert isinstance(refused.value, OSError) and refused.value.errno and refused.value.id.startswith("system-")


def test_lint_rules_parity_batch(moe, tmp_path):
    assert len(tenon.rules().models) > 100 and any(f.name == "qkv" for f in tenon.rules().families)
    found = tenon.lint("mixtral")
    assert found.files == 1 and not found.fails
    (tmp_path / "loose.yaml").write_text("tenon: 1\nname: loose\nabout: Of a test.\ntransforms:\n  - WeightRenaming: {source_patterns: ['a.b'], target_patterns: ['c']}\n")
    found = tenon.lint(tmp_path / "loose.yaml", strict=True)
    assert found.fails and found.findings[0].line == 5 and json.loads(found.sarif)["version"] == "2.1.0"
    result = tenon.parity(moe, tokens=4, backend="cpu")
    assert result.holds and len(result.modules) == 2 and all(m.bytes and m.power for m in result.modules)
    tenon.convert(moe, tmp_path / "fused")
    assert tenon.parity(moe, tmp_path / "fused", tokens=4, backend="cpu").holds
    assert "name: mine" in tenon.scaffold(moe, tmp_path / "fused", "mine").rule_file
    (tmp_path / "jobs.yaml").write_text(f"jobs:\n  - {{source: {moe}, destination: made}}\n  - {{source: {moe}/config.json, destination: bad}}\n")
    batch = tenon.batch(tmp_path / "jobs.yaml")
    assert [job.result for job in batch.jobs] == ["done", "failed"] and not batch.holds
    assert [job.result for job in tenon.batch(tmp_path / "jobs.yaml").jobs] == ["done before", "failed"]


def test_signatures_and_documentation_have_every_option():
    import inspect

    parameters = inspect.signature(tenon.convert).parameters
    assert parameters["verify"].default is False and parameters["hash"].default == "xxh3" and "max_shard_size" in parameters
    for function in (tenon.convert, tenon.plan, tenon.diff, tenon.verify, tenon.parity, tenon.lint, tenon.batch, tenon.inspect):
        for name in inspect.signature(function).parameters:
            if name in ("verify", "threads", "strict", "fuse", "max_shard_size"):
                assert f"{name}: " in function.__doc__


def test_version_and_facts():
    assert tenon.__version__ == tenon.build_facts().version
    assert "oneTBB" in tenon.build_facts().parts and "models" in tenon.build_facts().rules


def test_pandas_is_asked_for_by_name(moe):
    try:
        import pandas  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="pandas"):
            tenon.plan(moe).to_pandas()
    else:
        assert len(tenon.plan(moe).to_pandas()) == 21


def test_transformers_is_asked_for_by_name(moe):
    try:
        import torch  # noqa: F401
    except ImportError:
        import tenon.transformers

        with pytest.raises(ImportError, match="torch"):
            tenon.transformers.load(object(), moe)
