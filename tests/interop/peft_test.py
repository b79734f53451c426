#!/usr/bin/env python3
"""PEFT itself loads converted adapters, and what it computes with them is what the original adapter computes.

usage: peft_test.py TENON      (exit status 77, with a message, where torch or peft is absent)

For the architectures of tests/golden/adapters.py. The original adapter is loaded by PEFT onto the original base, merged there by PEFT, and the dense
result converted by tenon: that is what has to come out. The converted adapter is loaded by PEFT onto the converted base. Compared are the outputs of
every module with the adapter beside the weights, and the weights after PEFT has merged it. Weights are small whole numbers and FP64, so that the
order of sums does not matter and the difference has to be 0.
"""

import json
import os
import sys
import tempfile
import warnings

try:
    import torch
    from peft import PeftModel
    from torch import nn
except ImportError as missing:
    print(f"SKIPPED: {missing}; pip install peft torch")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "golden"))
sys.path.insert(0, os.path.join(HERE, "..", "field"))
import numpy as np  # noqa: E402
from adapters import ARCHITECTURES, PREFIX, RULES, adapter_config, f64, numbers, pairs_of, run  # noqa: E402
from checkpoint import load_file, save  # noqa: E402

warnings.filterwarnings("ignore")


class Node(nn.Module):
    """A module that holds others, and parameters that are no module's weight; it applies those to its input."""

    def forward(self, x):
        out = []
        for name in getattr(self, "named", ()):  # under PEFT they are parametrised, and no parameters of this module
            p = getattr(self, name)
            fits = p.shape[-1] == x.shape[-1]
            out.append(torch.einsum("eoi,i->eo" if fits else "eio,i->eo", p, x[: p.shape[-1 if fits else -2]]))
        return out


def model_of(tensors):
    """A tree of modules with these weights: nn.Linear for `weight`s of two dimensions, parameters for others."""
    root = Node()
    # PEFT wraps a module's parameters in the order in which the model declares them: gate_up_proj before down_proj
    for key, t in sorted(tensors.items(), key=lambda item: "down" in item[0]):
        *path, last = key.split(".")
        if last == "weight" and t.dim() == 2:
            linear = nn.Linear(t.shape[1], t.shape[0], bias=False, dtype=torch.float64)
            linear.weight = nn.Parameter(t.clone())
            path, last, value = path[:-1], path[-1], linear
        else:
            value = nn.Parameter(t.clone())
        at = root
        for part in path:
            if not hasattr(at, part):
                at.add_module(part, Node())
            at = getattr(at, part)
        if isinstance(value, nn.Module):
            at.add_module(last, value)
        else:
            at.register_parameter(last, value)
            at.named = [*getattr(at, "named", ()), last]
    # gpt-oss and Llama 4 say so of experts [experts, in, out]
    for name, module in root.named_modules():
        down = getattr(module, "down_proj", None)
        if isinstance(down, nn.Parameter) and down.shape[1] < down.shape[2]:
            module.is_transposed = True
    return root


def load(folder, file="model.safetensors"):
    kinds = {"F32": np.float32, "F64": np.float64}
    tensors = load_file(os.path.join(folder, file))
    return {k: torch.from_numpy(np.frombuffer(b, kinds[d]).reshape(s).astype(np.float64)) for k, (d, s, b) in tensors.items()}


def with_adapter(tensors, folder):
    return PeftModel.from_pretrained(model_of(tensors), folder, torch_device="cpu", autocast_adapter_dtype=False).double()


def merged(model):
    return {k: v.detach().numpy() for k, v in model.merge_and_unload().state_dict().items()}


def outputs(model):
    """What every leaf computes of whole numbers."""
    out = {}
    for name, module in model.base_model.model.named_modules():
        name = name.replace(".base_layer", "")
        if hasattr(module, "lora_A") and ".lora_" not in name and name not in out:
            width = module.in_features
            x = torch.arange(64, dtype=torch.float64)[:width] % 5 - 2
            y = module(torch.cat([x, torch.zeros(64 - width)]) if hasattr(module, "parameter_name") else x)
            out[name] = y if isinstance(y, list) else [y]
    return out


def try_one(tenon, name):
    base, config, args, rules, chosen, more = ARCHITECTURES[name]
    args = args.split()
    with tempfile.TemporaryDirectory() as folder:
        at = lambda *parts: os.path.join(folder, *parts)  # noqa: E731
        if rules:
            with open(at("own.yaml"), "w") as out:
                out.write(f"tenon: 1\nname: own\nabout: Rules of this case.\ntransforms:{RULES[rules]}")
            args += ["--rules", at("own.yaml")]
        save(at("base", "model.safetensors"), {k: numbers(*s) for k, s in base.items()})
        pairs = pairs_of(base, chosen)
        tensors = {}
        for module, (a, b, _) in pairs.items():
            tensors |= {f"{PREFIX}{module}.lora_A.weight": a, f"{PREFIX}{module}.lora_B.weight": b}
        save(at("lora", "adapter_model.safetensors"), tensors)
        for where, document in (("base/config.json", config), ("lora/adapter_config.json", adapter_config(pairs, more))):
            with open(at(where), "w") as out:
                json.dump(document, out)
        run(tenon, "convert", at("base"), at("base2"), *args)
        run(tenon, "convert", at("lora"), at("lora2"), *args, "--base", at("base"))
        dense = merged(with_adapter(load(at("base")), at("lora")))
        save(at("dense", "model.safetensors"), {k: f64(v) for k, v in dense.items()})
        with open(at("dense", "config.json"), "w") as out:
            json.dump(config, out)
        run(tenon, "convert", at("dense"), at("dense2"), *args)
        want = load(at("dense2"))
        model = with_adapter(load(at("base2")), at("lora2"))
        reference = model_of(want)
        worst, count = 0.0, 0
        for module, ys in outputs(model).items():
            width_module = reference.get_submodule(module)
            x = torch.arange(64, dtype=torch.float64) % 5 - 2
            if isinstance(width_module, nn.Linear):
                right = [width_module(x[: width_module.in_features])]
            else:
                inner = model.base_model.model.get_submodule(module)
                z = torch.cat([x[: inner.in_features], torch.zeros(64 - inner.in_features, dtype=torch.float64)])
                right = width_module(z)
            for y, r in zip(ys, right, strict=True):
                worst, count = max(worst, float((y - r).abs().max())), count + 1
        for key, w in merged(model).items():
            worst = max(worst, float(np.abs(w - want[key].numpy()).max()))
        return worst, count


def main():
    import peft

    tenon, wrong = sys.argv[1], 0
    print(f"peft {peft.__version__}, torch {torch.__version__}")
    for name in sys.argv[2:] or ARCHITECTURES:
        try:
            worst, count = try_one(tenon, name)
            print(f"{name}: {count} modules, max |difference| {worst:g}")
            wrong += worst > (1e-12 if ARCHITECTURES[name][5] else 0) or count == 0
        except (RuntimeError, AssertionError, ValueError) as error:
            print(f"{name}: {str(error)[:600]}")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
