#!/usr/bin/env python3
"""Fusion families, against what each says it does, computed with NumPy alone.

usage: families.py TENON [NAME...]     TENON_RULES: the rule library

A checkpoint as published (two layers, heads of 4), converted with --fuse, compared byte for byte, and taken back.
"""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "field"))
from checkpoint import cat, differences, new, save, stack, zeros  # noqa: E402

HIDDEN, WIDE, EXPERTS, LAYERS = 16, 12, 3, 2


def t(key, *shape):
    return {key: new(key, shape)}


def linear(key, rows, columns, bias=False):
    return t(key + ".weight", rows, columns) | (t(key + ".bias", rows) if bias else {})


def layers(make):
    out = {}
    for i in range(LAYERS):
        out |= make(i)
    return out


def fused(source, sets):
    """sets: [(keys that go, key that comes, how)] by layer."""
    out = dict(source)
    for parts, name, how in sets:
        out[name] = how(*[out.pop(p) for p in parts])
    return out


def rows(*parts):
    return cat(list(parts))


CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def stacks(at, turned, biases=False, cat_name="mlp.experts."):
    a, b = (HIDDEN, 2 * WIDE) if turned else (2 * WIDE, HIDDEN)
    c, d = (WIDE, HIDDEN) if turned else (HIDDEN, WIDE)
    out = t(f"{at}{cat_name}gate_up_proj", EXPERTS, a, b) | t(f"{at}{cat_name}down_proj", EXPERTS, c, d)
    return out | (t(f"{at}{cat_name}gate_up_proj_bias", EXPERTS, 2 * WIDE) | t(f"{at}{cat_name}down_proj_bias", EXPERTS, HIDDEN) if biases else {})


def one_each(source, turned, interleaved=False):
    out = {}
    for key, x in source.items():
        at, _, name = key.rpartition(".")
        kind = "bias" if name.endswith("_bias") else "weight"
        if not name.startswith(("gate_up_proj", "down_proj")) or not at.endswith("experts"):
            out[key] = x
            continue
        for e in range(EXPERTS):
            one = x[e]
            if turned and kind == "weight":
                one = one.turned
            if name.startswith("down"):
                out[f"{at}.{e}.down_proj.{kind}"] = one
                continue
            one = one.view(lambda r: r.reshape(-1, 2, *r.shape[1:]).swapaxes(0, 1).reshape(r.shape)) if interleaved else one
            out[f"{at}.{e}.gate_proj.{kind}"], out[f"{at}.{e}.up_proj.{kind}"] = one[:WIDE], one[WIDE:]
    return out


MOE = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4}


@case
def sequential_experts_of_qwen3_vl_moe():
    source = layers(lambda i: stacks(f"model.language_model.layers.{i}.", True))
    config = {"model_type": "qwen3_vl_moe", "text_config": {**MOE, "num_experts": EXPERTS, "moe_intermediate_size": WIDE}}
    return source, config, "sequential_experts", one_each(source, True)


@case
def sequential_experts_of_llama4():
    source = layers(lambda i: stacks(f"language_model.model.layers.{i}.", True, cat_name="feed_forward.experts."))
    config = {"model_type": "llama4", "text_config": {**MOE, "num_local_experts": EXPERTS, "intermediate_size": WIDE}}
    return source, config, "sequential_experts", one_each(source, True)


@case
def sequential_experts_of_gpt_oss():
    source = layers(lambda i: stacks(f"model.layers.{i}.", True, biases=True))
    return source, {"model_type": "gpt_oss", **MOE, "num_local_experts": EXPERTS, "intermediate_size": WIDE}, "sequential_experts", one_each(source, True, True)


@case
def sequential_experts_as_linears_are():
    source = layers(lambda i: stacks(f"model.layers.{i}.", False))
    return source, {"model_type": "my_moe", **MOE, "num_experts": EXPERTS, "moe_intermediate_size": WIDE}, "sequential_experts", one_each(source, False)


@case
def qkv_gated():
    source = layers(lambda i: linear(f"model.layers.{i}.self_attn.q_proj", 32, HIDDEN) | linear(f"model.layers.{i}.self_attn.k_proj", 8, HIDDEN) | linear(f"model.layers.{i}.self_attn.v_proj", 8, HIDDEN))
    at = "model.layers.{}.self_attn."
    want = fused(source, [([f"{at.format(i)}{n}_proj.weight" for n in "qkv"], at.format(i) + "qkv_proj.weight", rows) for i in range(LAYERS)])
    return source, {"model_type": "my_next", **MOE}, "qkv", want


def named(at, target="qkv"):
    source = layers(lambda i: linear(at.format(i) + "query", HIDDEN, HIDDEN, True) | linear(at.format(i) + "key", HIDDEN, HIDDEN, True) | linear(at.format(i) + "value", HIDDEN, HIDDEN, True))
    sets = [([f"{at.format(i)}{n}.{k}" for n in ("query", "key", "value")], f"{at.format(i)}{target}.{k}", rows) for i in range(LAYERS) for k in ("weight", "bias")]
    return source, fused(source, sets)


@case
def qkv_of_bert():
    source, want = named("bert.encoder.layer.{}.attention.self.")
    return source, {"model_type": "bert", "hidden_size": HIDDEN, "num_attention_heads": 4, "num_hidden_layers": LAYERS}, "qkv", want


@case
def qkv_of_roberta():
    source, want = named("roberta.encoder.layer.{}.attention.self.")
    return source, {"model_type": "roberta", "hidden_size": HIDDEN, "num_attention_heads": 4, "num_hidden_layers": LAYERS}, "qkv", want


@case
def qkv_of_vit():
    source, want = named("encoder.layer.{}.attention.attention.")
    return source, {"model_type": "my_vit", "hidden_size": HIDDEN, "num_attention_heads": 4, "num_hidden_layers": LAYERS}, "qkv", want


@case
def qkv_of_clip():
    source, sets = {}, []
    for tower, width in (("text_model", 16), ("vision_model", 24)):
        for i in range(LAYERS):
            at = f"{tower}.encoder.layers.{i}.self_attn."
            for n in ("q_proj", "k_proj", "v_proj"):
                source |= linear(at + n, width, width, True)
            sets += [([f"{at}{n}_proj.{k}" for n in "qkv"], f"{at}qkv_proj.{k}", rows) for k in ("weight", "bias")]
    config = {"model_type": "clip", "text_config": {"hidden_size": 16, "num_attention_heads": 4}, "vision_config": {"hidden_size": 24, "num_attention_heads": 4}}
    return source, config, "qkv", fused(source, sets)


@case
def qkv_of_whisper():
    at = "model.encoder.layers.{}.self_attn."
    cross = layers(lambda i: linear(f"model.decoder.layers.{i}.encoder_attn.q_proj", HIDDEN, HIDDEN, True) | linear(f"model.decoder.layers.{i}.encoder_attn.k_proj", HIDDEN, HIDDEN))
    source = layers(lambda i: linear(at.format(i) + "q_proj", HIDDEN, HIDDEN, True) | linear(at.format(i) + "k_proj", HIDDEN, HIDDEN) | linear(at.format(i) + "v_proj", HIDDEN, HIDDEN, True)) | cross
    sets = [([f"{at.format(i)}{n}_proj.weight" for n in "qkv"], at.format(i) + "qkv_proj.weight", rows) for i in range(LAYERS)]
    sets += [([f"{at.format(i)}{n}_proj.bias" for n in "qv"], at.format(i) + "qkv_proj.bias", lambda q, v: rows(q, zeros((HIDDEN,)), v)) for i in range(LAYERS)]
    return source, {"model_type": "whisper", "d_model": HIDDEN}, "qkv", fused(source, sets)


def dense(kv=8, bias=False):
    at = "model.layers.{}."
    return layers(
        lambda i: linear(at.format(i) + "self_attn.q_proj", 16, HIDDEN, bias)
        | linear(at.format(i) + "self_attn.k_proj", kv, HIDDEN, bias)
        | linear(at.format(i) + "self_attn.v_proj", kv, HIDDEN, bias)
        | linear(at.format(i) + "mlp.gate_proj", WIDE, HIDDEN)
        | linear(at.format(i) + "mlp.up_proj", WIDE, HIDDEN)
        | linear(at.format(i) + "mlp.down_proj", HIDDEN, WIDE)
        | t(at.format(i) + "post_attention_layernorm.weight", HIDDEN)
    )


def dealt(parts, groups):
    sizes = [p.shape[0] // groups for p in parts]
    return cat([p[g * n : (g + 1) * n] for g in range(groups) for p, n in zip(parts, sizes, strict=True)])


@case
def megatron_qkv():
    source, at = dense(bias=True), "model.layers.{}.self_attn."
    sets = [([f"{at.format(i)}{n}_proj.{k}" for n in "qkv"], f"{at.format(i)}linear_qkv.{k}", lambda *p: dealt(p, 2)) for i in range(LAYERS) for k in ("weight", "bias")]
    return source, {"model_type": "my_dense", **MOE}, "megatron_qkv", fused(source, sets)


@case
def neox_qkv():
    source, at = dense(kv=16, bias=True), "model.layers.{}.self_attn."
    sets = [([f"{at.format(i)}{n}_proj.{k}" for n in "qkv"], f"{at.format(i)}query_key_value.{k}", lambda *p: dealt(p, 4)) for i in range(LAYERS) for k in ("weight", "bias")]
    return source, {"model_type": "my_dense", **MOE, "num_key_value_heads": 4}, "neox_qkv", fused(source, sets)


@case
def norm_mlp():
    source = dense()
    want = {k.replace("post_attention_layernorm.weight", "mlp.norm_weight"): x for k, x in source.items()}
    return source, {"model_type": "my_dense", **MOE, "rms_norm_eps": 1e-6, "hidden_act": "silu"}, "norm_mlp", want


@case
def modules_by_name():
    source = dense()
    want = {k.replace(".post_attention_layernorm.", ".mlp.post_attention_layernorm."): x for k, x in source.items()}
    return source, {"model_type": "my_dense", **MOE}, "NormMLP@2=model.layers.*.post_attention_layernorm,model.layers.*.mlp", want


@case
def modules_by_name_first_owns():
    source = dense()
    want = {k.replace(".mlp.", ".post_attention_layernorm.mlp."): x for k, x in source.items()}
    return source, {"model_type": "my_dense", **MOE}, "NormMLP=**.layers.*.post_attention_layernorm,**.layers.*.mlp", want


def vllm(kind, names, block):
    at = "model.layers.{}."
    gate, up, down = names
    source = layers(lambda i: linear(at.format(i) + "self_attn.q_proj", 16, HIDDEN) | linear(at.format(i) + "self_attn.k_proj", 8, HIDDEN) | linear(at.format(i) + "self_attn.v_proj", 8, HIDDEN))
    for i in range(LAYERS):
        for e in range(EXPERTS):
            m = f"{at.format(i)}{block}.experts.{e}."
            source |= linear(m + gate, WIDE, HIDDEN) | linear(m + up, WIDE, HIDDEN) | linear(m + down, HIDDEN, WIDE)
    want = fused(source, [([f"{at.format(i)}self_attn.{n}_proj.weight" for n in "qkv"], at.format(i) + "self_attn.qkv_proj.weight", rows) for i in range(LAYERS)])
    for i in range(LAYERS):
        m = f"{at.format(i)}{block}.experts."
        both = [rows(want.pop(f"{m}{e}.{gate}.weight"), want.pop(f"{m}{e}.{up}.weight")) for e in range(EXPERTS)]
        out = "mlp" if kind == "mixtral" else block
        want[f"{at.format(i)}{out}.experts.w13_weight"] = stack(both)
        want[f"{at.format(i)}{out}.experts.w2_weight"] = stack([want.pop(f"{m}{e}.{down}.weight") for e in range(EXPERTS)])
    return source, {"model_type": kind, **MOE, "num_experts": EXPERTS, "num_local_experts": EXPERTS}, "vllm", want


@case
def vllm_of_qwen3_moe():
    return vllm("qwen3_moe", ("gate_proj", "up_proj", "down_proj"), "mlp")


@case
def vllm_of_dense():
    source, at = dense(), "model.layers.{}."
    sets = [([f"{at.format(i)}self_attn.{n}_proj.weight" for n in "qkv"], at.format(i) + "self_attn.qkv_proj.weight", rows) for i in range(LAYERS)]
    sets += [([f"{at.format(i)}mlp.{n}_proj.weight" for n in ("gate", "up")], at.format(i) + "mlp.gate_up_proj.weight", rows) for i in range(LAYERS)]
    return source, {"model_type": "my_dense", **MOE}, "vllm", fused(source, sets)


def run(tenon, *args):
    p = subprocess.run([tenon, *args], capture_output=True, text=True, errors="replace")
    return [] if p.returncode == 0 else [f"{args[0]} ends with {p.returncode}: {p.stderr.strip()[:900]}"]


def main():
    tenon, wrong = sys.argv[1], 0
    names = sys.argv[2:] or list(CASES)
    for name in names:
        source, config, family, want = CASES[name]()
        with tempfile.TemporaryDirectory() as folder:
            at = lambda *parts: os.path.join(folder, *parts)  # noqa: E731
            save(at("src", "model.safetensors"), source)
            save(at("want", "model.safetensors"), want)
            with open(at("src", "config.json"), "w") as out:
                json.dump(config, out)
            found = run(tenon, "convert", at("src"), at("dst"), "--fuse", family) or differences(at("dst"), at("want"))
            found = found or run(tenon, "convert", at("dst"), at("back"), "--to", "original") or differences(at("back"), at("src"))
        wrong += bool(found)
        for line in found[:3]:
            print(f"{name}: {line}")
    print(f"{len(names) - wrong} of {len(names)} as wanted")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
