#!/usr/bin/env python3
"""Adapters through the rules of their base, against products computed with NumPy in FP64.

usage: adapters.py TENON [NAME...]

For each architecture: a base with random weights, an adapter with random pairs, and the dense change s * B A of every weight, as a checkpoint. All
three are converted by the same rules. What the converted adapter means, read as PEFT reads it, has to be the converted change, element by element:
entries are small whole numbers, so that FP64 has no rounding and the largest difference has to be 0. Then the adapter is taken back, with its bytes,
and merged into its base, which has to be base and change added in FP32 and rounded once.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "field"))
from checkpoint import load_file, save, T  # noqa: E402

PREFIX = "base_model.model."
RANDOM = np.random.default_rng(7)
HIDDEN, WIDE, VOCABULARY = 32, 24, 40


def numbers(*shape, dtype="F32"):
    return T(dtype, RANDOM.integers(-3, 4, shape).astype({"F32": np.float32, "F64": np.float64}[dtype]).view({"F32": np.uint32, "F64": np.uint64}[dtype]))


def value(t):
    return t.raw.view({4: np.float32, 8: np.float64}[t.raw.dtype.itemsize]).astype(np.float64)


def f64(x):
    return T("F64", np.ascontiguousarray(x, np.float64).view(np.uint64))


# ---- architectures: {key: shape} of the base, config.json, how it is converted, which modules have pairs ---------------------------------------


def dense(at="model.layers.{}.", attention="self_attn.", kv=16, layers=2, mlp=True):
    out = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), "model.norm.weight": (HIDDEN,), "lm_head.weight": (VOCABULARY, HIDDEN)}
    for i in range(layers):
        for name, rows in (("q", HIDDEN), ("k", kv), ("v", kv), ("o", HIDDEN)):
            out[f"{at.format(i)}{attention}{name}_proj.weight"] = (rows, HIDDEN)
        if mlp:
            out |= {f"{at.format(i)}mlp.{n}_proj.weight": s for n, s in (("gate", (WIDE, HIDDEN)), ("up", (WIDE, HIDDEN)), ("down", (HIDDEN, WIDE)))}
        out |= {f"{at.format(i)}{n}_layernorm.weight": (HIDDEN,) for n in ("input", "post_attention")}
    return out


def mixture(names=("gate_proj", "up_proj", "down_proj"), block="mlp.", count=4):
    out = dense(mlp=False)
    for i in range(2):
        out[f"model.layers.{i}.{block}gate.weight"] = (count, HIDDEN)
        for e in range(count):
            for name in names:
                out[f"model.layers.{i}.{block}experts.{e}.{name}.weight"] = (HIDDEN, WIDE) if name in ("down_proj", "w2") else (WIDE, HIDDEN)
    return out


TEXT = {"hidden_size": HIDDEN, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "num_hidden_layers": 2, "vocab_size": VOCABULARY, "intermediate_size": WIDE, "moe_intermediate_size": WIDE}


def settings(kind, **more):
    return {"model_type": kind, **TEXT, **more}


RULES = {
    "rope": """
  - WeightConverter: {source_patterns: 'self_attn\\.q_proj\\.weight$', target_patterns: self_attn.q_proj.weight, operations: [PermuteForRope: {heads: 4}]}
  - WeightConverter: {source_patterns: 'self_attn\\.k_proj\\.weight$', target_patterns: self_attn.key.weight, operations: [PermuteForRope: {heads: 2}]}
""",
    "turned": """
  - WeightConverter: {source_patterns: 'mlp\\.down_proj\\.weight$', target_patterns: mlp.down.weight, operations: [Transpose: {dim0: 0, dim1: 1}]}
  - WeightConverter: {source_patterns: ['mlp\\.gate_proj\\.weight$', 'mlp\\.up_proj\\.weight$'], target_patterns: mlp.both.weight, operations: [Concatenate: {dim: 0}, Transpose: {dim0: 0, dim1: 1}]}
""",
    "columns": """
  - WeightConverter: {source_patterns: ['self_attn\\.q_proj\\.weight$', 'mlp\\.gate_proj\\.weight$', 'mlp\\.up_proj\\.weight$'], target_patterns: wide.weight, operations: [Concatenate: {dim: 0, sizes: [32, 24, 24]}, Interleave: {dim: 1}]}
  - WeightConverter: {source_patterns: ['self_attn\\.o_proj\\.weight$', 'mlp\\.down_proj\\.weight$'], target_patterns: deep.weight, operations: [Concatenate: {dim: 1, sizes: [32, 24]}]}
""",
    "stacked": """
  - WeightConverter:
      source_patterns: ['mlp\\.experts\\.*.gate_proj\\.weight$', 'mlp\\.experts\\.*.up_proj\\.weight$']
      target_patterns: mlp.experts.gate_up_proj
      operations: [MergeModulelist: {dim: 0}, Concatenate: {dim: 1}, Interleave: {dim: 1, inverse: true}, Transpose: {dim0: 1, dim1: 2}]
  - WeightConverter:
      source_patterns: 'mlp\\.experts\\.*.down_proj\\.weight$'
      target_patterns: mlp.experts.down_proj
      operations: [MergeModulelist: {dim: 0}, Transpose: {dim0: 1, dim1: 2}]
""",
}


def projections(key):
    return re.search(r"(q|k|v|o|gate|up|down)_proj\.weight$", key)


ARCHITECTURES = {
    # name: (base, config, arguments, rules, which weights have pairs, more of adapter_config.json)
    "llama": (dense(), settings("llama"), "--fuse qkv --fuse gate_up", None, projections, {}),
    "mistral": (dense(kv=16), settings("mistral"), "--fuse qkv", None, lambda k: re.search(r"[qv]_proj\.weight$", k), {}),  # no pair for k
    "qwen2": (dense(), settings("qwen2"), "--fuse gate_up", None, lambda k: "layers.1." in k and projections(k), {}),  # one layer
    "qwen3_moe": (mixture(), settings("qwen3_moe", num_experts=4), "", None, projections, {}),
    "mixtral": (mixture(("w1", "w2", "w3"), "block_sparse_moe."), settings("mixtral", num_local_experts=4), "", None, lambda k: re.search(r"(w[123]|q_proj)\.weight$", k), {}),
    "olmoe": (mixture(), settings("olmoe", num_experts=4), "", None, lambda k: re.search(r"experts\.[02]\.(gate|up|down)_proj", k), {}),  # two of four experts
    "llava": ({k.replace("model.", "language_model.model.", 1) if k.startswith("model.") else "language_model." + k: s for k, s in dense().items()}, {"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"], "text_config": settings("llama"), "vision_config": {"model_type": "clip_vision_model"}}, "", None, projections, {}),
    "rope": (dense(), settings("my_rope"), "", "rope", projections, {"use_rslora": True}),
    "turned": (dense(), settings("my_turned"), "", "turned", projections, {}),
    "columns": (dense(), settings("my_columns"), "", "columns", projections, {}),
    "stacked": (mixture(), settings("my_stacked", num_experts=4), "", "stacked", projections, {}),
    "megatron": (dense(), settings("llama"), "--fuse megatron_qkv", None, projections, {}),
}


# ---- an adapter, and what it means ---------------------------------------------------------------------------------------------------------------


def pairs_of(base, chosen):
    """module: (A, B, rank). Down projections have twice the rank, by rank_pattern."""
    out = {}
    for key, shape in base.items():
        if len(shape) == 2 and chosen(key):
            rank = 4 if re.search(r"(down_proj|w2)\.weight$", key) else 2
            out[key.removesuffix(".weight")] = (numbers(rank, shape[1]), numbers(shape[0], rank), rank)
    return out


def adapter_config(pairs, more):
    names = sorted({m.rpartition(".")[2] for m in pairs})
    big = sorted({m.rpartition(".")[2] for m, (_, _, rank) in pairs.items() if rank == 4})
    return {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": names, "rank_pattern": {n: 4 for n in big}, "alpha_pattern": {n: 8 if not more.get("use_rslora") else 2**0.5 * 4 for n in big}, **more}


def matched(pattern, name, otherwise):
    for key, v in (pattern or {}).items():
        if re.match(rf"(.*\.)?({key})$", name):
            return v
    return otherwise


def scale_of(config, name, rank):
    alpha = matched(config.get("alpha_pattern"), name, config["lora_alpha"])
    return alpha / (rank**0.5 if config.get("use_rslora") else rank)


def means(folder, wanted):
    """{base key: s * B A} of an adapter as PEFT reads it. `wanted`: shapes of the base's tensors."""
    config = json.load(open(os.path.join(folder, "adapter_config.json")))
    tensors = {k: np.frombuffer(b, np.float32).astype(np.float64).reshape(s) for k, (_, s, b) in load_file(os.path.join(folder, "adapter_model.safetensors")).items()}
    out = {}
    for key, a in tensors.items():
        if ".lora_A." not in key:
            continue
        stem = key[: key.index(".lora_A.")]
        b, module = tensors[stem + ".lora_B.weight"], stem.removeprefix(PREFIX)
        owner = module
        while owner.endswith(".base_layer"):
            owner = owner.removesuffix(".base_layer")
        parameters = [p for p in wanted if p.rpartition(".")[0] == owner and not p.endswith(".weight") and any(p.endswith(t) for t in config.get("target_parameters") or [])]
        if parameters:
            depth = module.count(".base_layer")
            key = sorted(parameters, key=lambda p: "down" in p, reverse=True)[depth]
            rank = matched(config.get("rank_pattern"), key, config["r"])
            experts = a.shape[0] // rank
            left, right = b.reshape(b.shape[0], rank, experts), a.reshape(experts, rank, -1)
            delta = np.einsum("ore,eri->eoi", left, right) * scale_of(config, key, rank)
            out[key] = delta if delta.shape == wanted[key] else delta.swapaxes(1, 2)
        else:
            assert any(module.endswith("." + t) or module == t for t in config["target_modules"]), module
            assert matched(config.get("rank_pattern"), module, config["r"]) == a.shape[0], module
            out[module + ".weight"] = b @ a * scale_of(config, module, a.shape[0])
    return out


def run(tenon, *args):
    p = subprocess.run([tenon, *args], capture_output=True, text=True, errors="replace")
    if p.returncode:
        raise RuntimeError(f"{' '.join(args[:1])} ends with {p.returncode}: {p.stderr.strip()[:700]}")


def f32_sum(base, delta, rank_major):
    return (base + delta).astype(np.float32)


def try_one(tenon, name):
    base, config, args, rules, chosen, more = ARCHITECTURES[name]
    args = args.split()
    with tempfile.TemporaryDirectory() as folder:
        at = lambda *parts: os.path.join(folder, *parts)  # noqa: E731
        if rules:
            with open(at("own.yaml"), "w") as out:
                out.write(f"tenon: 1\nname: own\nabout: Rules of this case.\ntransforms:{RULES[rules]}")
            args += ["--rules", at("own.yaml")]
        weights = {k: numbers(*s) for k, s in base.items()}
        pairs = pairs_of(base, chosen)
        settings_of_adapter = adapter_config(pairs, more)
        delta = {k: f64(np.zeros(s)) for k, s in base.items()}
        tensors = {}
        for module, (a, b, rank) in pairs.items():
            tensors |= {f"{PREFIX}{module}.lora_A.weight": a, f"{PREFIX}{module}.lora_B.weight": b}
            delta[module + ".weight"] = f64(value(b) @ value(a) * scale_of(settings_of_adapter, module, rank))
        save(at("base", "model.safetensors"), weights)
        save(at("delta", "model.safetensors"), delta)
        save(at("lora", "adapter_model.safetensors"), tensors)
        for where, document in (("base/config.json", config), ("delta/config.json", config), ("lora/adapter_config.json", settings_of_adapter)):
            with open(at(where), "w") as out:
                json.dump(document, out)
        run(tenon, "convert", at("base"), at("base2"), *args)
        run(tenon, "convert", at("delta"), at("delta2"), *args)
        run(tenon, "convert", at("lora"), at("lora2"), *args, "--base", at("base"))
        want = {k: np.frombuffer(b, np.float64).reshape(s) for k, (_, s, b) in load_file(at("delta2", "model.safetensors")).items()}
        found = means(at("lora2"), {k: v.shape for k, v in want.items()})
        worst = 0.0
        for key, d in want.items():
            worst = max(worst, float(np.abs(d - found.pop(key, 0)).max()))
        assert not found, f"changes what the rules do not make: {sorted(found)[:3]}"
        run(tenon, "convert", at("lora2"), at("lora3"), "--to", "original")
        for file in ("adapter_model.safetensors", "adapter_config.json"):
            assert open(at("lora", file), "rb").read() == open(at("lora3", file), "rb").read(), f"{file} does not come back"
        # by the base alone: parts of equal rank
        run(tenon, "verify", at("lora2"), "--against", at("lora"))
        run(tenon, "merge", at("base2"), at("lora2"), at("merged"))
        merged = load_file(at("merged", "model.safetensors"))
        for key, (_, shape, data) in load_file(at("base2", "model.safetensors")).items():
            w = np.frombuffer(data, np.float32).reshape(shape)
            exact = w.astype(np.float64) + want[key]
            got = np.frombuffer(merged[key][2], np.float32).reshape(shape)
            assert np.array_equal(got, exact.astype(np.float32)) or more, f"merged {key}"
        return worst


def main():
    tenon, names = sys.argv[1], sys.argv[2:] or list(ARCHITECTURES)
    wrong = 0
    for name in names:
        try:
            worst = try_one(tenon, name)
            print(f"{name}: max |difference| {worst:g}")
            wrong += worst > (1e-14 if name == "rope" else 0)
        except (RuntimeError, AssertionError) as error:
            print(f"{name}: {error}")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
