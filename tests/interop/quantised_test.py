"""Coded weights against the libraries that define them: what tenon decodes is what transformers decodes, and compressed-tensors decodes what
tenon coded to the numbers that tenon does; bit for bit.

usage: quantised_test.py TENON     (run by a Python that has torch, safetensors, and transformers or compressed-tensors)
"""

import json
import os
import subprocess
import sys
import tempfile

try:
    import torch
    from safetensors.torch import load_file, save_file
except ImportError as missing:
    print(f"SKIPPED: {missing} (TENON_TORCH_PYTHON names a Python that has torch, safetensors, transformers and compressed-tensors)")
    sys.exit(77)

TENON = sys.argv[1]
compared = 0


def tenon(*arguments):
    done = subprocess.run([TENON, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (arguments, done.stderr)


def write(folder, tensors, config):
    os.makedirs(folder)
    save_file(tensors, f"{folder}/model.safetensors", {"format": "pt"})
    with open(f"{folder}/config.json", "w") as file:
        json.dump({"model_type": "of_a_test", "torch_dtype": "bfloat16", **config}, file)


def read(folder):
    out = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".safetensors") and name != "tenon-kept.safetensors":
            out.update(load_file(f"{folder}/{name}"))
    return out


def check_same(key, ours, theirs):
    """NaNs are one; zeros keep their sign."""
    global compared
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, (key, ours.dtype, ours.shape, theirs.dtype, theirs.shape)
    nan = torch.isnan(ours)
    assert torch.equal(nan, torch.isnan(theirs)), key
    a, b = (torch.where(nan, torch.zeros_like(t), t).contiguous().view(torch.int16) for t in (ours, theirs))
    different = int((a != b).sum())
    assert different == 0, f"{key}: {different} of {a.numel()} numbers differ"
    compared += 1


def decode_fp8(folder):
    from transformers.integrations.finegrained_fp8 import Fp8Dequantize

    torch.manual_seed(1)
    tensors, shapes = {}, [(256, 384), (128, 128), (512, 640)]
    for layer, (rows, columns) in enumerate(shapes):
        codes = torch.randint(0, 256, (rows, columns), dtype=torch.uint8)
        codes[(codes & 0x7F) == 0x7F] = 0x7E
        key = f"model.layers.{layer}.mlp.up_proj.weight"
        tensors[key] = codes.view(torch.float8_e4m3fn)
        tensors[key + "_scale_inv"] = torch.rand(rows // 128, columns // 128) * 10.0 ** torch.randint(-6, 2, (rows // 128, columns // 128))
    quantised = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
    write(f"{folder}/fp8", tensors, {"num_hidden_layers": len(shapes), "quantization_config": quantised})
    tenon("convert", f"{folder}/fp8", f"{folder}/fp8-bf16", "--dtype", "bf16")
    ours = read(f"{folder}/fp8-bf16")
    reference = Fp8Dequantize(None)
    for key in [k for k in tensors if k.endswith(".weight")]:
        theirs = reference._dequantize_one(tensors[key], tensors[key + "_scale_inv"], torch.bfloat16)
        check_same(key, ours[key], theirs.to(torch.bfloat16))


def decode_mxfp4(folder):
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    torch.manual_seed(2)
    tensors = {}
    for name, rows, columns in (("gate_up_proj", 192, 96), ("down_proj", 96, 96)):
        key = f"model.layers.0.mlp.experts.{name}"
        tensors[key + "_blocks"] = torch.randint(0, 256, (4, rows, columns // 32, 16), dtype=torch.uint8)
        tensors[key + "_scales"] = torch.randint(1, 250, (4, rows, columns // 32), dtype=torch.uint8)
    write(f"{folder}/mxfp4", tensors, {"num_hidden_layers": 1, "quantization_config": {"quant_method": "mxfp4"}})
    tenon("convert", f"{folder}/mxfp4", f"{folder}/mxfp4-bf16", "--dtype", "bf16")
    ours = read(f"{folder}/mxfp4-bf16")
    for key, mine in ours.items():
        check_same(key, mine, convert_moe_packed_tensors(tensors[key + "_blocks"], tensors[key + "_scales"], dtype=torch.bfloat16))
    assert len(ours) == 2


def code(folder, form):
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationScheme

    torch.manual_seed(3)
    tensors = {}
    for layer in range(2):
        for name, rows, columns in (("up_proj", 256, 384), ("down_proj", 384, 256)):
            weight = torch.randn(rows, columns) * 10.0 ** torch.randint(-4, 2, (rows, 1))
            tensors[f"model.layers.{layer}.mlp.{name}.weight"] = weight.to(torch.bfloat16)
    write(f"{folder}/coded-{form}-source", tensors, {"num_hidden_layers": 2})
    tenon("convert", f"{folder}/coded-{form}-source", f"{folder}/coded-{form}", "--quantize", form, "--one-way")
    tenon("convert", f"{folder}/coded-{form}", f"{folder}/coded-{form}-back", "--to", "original")
    coded, ours = read(f"{folder}/coded-{form}"), read(f"{folder}/coded-{form}-back")
    with open(f"{folder}/coded-{form}/config.json") as file:
        config = json.load(file)["quantization_config"]
    scheme = QuantizationScheme(**config["config_groups"]["group_0"])
    compressor = BaseCompressor.get_value_from_registry(config["format"])
    for key in tensors:
        module = key[: -len("weight")]
        state = {k[len(module) :]: v for k, v in coded.items() if k.startswith(module)}
        assert state, module
        check_same(f"{form}: {key}", ours[key], compressor.decompress(state, scheme)["weight"].to(torch.bfloat16))


def main():
    skipped = []
    with tempfile.TemporaryDirectory() as folder:
        for what, run in (
            ("transformers decodes FP8", lambda: decode_fp8(folder)),
            ("transformers decodes MXFP4", lambda: decode_mxfp4(folder)),
            *((f"compressed-tensors decodes {form}", lambda form=form: code(folder, form)) for form in ("fp8-channel", "mxfp4", "nvfp4", "int4-g128")),
        ):
            try:
                run()
                print(f"the same: {what}")
            except ImportError as missing:
                skipped.append(f"{what}: {missing}")
    for line in skipped:
        print(f"not compared: {line}")
    if compared == 0:
        print("SKIPPED: neither transformers nor compressed-tensors is there (TENON_TORCH_PYTHON names a Python that has them)")
        sys.exit(77)
    print(f"{compared} tensors are equal bit for bit")


main()
