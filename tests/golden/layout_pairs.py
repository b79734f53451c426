#!/usr/bin/env python3
"""rules/layouts, against what each of its public sources says, written out once more with NumPy alone.

usage: layout_pairs.py TENON [NAME...]     TENON_RULES: the rule library

A checkpoint has its publisher's names, number of heads and groups; two layers, and heads of 4. Tenon's result is compared byte for byte
with the one computed here, and the way back with the source.
"""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "field"))
from checkpoint import cat, differences, new, save, stack  # noqa: E402

LAYERS, VOCABULARY = 2, 24

# model: query heads, key-value heads, width of a head, hidden size; from config.json of the model named
SHAPES = {
    "llama": (32, 8, 4, 128),  # meta-llama/Llama-3.2-1B
    "mistral": (32, 8, 4, 128),  # mistralai/Mistral-7B-v0.3
    "qwen2": (14, 2, 4, 56),  # Qwen/Qwen2-0.5B
    "qwen3": (16, 8, 8, 64),  # Qwen/Qwen3-0.6B: heads wider than hidden / heads
    "qwen3_moe": (32, 4, 4, 64),  # Qwen/Qwen3-30B-A3B: likewise
    "gemma3": (4, 1, 16, 72),  # google/gemma-3-1b-pt
    "phi3": (32, 32, 4, 128),  # microsoft/Phi-3-mini-4k-instruct
    "gpt_neox": (8, 8, 4, 32),  # EleutherAI/pythia-160m has 12 of 64
    "falcon": (71, 1, 4, 284),  # tiiuae/falcon-7b: one key and value for all
    "bloom": (16, 16, 4, 64),  # bigscience/bloom-560m
    "starcoder2": (24, 2, 4, 96),  # bigcode/starcoder2-3b
    "internlm2": (16, 8, 4, 64),  # internlm/internlm2-1_8b
}
MLP, EXPERTS = 40, 3


def config(model):
    heads, groups, width, hidden = SHAPES[model]
    out = {"num_attention_heads": heads, "num_key_value_heads": groups, "hidden_size": hidden, "num_hidden_layers": LAYERS, "intermediate_size": MLP}
    if width * heads != hidden:
        out["head_dim"] = width
    if model == "qwen3_moe":
        out["num_experts"] = EXPERTS
    if model == "falcon":  # as falcon-7b has it: one group, whatever num_kv_heads says
        del out["num_key_value_heads"]
        out |= {"new_decoder_architecture": False, "multi_query": True, "num_kv_heads": heads}
    return out


def t(key, *shape):
    return {key: new(key, shape)}


def linear(key, rows, columns, bias=False):
    return t(key + ".weight", rows, columns) | (t(key + ".bias", rows) if bias else {})


# ---- as published --------------------------------------------------------------------------------------------------------------------------


def llama_like(model, bias=False, qk=False, norms=("input_layernorm", "post_attention_layernorm"), mlp=True):
    heads, groups, width, hidden = SHAPES[model]
    out = t("model.embed_tokens.weight", VOCABULARY, hidden) | t("model.norm.weight", hidden) | t("lm_head.weight", VOCABULARY, hidden)
    for i in range(LAYERS):
        at = f"model.layers.{i}."
        for name, rows in (("q", heads), ("k", groups), ("v", groups)):
            out |= linear(f"{at}self_attn.{name}_proj", rows * width, hidden, bias)
        out |= linear(at + "self_attn.o_proj", hidden, heads * width)
        for norm in norms:
            out |= t(f"{at}{norm}.weight", hidden)
        if qk:
            out |= t(at + "self_attn.q_norm.weight", width) | t(at + "self_attn.k_norm.weight", width)
        if mlp:
            out |= linear(at + "mlp.gate_proj", MLP, hidden) | linear(at + "mlp.up_proj", MLP, hidden) | linear(at + "mlp.down_proj", hidden, MLP)
    return out


def phi3():
    heads, groups, width, hidden = SHAPES["phi3"]
    out = t("model.embed_tokens.weight", VOCABULARY, hidden) | t("model.norm.weight", hidden) | t("lm_head.weight", VOCABULARY, hidden)
    for i in range(LAYERS):
        at = f"model.layers.{i}."
        out |= linear(at + "self_attn.qkv_proj", (heads + 2 * groups) * width, hidden) | linear(at + "self_attn.o_proj", hidden, heads * width)
        out |= linear(at + "mlp.gate_up_proj", 2 * MLP, hidden) | linear(at + "mlp.down_proj", hidden, MLP)
        out |= t(at + "input_layernorm.weight", hidden) | t(at + "post_attention_layernorm.weight", hidden)
    return out


def starcoder2():
    hidden = SHAPES["starcoder2"][3]
    out = llama_like("starcoder2", bias=True, mlp=False)
    out.pop("lm_head.weight")  # tied
    out |= t("model.norm.bias", hidden)
    for i in range(LAYERS):
        at = f"model.layers.{i}."
        out |= t(at + "self_attn.o_proj.bias", hidden) | linear(at + "mlp.c_fc", MLP, hidden, True) | linear(at + "mlp.c_proj", hidden, MLP, True)
        out |= t(at + "input_layernorm.bias", hidden) | t(at + "post_attention_layernorm.bias", hidden)
    return out


def gpt_neox():
    heads, _, width, hidden = SHAPES["gpt_neox"]
    out = t("gpt_neox.embed_in.weight", VOCABULARY, hidden) | linear("gpt_neox.final_layer_norm", hidden, 1) | t("embed_out.weight", VOCABULARY, hidden)
    out["gpt_neox.final_layer_norm.weight"] = new("final", (hidden,))
    out |= t("gpt_neox.final_layer_norm.bias", hidden)
    for i in range(LAYERS):
        at = f"gpt_neox.layers.{i}."
        out |= linear(at + "attention.query_key_value", 3 * heads * width, hidden, True) | linear(at + "attention.dense", hidden, hidden, True)
        out |= linear(at + "mlp.dense_h_to_4h", MLP, hidden, True) | linear(at + "mlp.dense_4h_to_h", hidden, MLP, True)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            out |= t(f"{at}{norm}.weight", hidden) | t(f"{at}{norm}.bias", hidden)
    return out


def falcon():
    heads, groups, width, hidden = SHAPES["falcon"]
    out = t("transformer.word_embeddings.weight", VOCABULARY, hidden) | t("lm_head.weight", VOCABULARY, hidden)
    out |= t("transformer.ln_f.weight", hidden) | t("transformer.ln_f.bias", hidden)
    for i in range(LAYERS):
        at = f"transformer.h.{i}."
        out |= linear(at + "self_attention.query_key_value", (heads + 2 * groups) * width, hidden) | linear(at + "self_attention.dense", hidden, hidden)
        out |= linear(at + "mlp.dense_h_to_4h", MLP, hidden) | linear(at + "mlp.dense_4h_to_h", hidden, MLP)
        out |= t(at + "input_layernorm.weight", hidden) | t(at + "input_layernorm.bias", hidden)
    return out


def bloom():
    heads, _, width, hidden = SHAPES["bloom"]
    out = t("word_embeddings.weight", VOCABULARY, hidden)
    for norm in ("word_embeddings_layernorm", "ln_f"):
        out |= t(norm + ".weight", hidden) | t(norm + ".bias", hidden)
    for i in range(LAYERS):
        at = f"h.{i}."
        out |= linear(at + "self_attention.query_key_value", 3 * heads * width, hidden, True) | linear(at + "self_attention.dense", hidden, hidden, True)
        out |= linear(at + "mlp.dense_h_to_4h", MLP, hidden, True) | linear(at + "mlp.dense_4h_to_h", hidden, MLP, True)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            out |= t(f"{at}{norm}.weight", hidden) | t(f"{at}{norm}.bias", hidden)
    return out


def internlm2():
    heads, groups, width, hidden = SHAPES["internlm2"]
    out = t("model.tok_embeddings.weight", VOCABULARY, hidden) | t("model.norm.weight", hidden) | t("output.weight", VOCABULARY, hidden)
    for i in range(LAYERS):
        at = f"model.layers.{i}."
        out |= linear(at + "attention.wqkv", (heads + 2 * groups) * width, hidden) | linear(at + "attention.wo", hidden, heads * width)
        out |= linear(at + "feed_forward.w1", MLP, hidden) | linear(at + "feed_forward.w3", MLP, hidden) | linear(at + "feed_forward.w2", hidden, MLP)
        out |= t(at + "attention_norm.weight", hidden) | t(at + "ffn_norm.weight", hidden)
    return out


def meta(model):
    heads, groups, width, hidden = SHAPES[model]
    out = t("tok_embeddings.weight", VOCABULARY, hidden) | t("norm.weight", hidden) | t("output.weight", VOCABULARY, hidden)
    for i in range(LAYERS):
        at = f"layers.{i}."
        for name, rows in (("wq", heads), ("wk", groups), ("wv", groups)):
            out |= linear(f"{at}attention.{name}", rows * width, hidden)
        out |= linear(at + "attention.wo", hidden, heads * width)
        out |= linear(at + "feed_forward.w1", MLP, hidden) | linear(at + "feed_forward.w2", hidden, MLP) | linear(at + "feed_forward.w3", MLP, hidden)
        out |= t(at + "attention_norm.weight", hidden) | t(at + "ffn_norm.weight", hidden)
    return out


# ---- what becomes of them ------------------------------------------------------------------------------------------------------------------


def by_group(model, q, k, v):
    """Megatron's linear_qkv: for each key-value head its queries, its key, its value."""
    heads, groups, width, _ = SHAPES[model]
    per = heads // groups * width
    return cat([x for g in range(groups) for x in (q[g * per : (g + 1) * per], k[g * width : (g + 1) * width], v[g * width : (g + 1) * width])])


def apart(model, joined):
    heads, groups, width, _ = SHAPES[model]
    a, b = heads * width, (heads + groups) * width
    return joined[:a], joined[a:b], joined[b:]


def not_by_group(model, x):
    """[groups, queries + key + value, width] becomes all queries, all keys, all values."""
    heads, groups, width, _ = SHAPES[model]
    per = heads // groups + 2
    whole = x.raw.shape[1:]
    dealt = x.view(lambda r: r.reshape(groups, per, width, *whole))
    return cat([dealt.view(lambda r, s=s: r[:, s].reshape(-1, *whole)) for s in (slice(0, per - 2), slice(per - 2, per - 1), slice(per - 1, per))])


def renamed(source, *pairs):
    """Names with their beginnings and parts changed, in order; every key must end up changed or be named as it is."""
    out = {}
    for key, x in source.items():
        for old, name in pairs:
            key = key.replace(old, name)
        out[key] = x
    return out


ENDS = (("model.embed_tokens", "embedding.word_embeddings"), ("model.norm", "decoder.final_layernorm"), ("lm_head", "output_layer"), ("model.layers", "decoder.layers"))
PRE = (("input_layernorm.", "self_attention.linear_qkv.layer_norm_"), ("post_attention_layernorm.", "mlp.linear_fc1.layer_norm_"))
REST = (("self_attn.o_proj", "self_attention.linear_proj"), ("self_attn.q_norm", "self_attention.q_layernorm"), ("self_attn.k_norm", "self_attention.k_layernorm"))


def joined(source, model, at, projections, target, how):
    """Takes the projections of every layer out and puts `how(q, k, v)` in."""
    out = dict(source)
    for i in range(LAYERS):
        for kind in ("weight", "bias"):
            keys = [f"{at.format(i)}{p}.{kind}" for p in projections]
            if keys[0] in out:
                out[f"{at.format(i)}{target}.{kind}"] = how(*[out.pop(key) for key in keys])
    return out


def both(a, b):
    return cat([a, b])


def megatron(model, source, norms=PRE):
    out = joined(source, model, "model.layers.{}.self_attn.", ["q_proj", "k_proj", "v_proj"], "X", lambda *p: by_group(model, *p))
    out = joined(out, model, "model.layers.{}.mlp.", ["gate_proj", "up_proj"], "linear_fc1", both)
    out = renamed(out, *norms, *REST, ("self_attn.X", "self_attention.linear_qkv"), ("mlp.down_proj", "mlp.linear_fc2"), *ENDS)
    return out


def vllm(model, source):
    out = joined(source, model, "model.layers.{}.self_attn.", ["q_proj", "k_proj", "v_proj"], "qkv_proj", lambda *p: cat(list(p)))
    return joined(out, model, "model.layers.{}.mlp.", ["gate_proj", "up_proj"], "gate_up_proj", both)


def halves(heads):
    """Rows of neighbouring pairs in each head become its even rows, then its odd ones (convert_llama_weights_to_hf.py, permute)."""
    return lambda x: x.view(lambda r: r.reshape(heads, -1, 2, r.shape[-1]).swapaxes(1, 2).reshape(r.shape))


def from_meta(model):
    heads, groups, *_ = SHAPES[model]
    out = {}
    for key, x in meta(model).items():
        if ".wq." in key:
            x = halves(heads)(x)
        if ".wk." in key:
            x = halves(groups)(x)
        out[key] = x
    names = [("attention.w" + n, "self_attn." + n + "_proj") for n in "qkvo"] + [("attention_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm")]
    names += [("feed_forward.w1", "mlp.gate_proj"), ("feed_forward.w2", "mlp.down_proj"), ("feed_forward.w3", "mlp.up_proj"), ("tok_embeddings", "embed_tokens")]
    out = renamed(out, *names)
    return {("lm_head.weight" if key == "output.weight" else "model." + key): x for key, x in out.items()}


def maxtext(model, source):
    heads, groups, width, hidden = SHAPES[model]
    out = {"params-token_embedder-embedding": source["model.embed_tokens.weight"], "params-decoder-decoder_norm-scale": source["model.norm.weight"]}
    out["params-decoder-logits_dense-kernel"] = source["lm_head.weight"].turned

    def layers(name, change=lambda x: x):
        return stack([source[f"model.layers.{i}.{name}.weight"].view(change) for i in range(LAYERS)], 1)

    at = "params-decoder-layers-"
    for name, to in (("input_layernorm", "pre_self_attention_layer_norm"), ("post_attention_layernorm", "post_self_attention_layer_norm")):
        out[f"{at}{to}-scale"] = layers(name)
    for name, to, n in (("q", "query", heads), ("k", "key", groups), ("v", "value", groups)):
        out[f"{at}self_attention-{to}-kernel"] = layers(f"self_attn.{name}_proj", lambda r, n=n: r.reshape(n, width, hidden).transpose(2, 0, 1))
    for name, to in (("q", "query"), ("k", "key")):
        out[f"{at}self_attention-{to}_norm-scale"] = layers(f"self_attn.{name}_norm")
    out[at + "self_attention-out-kernel"] = layers("self_attn.o_proj", lambda r: r.reshape(hidden, heads, width).transpose(1, 2, 0))
    if model == "qwen3_moe":
        out[at + "moe_block-gate-kernel"] = layers("mlp.gate", lambda r: r.T)
        for name, to in (("gate_proj", "wi_0"), ("up_proj", "wi_1"), ("down_proj", "wo")):
            out[f"{at}moe_block-{to}"] = stack([layers(f"mlp.experts.{e}.{name}", lambda r: r.T).view(lambda r: r.swapaxes(0, 1)) for e in range(EXPERTS)])
        return out
    for name, to in (("gate_proj", "wi_0"), ("up_proj", "wi_1"), ("down_proj", "wo")):
        out[f"{at}mlp-{to}-kernel"] = layers("mlp." + name, lambda r: r.T)
    return out


GEMMA_NORMS = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")
GEMMA = (
    ("input_layernorm.", "self_attention.linear_qkv.layer_norm_"),
    ("post_attention_layernorm", "self_attention.linear_proj.post_layernorm"),
    ("pre_feedforward_layernorm.", "mlp.linear_fc1.layer_norm_"),
    ("post_feedforward_layernorm", "mlp.linear_fc2.post_layernorm"),
)


def cases():
    llama, mistral, qwen2 = llama_like("llama"), llama_like("mistral"), llama_like("qwen2", bias=True)
    qwen3, gemma3 = llama_like("qwen3", qk=True), llama_like("gemma3", qk=True, norms=GEMMA_NORMS)
    yield "llama_megatron", "llama", llama, megatron("llama", llama)
    yield "mistral_megatron", "mistral", mistral, megatron("mistral", mistral)
    yield "qwen2_megatron", "qwen2", qwen2, megatron("qwen2", qwen2)
    yield "qwen3_megatron", "qwen3", qwen3, megatron("qwen3", qwen3)
    yield "gemma3_megatron", "gemma3", gemma3, megatron("gemma3", gemma3, GEMMA)
    for model, source in (("llama", llama), ("mistral", mistral), ("qwen2", qwen2), ("qwen3", qwen3), ("gemma3", gemma3), ("starcoder2", starcoder2())):
        yield model + "_vllm", model, source, vllm(model, source)
    for model in ("llama", "mistral"):
        yield model + "_meta", model, meta(model), from_meta(model)
    yield "qwen3_maxtext", "qwen3", qwen3, maxtext("qwen3", qwen3)
    hidden, source = SHAPES["qwen3_moe"][3], llama_like("qwen3_moe", qk=True, mlp=False)
    for i in range(LAYERS):
        source |= t(f"model.layers.{i}.mlp.gate.weight", EXPERTS, hidden)
        for e in range(EXPERTS):
            at = f"model.layers.{i}.mlp.experts.{e}."
            source |= t(at + "gate_proj.weight", MLP, hidden) | t(at + "up_proj.weight", MLP, hidden) | t(at + "down_proj.weight", hidden, MLP)
    yield "qwen3_moe_maxtext", "qwen3_moe", source, maxtext("qwen3_moe", source)

    source = starcoder2()
    out = megatron("starcoder2", source)
    yield "starcoder2_megatron", "starcoder2", source, renamed(out, ("mlp.c_fc", "mlp.linear_fc1"), ("mlp.c_proj", "mlp.linear_fc2"))

    source = phi3()
    out = dict(source)
    for i in range(LAYERS):
        key = f"model.layers.{i}.self_attn.qkv_proj.weight"
        out[key] = by_group("phi3", *apart("phi3", out[key]))
    out = renamed(out, *PRE, ("self_attn.qkv_proj", "self_attention.linear_qkv"), ("mlp.gate_up_proj", "mlp.linear_fc1"), ("mlp.down_proj", "mlp.linear_fc2"), *REST, *ENDS)
    yield "phi3_megatron", "phi3", source, out

    fused = (("query_key_value", "linear_qkv"), ("mlp.dense_h_to_4h", "mlp.linear_fc1"), ("mlp.dense_4h_to_h", "mlp.linear_fc2"))
    source = gpt_neox()
    out = renamed(source, *PRE, *fused, ("attention.dense", "self_attention.linear_proj"), (".attention.linear_qkv", ".self_attention.linear_qkv"))
    out = renamed(out, ("gpt_neox.embed_in", "embedding.word_embeddings"), ("gpt_neox.final_layer_norm", "decoder.final_layernorm"), ("embed_out", "output_layer"), ("gpt_neox.layers", "decoder.layers"))
    yield "gpt_neox_megatron", "gpt_neox", source, out
    out = renamed(source, ("gpt_neox.layers", "model.h"), ("gpt_neox.", "model."), ("embed_out", "model.embed_out"))
    yield "gpt_neox_mlx", "gpt_neox", source, out

    source = falcon()
    out = renamed(source, PRE[0], ("self_attention.query_key_value", "self_attention.linear_qkv"), *fused[1:], ("self_attention.dense", "self_attention.linear_proj"))
    out = renamed(out, ("transformer.word_embeddings", "embedding.word_embeddings"), ("transformer.ln_f", "decoder.final_layernorm"), ("transformer.h", "decoder.layers"), ("lm_head", "output_layer"))
    yield "falcon_megatron", "falcon", source, out

    for model, source in (("gpt_neox", gpt_neox()), ("falcon", falcon()), ("bloom", bloom())):
        out = {key: not_by_group(model, x) if "query_key_value" in key else x for key, x in source.items()}
        yield model + "_vllm", model, source, out

    source = internlm2()
    out = joined(source, "internlm2", "model.layers.{}.feed_forward.", ["w1", "w3"], "gate_up_proj", both)
    yield "internlm2_vllm", "internlm2", source, out
    out = renamed(out, ("attention_norm.", "self_attention.linear_qkv.layer_norm_"), ("ffn_norm.", "mlp.linear_fc1.layer_norm_"), (".attention.wqkv", ".self_attention.linear_qkv"))
    out = renamed(out, (".attention.wo", ".self_attention.linear_proj"), ("feed_forward.w2", "mlp.linear_fc2"), ("feed_forward.gate_up_proj", "mlp.linear_fc1"))
    out = {("output_layer.weight" if key == "output.weight" else key): x for key, x in out.items()}
    yield "internlm2_megatron", "internlm2", source, renamed(out, ("model.tok_embeddings", "embedding.word_embeddings"), *ENDS)


# ---- parts of models -----------------------------------------------------------------------------------------------------------------------


def part_cases():
    """(layout, config.json of the whole, its tensors, the part's tensors, what the part's config.json says)"""
    text = llama_like("qwen3", qk=True)
    rest = t("model.visual.blocks.0.attn.qkv.weight", 12, 4) | t("model.visual.merger.linear_fc1.weight", 8, 4)
    whole = {key.replace("model.", "model.language_model.", 1): x for key, x in text.items()} | rest
    sub = {"model_type": "qwen3_vl_text", **config("qwen3")}
    own = {**sub, "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "tie_word_embeddings": False}
    yield "qwen3_vl_text", {"model_type": "qwen3_vl", "text_config": sub, "vision_config": {"depth": 1}, "tie_word_embeddings": False}, whole, text, own

    text = {key: x for key, x in llama_like("gemma3", qk=True).items()}
    rest = t("vision_tower.vision_model.embeddings.patch_embedding.weight", 4, 3, 2, 2) | t("multi_modal_projector.mm_soft_emb_norm.weight", 6)
    whole = {"language_model." + key: x for key, x in text.items()} | rest
    sub = {"model_type": "gemma3_text", **config("gemma3")}
    yield "gemma3_text", {"model_type": "gemma3", "text_config": sub, "eos_token_id": [1, 106]}, whole, text, {**sub, "architectures": ["Gemma3ForCausalLM"], "eos_token_id": [1, 106]}

    whole = llama_like("llama")
    common = t(f"model.layers.{LAYERS}.embed_tokens.weight", 8, 4) | t(f"model.layers.{LAYERS}.shared_head.head.weight", 8, 4)
    draft = {name: new(name, (4, 4)) for name in ("eh_proj.weight", "enorm.weight", "shared_head.norm.weight", "self_attn.o_proj.weight")}
    whole |= common | {f"model.layers.{LAYERS}.{name}": x for name, x in draft.items()}
    said = {"model_type": "my_deepseek", **config("llama"), "num_nextn_predict_layers": 1}
    yield "deepseek_v3_nextn", said, whole, {f"model.layers.0.{name}": x for name, x in draft.items()}, {**said, "num_hidden_layers": 1, "architectures": ["DeepseekV3ForCausalLMNextN"]}


def try_part(tenon, name, said, whole, part, own):
    """Out of the whole and back in, by the manifest and by the rules alone."""
    with tempfile.TemporaryDirectory() as folder:
        at = lambda *parts: os.path.join(folder, *parts)  # noqa: E731
        save(at("src", "model.safetensors"), whole)
        save(at("want", "model.safetensors"), part)
        with open(at("src", "config.json"), "w") as out:
            json.dump(said, out)
        found = run(tenon, "convert", at("src"), at("dst"), "--rules", name, "--verify") or differences(at("dst"), at("want"))
        if not found:
            with open(at("dst", "config.json")) as text:
                got = json.load(text)
            found = [] if got == own else [f"config.json is {got}"]
        for n, target in enumerate(("back", "alone")):
            if n:
                os.remove(at("dst", "tenon-manifest.json"))
            found = found or run(tenon, "convert", at("dst"), at(target), "--to", "original", *(["--rules", name] if n else []), "--into", at("src"))
            found = found or differences(at(target), at("src"))
            if not found:
                with open(at(target, "config.json")) as text:
                    found = [] if json.load(text) == said else ["config.json does not come back"]
        return found


def run(tenon, *args):
    p = subprocess.run([tenon, *args], capture_output=True, text=True, errors="replace")
    return [] if p.returncode == 0 else [f"{' '.join(args[:1] + args[3:])} ends with {p.returncode}: {p.stderr.strip()[:600]}"]


def try_one(tenon, name, model, source, want):
    with tempfile.TemporaryDirectory() as folder:
        at = lambda *parts: os.path.join(folder, *parts)  # noqa: E731
        save(at("src", "model.safetensors"), source)
        save(at("want", "model.safetensors"), want)
        with open(at("src", "config.json"), "w") as out:
            json.dump({"model_type": "my_" + model, **config(model)}, out)
        def convert(source, target, *more):
            """Where the names are the same on both sides, the keys do not tell the layout."""
            found = run(tenon, "convert", at(source), at(target), *more)
            if found and "--assume-layout" in found[0]:
                found = run(tenon, "convert", at(source), at(target), *more, "--assume-layout", "**=" + ("fused" if "original" in more else "original"))
            return found

        found = convert("src", "dst", "--rules", name) or differences(at("dst"), at("want"))
        found = found or convert("dst", "back", "--to", "original") or differences(at("back"), at("src"))
        if not found:  # without the manifest, by the rules' own sizes
            os.remove(at("dst", "tenon-manifest.json"))
            found = convert("dst", "alone", "--to", "original", "--rules", name) or differences(at("alone"), at("src"))
        return found


def try_pair(tenon, model, one, other):
    """From one runtime's layout to another's, through the publisher's, which neither folder has; and back."""
    (name, have), (target, want) = one, other
    with tempfile.TemporaryDirectory() as folder:
        at = lambda *parts: os.path.join(folder, *parts)  # noqa: E731
        save(at("have", "model.safetensors"), have)
        save(at("want", "model.safetensors"), want)
        with open(at("have", "config.json"), "w") as out:
            json.dump({"model_type": "my_" + model, **config(model)}, out)
        found = run(tenon, "convert", at("have"), at("dst"), "--from-rules", name, "--rules", target, "--verify")
        found = found or differences(at("dst"), at("want"))
        found = found or run(tenon, "verify", at("dst"), "--against", at("have"))
        found = found or run(tenon, "convert", at("dst"), at("back"), "--to", "original", "--verify") or differences(at("back"), at("have"))
        if not found:
            with open(at("have", "model.safetensors"), "rb") as a, open(at("back", "model.safetensors"), "rb") as b:
                found = [] if a.read() == b.read() else ["its file is another"]
        return found


def pairs():
    """(model, (layout, its tensors), (another, its tensors)) of every two layouts of one model as published."""
    made = {}
    for name, model, source, want in cases():
        made.setdefault((model, tuple(sorted(source))), []).append((name, want))
    for (model, _), layouts in made.items():
        for one in layouts:
            for other in layouts:
                if one[0] != other[0]:
                    yield model, one, other


def try_pairs(tenon, names):
    wrong, count = 0, 0
    for model, one, other in pairs():
        if names and one[0] not in names and other[0] not in names:
            continue
        count += 1
        found = try_pair(tenon, model, one, other)
        wrong += bool(found)
        for line in found[:4]:
            print(f"{one[0]} to {other[0]}: {line}")
    print(f"{count - wrong} of {count} pairs of layouts, there and back")
    return wrong


def main():
    tenon, names = sys.argv[1], sys.argv[2:]
    wrong, count = 0, 0
    tried = set()
    for name, model, source, want in cases():
        if names and name not in names:
            continue
        tried.add(name)
        count += 1
        found = try_one(tenon, name, model, source, want)
        wrong += bool(found)
        for line in found[:4]:
            print(f"{name}: {line}")
    for case in part_cases():
        if names and case[0] not in names:
            continue
        tried.add(case[0])
        count += 1
        found = try_part(tenon, *case)
        wrong += bool(found)
        for line in found[:4]:
            print(f"{case[0]}: {line}")
    layouts = os.path.join(HERE, "..", "..", "rules", "layouts")
    untried = [] if names else sorted({f.removesuffix(".yaml") for f in os.listdir(layouts)} - tried)
    if untried:
        print("no case:", ", ".join(untried))
    print(f"{count - wrong} of {count} layouts, there and back")
    wrong += try_pairs(tenon, names)
    return 1 if wrong or untried else 0


if __name__ == "__main__":
    sys.exit(main())
