#!/usr/bin/env python3
"""Measures golden cases: what the installed transformers makes of a small model of each class given.

usage: measure.py OUT CLASS[:model_type]...

Run it with a Python that has transformers, torch and safetensors. A case says what README.md here says.
"""

import copy
import hashlib
import json
import math
import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
warnings.filterwarnings("ignore")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from import_transformers import facts, models, registry  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

FEW_LAYERS = {
    n: 3
    for n in (
        "num_hidden_layers",
        "num_layers",
        "encoder_layers",
        "decoder_layers",
        "depth",
        "n_layer",
        "num_decoder_layers",
        "num_encoder_layers",
    )
}
FEW_WORDS = {
    "vocab_size": 128,
    "max_position_embeddings": 64,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "moe_num_experts": 4,
}
FEW_WORDS |= {
    "num_experts_per_tok": 2,
    "num_experts_per_token": 2,
    "n_group": 1,
    "topk_group": 1,
    "num_expert_group": 1,
    "first_k_dense_replace": 1,
}
SMALL = {
    "hidden_size": 32,
    "d_model": 32,
    "embed_dim": 32,
    "hidden_dim": 32,
    "projection_dim": 32,
    "out_hidden_size": 32,
    "n_embd": 32,
}
SMALL |= {
    n: 48
    for n in (
        "intermediate_size",
        "ffn_dim",
        "encoder_ffn_dim",
        "decoder_ffn_dim",
        "mlp_dim",
        "n_inner",
        "dim_feedforward",
    )
}
SMALL |= {"moe_intermediate_size": 24, "shared_expert_intermediate_size": 40}
SMALL |= {
    n: 4 for n in ("num_attention_heads", "num_heads", "encoder_attention_heads", "decoder_attention_heads", "n_head")
}
SMALL |= {"num_key_value_heads": 2, "head_dim": 8, "kv_lora_rank": 16, "q_lora_rank": 16}
SMALL |= {"qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8, "qk_head_dim": 16}
SMALL |= {
    "swa_num_attention_heads": 4,
    "swa_num_key_value_heads": 2,
    "swa_head_dim": 8,
    "text_hidden_size": 32,
    "unpadded_vocab_size": 128,
}
TINY_IMAGE = {"image_size": 32, "patch_size": 8}
LEVELS = [
    FEW_LAYERS | FEW_WORDS | SMALL | TINY_IMAGE,
    FEW_LAYERS | FEW_WORDS | SMALL,
    FEW_LAYERS | FEW_WORDS,
    FEW_LAYERS,
    {},
]
# What one model's config insists on.
INSISTS = {
    "glm5_next": {"num_key_value_heads": 4, "qk_rope_head_dim": 0},
    "inkling_mm_model": {"n_layers": 8},
    "vibevoice_asr": {"num_filters": 4},
}
NUMPY = {"F32": "<f4", "I64": "<i8", "I32": "<i4", "BOOL": "u1"}
NAMES = {torch.float32: "F32", torch.int64: "I64", torch.int32: "I32", torch.bool: "BOOL"}
LARGEST = 1_500_000_000


def shrink(values, settings):
    """A config dict with smaller numbers, and lists over the layers cut to as many."""
    layers = next((values[n] for n in FEW_LAYERS if isinstance(values.get(n), int)), None)
    out = {}
    for name, value in values.items():
        if isinstance(value, dict):
            value = shrink(value, settings)
        elif name in settings and type(value) is int:
            value = settings[name]
        elif (
            name in ("pad_token_id", "bos_token_id", "eos_token_id")
            and isinstance(value, int)
            and "vocab_size" in settings
        ):
            value = value % 100
        elif isinstance(value, list) and len(value) == layers and "num_hidden_layers" in settings:
            value = value[:3]
        out[name] = value
    if layers and len(values.get("stage_names") or []) == layers + 1 != 4:
        for name in ("stage_names", "out_features", "out_indices"):  # they follow from the layers
            out.pop(name, None)
    return out


def fnv1a32(text):
    h = 0x811C9DC5
    for b in text.encode():
        h = ((h ^ b) * 0x01000193) & 0xFFFFFFFF
    return h


def content(key, dtype, shape):
    i = np.arange(math.prod(shape), dtype=np.uint64)
    low = (((i * 2654435761 + fnv1a32(key)) & 0xFFFFFFFF) & 0xFFFFFF).astype(np.uint32)
    return (low & 1 if dtype == "BOOL" else low).astype(NUMPY[dtype]).reshape(shape)


def describe(tensors):
    out = {}
    for key in sorted(tensors):
        t = tensors[key].detach().contiguous()
        data = t.numpy() if t.dtype != torch.bool else t.numpy().astype("u1")
        out[key] = [NAMES[t.dtype], list(t.shape), hashlib.sha256(data.tobytes()).hexdigest()[:32]]
    return out


def small_config(cls, config_class):
    """The smallest config of the class that a model can be built from."""
    error = None
    candidates = [facts.config_for("", config_class)] if config_class else models.candidate_configs(cls)
    for config in candidates:
        for settings in LEVELS:
            settings = settings | (INSISTS.get(config.model_type, {}) if settings else {})
            try:
                values = shrink(config.to_dict(), settings)
                with torch.device("meta"):
                    model = cls(type(config).from_dict(copy.deepcopy(values)))
                if sum(v.numel() * v.element_size() for v in model.state_dict().values()) < LARGEST:
                    return type(config).from_dict(
                        values
                    )  # not the one that the model was built from: some models edit theirs
            except Exception as e:  # noqa: BLE001
                error = error or e
    raise error or ValueError("too large")


def tied_of(model):
    """{key: the key that it shares its tensor with}, the first in the model's order being the owner."""
    owner, tied = {}, {}
    for key, t in model.state_dict(keep_vars=True).items():
        if t.numel() and (first := owner.setdefault((t.data_ptr(), t.shape), key)) != key:
            tied[key] = first
    return tied


def measure(cls, config_class):
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import revert_weight_conversion

    torch.manual_seed(0)
    config = small_config(cls, config_class)
    config.architectures, config.dtype = [cls.__name__], "float32"
    model = cls(copy.deepcopy(config)).float().eval()
    tied = tied_of(model)
    transforms = [registry.scoped(t) for t in get_model_conversion_mapping(model, add_legacy=False)]
    state = {k: v for k, v in model.state_dict().items() if k not in tied}
    original = revert_weight_conversion(model, state)
    original = {k: torch.from_numpy(content(k, NAMES[v.dtype], list(v.shape))).to(v.dtype) for k, v in original.items()}
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        save_file(original, Path(folder) / "model.safetensors", metadata={"format": "pt"})
        saved = json.loads((Path(folder) / "config.json").read_text())
        loaded, info = cls.from_pretrained(
            folder, config=copy.deepcopy(config), dtype=torch.float32, output_loading_info=True
        )
        lost = (
            sorted(set(info["missing_keys"]) - set(tied))
            + sorted(info["unexpected_keys"])
            + sorted(map(str, info["mismatched_keys"]))
        )
        if lost:
            raise ValueError(f"the reference does not load its own layout: {lost[:3]}")
        runtime = {k: v for k, v in loaded.state_dict().items() if k not in tied}
        again = {k: v for k, v in revert_weight_conversion(loaded, runtime).items()}
    case = {
        "class": cls.__name__, "model_type": config.model_type, "fusion": None, "base_model_prefix": model.base_model_prefix, "tied": tied,
        "bytes": sum(v.numel() * v.element_size() for v in original.values()), "config": saved, "transforms": [full(t) for t in transforms],
        "original": describe(original), "runtime": describe(runtime),
    }  # fmt: skip
    back = describe(again)
    if back != case["original"]:
        case["note"] = "the reference does not save this back as it was: " + ", ".join(
            sorted(k for k in {*back, *case["original"]} if back.get(k) != case["original"].get(k))[:3]
        )
    return case


def full(t):
    """A transform with every parameter, as golden cases have them."""
    if t["kind"] == "PrefixChange":
        return {
            k: t.get(k, default)
            for k, default in (
                ("kind", None),
                ("prefix_to_add", None),
                ("prefix_to_remove", None),
                ("model_prefix", ""),
            )
        } | {k: t[k] for k in ("scope_prefix", "base_model_prefix") if k in t}
    return t


def main():
    out = Path(sys.argv[1])
    classes, _ = models.model_classes()
    for name in sys.argv[2:]:
        cls_name, _, model_type = name.partition(":")
        try:
            case = measure(classes[cls_name], transformers.CONFIG_MAPPING[model_type] if model_type else None)
        except Exception as e:  # noqa: BLE001
            print(f"{name}: {models.one_line(e)}")
            continue
        (out / f"{name.replace(':', '.')}.json").write_text(json.dumps(case, separators=(",", ":")))
        print(f"{name}: {case['bytes']} bytes, {len(case['transforms'])} transforms {case.get('note', '')}", flush=True)


if __name__ == "__main__":
    main()
