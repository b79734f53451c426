"""Models of the package transformers, filled through a plan: no converted folder is needed.

    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(SRC), dtype="auto")
    tenon.transformers.load(model, SRC)

transformers and torch are needed, and not installed with tenon.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenon import _functions

if TYPE_CHECKING:
    import torch

    from tenon._options import Path


def _needed(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"tenon.transformers needs the package {name}: pip install {name}") from error


@dataclass
class Loaded:
    """What load() did with each key."""

    filled: list[str] = field(default_factory=list)
    """Of the model: parameters and buffers that have a tensor now."""
    missing: list[str] = field(default_factory=list)
    """Of the model: what the checkpoint has nothing for, and no other name shares."""
    unexpected: list[str] = field(default_factory=list)
    """Of the plan: what the model has no place for."""


def _torch_dtypes(torch: Any) -> dict[str, Any]:
    names = {
        "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "F16": "float16", "BF16": "bfloat16", "I32": "int32",
        "F32": "float32", "F64": "float64", "I64": "int64", "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    }  # fmt: skip
    return {name: getattr(torch, of) for name, of in names.items() if hasattr(torch, of)}


def tensor(plan: _functions.Plan, key: str) -> torch.Tensor:
    """A tensor that the conversion would write, as torch has it; nothing is written."""
    torch = _needed("torch")
    info = plan.tensors[key]
    dtypes = _torch_dtypes(torch)
    if info.dtype not in dtypes:
        raise TypeError(f"{key}: torch has no dtype for {info.dtype}")
    data = plan._handle.read(key)
    if data.size == 0:
        return torch.empty(info.shape, dtype=dtypes[info.dtype])
    return torch.from_numpy(data).view(dtypes[info.dtype]).reshape(info.shape)


def _place_of(key: str, places: dict[str, Any], prefix: str) -> str | None:
    """The model's name for a key: a base model's checkpoint fits the model with a head, and the other way round."""
    if key in places:
        return key
    if prefix and f"{prefix}.{key}" in places:
        return f"{prefix}.{key}"
    if prefix and key.startswith(prefix + ".") and key[len(prefix) + 1 :] in places:
        return key[len(prefix) + 1 :]
    return None


def load(model: torch.nn.Module, source: Path, *, strict: bool = True, **options: Any) -> Loaded:
    """Fill `model` with the checkpoint `source` in the layout that the model has, through the plan of its conversion.

    A tensor is converted to the dtype of its parameter, as from_pretrained does. With `strict`, a parameter without a
    tensor, a tensor without a place or of another shape is a ValueError, raised before anything is filled.
    """
    torch = _needed("torch")
    plan = _functions.plan(source, **options)
    places = dict(model.state_dict(keep_vars=True))
    prefix = getattr(model, "base_model_prefix", "")
    names = {key: _place_of(key, places, prefix) for key in plan}
    found = Loaded(unexpected=[key for key, name in names.items() if name is None])
    filled = {name for name in names.values() if name is not None}
    pointers = {places[name].data_ptr() for name in filled if places[name].numel()}
    found.missing = [n for n, p in places.items() if n not in filled and not (p.numel() and p.data_ptr() in pointers)]
    shapes = [
        f"{key} {list(plan.tensors[key].shape)} is {list(places[name].shape)} in the model"
        for key, name in names.items()
        if name is not None and tuple(plan.tensors[key].shape) != tuple(places[name].shape)
    ]
    if shapes or (strict and (found.missing or found.unexpected)):
        raise ValueError(
            f"{os.fspath(source)} does not fit the model: missing {found.missing[:5]}, unexpected {found.unexpected[:5]}, "
            f"shapes {shapes[:5]} ({len(found.missing)}, {len(found.unexpected)} and {len(shapes)} in all)"
        )
    with torch.no_grad():
        for key, name in names.items():
            if name is not None:
                places[name].copy_(tensor(plan, key))
                found.filled.append(name)
    return found


def check(source: Path, fused: Path, *, tokens: int = 16, seed: int = 0, auto_class: str = "AutoModelForCausalLM") -> bool:
    """Load the original checkpoint and the fused one with from_pretrained and compare logits bit for bit."""
    torch = _needed("torch")
    transformers = _needed("transformers")
    loader = getattr(transformers, auto_class)
    logits = []
    for path in (source, fused):
        model = loader.from_pretrained(os.fspath(path), dtype="auto").eval()
        generator = torch.Generator().manual_seed(seed)
        ids = torch.randint(0, model.config.get_text_config().vocab_size, (1, tokens), generator=generator)
        with torch.no_grad():
            logits.append(model(input_ids=ids).logits)
        del model
    return bool(torch.equal(*logits))
