"""Every model class, built on the meta device, and where the registry's entries apply inside it."""

import contextlib
import copy
import importlib
import inspect
import signal
from dataclasses import dataclass, field
from pathlib import Path

from . import facts

BUILD_SECONDS = 120


@dataclass
class Part:
    """A sub-model: a PreTrainedModel inside another one."""

    path: str  # module path in the root model
    cls: str
    model_type: str
    config_type: str  # its model_type as config.json has it
    config: str | None  # path of its config in the root's ('' = the same one); None: not to be found there
    auto: bool  # its class is chosen by the sub-config's model_type
    entry: str | None  # the registry's entry that applies to it


@dataclass
class Model:
    """One class, built."""

    name: str  # the class's name, and `Class:model_type` where it is built from another model's config
    cls: str
    model_type: str
    base: str
    entry: str | None
    by_class: bool
    parts: list[Part]
    transforms: list  # what the reference gives: scoped, without the legacy names
    config: dict = field(repr=False)
    keys: dict = field(repr=False)  # {key: shape} of the state dict


def model_classes():
    """({name: class}, {module: why it cannot be imported})."""
    import transformers.models
    from transformers import PreTrainedModel

    classes, failed = {}, {}
    root = Path(transformers.models.__file__).parent
    for path in sorted(root.glob("*/modeling_*.py")):
        name = f"transformers.models.{path.parent.name}.{path.stem}"
        try:
            module = importlib.import_module(name)
        except Exception as e:  # noqa: BLE001 - whatever an optional dependency raises
            failed[name] = one_line(e)
            continue
        if hasattr(module, "requires_backends"):
            module.requires_backends = lambda *_: None  # losses ask for packages that the modules do without
        for cls_name, cls in vars(module).items():
            if (
                inspect.isclass(cls)
                and issubclass(cls, PreTrainedModel)
                and cls.__module__ == name
                and "PreTrainedModel" not in cls_name
            ):
                classes[cls_name] = cls
    return classes, failed


def one_line(e):
    return f"{type(e).__name__}: {e}".strip().replace("\n", " ")[:160]


@contextlib.contextmanager
def time_limit(seconds):
    def stop(*_):
        raise TimeoutError(f"not built in {seconds} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def candidate_configs(cls):
    """Configs to try for a class: its own with the hand-kept settings; for an inner class also the sub-configs, and the
    other configs of its model."""
    module = importlib.import_module(cls.config_class.__module__)
    found = [c for _, c in sorted(vars(module).items()) if inspect.isclass(c) and c.__module__ == module.__name__]
    others = [c for c in found if c is not cls.config_class]
    for config_class in [cls.config_class, *others]:
        config = facts.config_for(cls.__name__ if config_class is cls.config_class else "", config_class)
        yield config
        for _, sub, _ in config_paths(config)[1:]:
            yield copy.deepcopy(sub)


def build(cls, config_class=None):
    """The model on the meta device. Raises what the first, natural config raised."""
    import torch

    first = None
    try:
        for config in [facts.config_for("", config_class)] if config_class else candidate_configs(cls):
            try:
                with time_limit(BUILD_SECONDS), torch.device("meta"):
                    return cls(config)
            except Exception as e:  # noqa: BLE001
                first = first or e
    except Exception as e:  # noqa: BLE001 - a config that cannot even be made
        first = first or e
    raise first


def config_paths(config, prefix=""):
    """[(path, sub-config, chosen by model_type)] of a config, breadth first."""
    out, queue = [("", config, False)], [("", config)]
    while queue:
        path, current = queue.pop(0)
        for name, kind in getattr(current, "sub_configs", {}).items():
            sub = getattr(current, name, None)
            if sub is None or not hasattr(sub, "model_type"):
                continue
            where = f"{path}.{name}" if path else name
            out.append((where, sub, kind.__name__ == "AutoConfig"))
            queue.append((where, sub))
    return out


def find_config(config, known):
    """(path, auto) of a sub-model's config: the same object, or else the one equal config of its type."""
    for path, sub, auto in known:
        if sub is config:
            return path, auto
    same = [(p, a) for p, sub, a in known if type(sub) is type(config) and sub.model_type == config.model_type]
    return same[0] if same else (None, False)


def saved_type(saved, path):
    for step in path.split(".") if path else []:
        saved = saved.get(step) or {}
    return saved.get("model_type")


def walk(model, entries):
    """Own entry and the parts with an entry or a config chosen by type, by the reference's rules for who claims what."""
    from transformers import PreTrainedModel

    known, saved = config_paths(model.config), model.config.to_dict()
    claimed, parts, own, by_class = {}, [], None, False
    for path, module in model.named_modules():
        if not isinstance(module, PreTrainedModel):
            continue
        cls, model_type = type(module).__name__, module.config.model_type

        def is_claimed(name):
            return any(c == "" or path.startswith(c + ".") for c in claimed.get(name, []))

        entry = None
        if not is_claimed(cls):
            if cls in entries:
                entry = cls
            elif model_type in entries and not is_claimed(model_type):
                entry = model_type
        if entry:
            claimed.setdefault(cls, []).append(path)
            if entry != cls:
                claimed.setdefault(model_type, []).append(path)
        if path == "":
            own, by_class = entry, entry == cls
            continue
        where, auto = find_config(module.config, known)
        parts.append(Part(path, cls, model_type, saved_type(saved, where) or model_type, where, auto, entry))
    return own, by_class, parts


def shared_classes(classes, entries):
    """[(class, config class)]: what AutoModel builds for a model type with an entry but no classes of its own."""
    from transformers import CONFIG_MAPPING

    own = {c.config_class.model_type for c in classes.values() if c.config_class}
    pairs = {
        (t, c)
        for mapping in auto_classes().values()
        for t, c in mapping.items()
        if t in entries and t not in own and c in classes
    }
    for model_type, name in sorted(pairs):
        config_class = CONFIG_MAPPING[model_type] if model_type in CONFIG_MAPPING else None
        if config_class and config_class.model_type == model_type:
            yield classes[name], config_class


def measure(cls, entries, config_class=None):
    """A `Model` of one class."""
    from transformers.conversion_mapping import get_model_conversion_mapping

    from .registry import scoped

    model = build(cls, config_class)
    own, by_class, parts = walk(model, entries)
    return Model(
        name=f"{cls.__name__}:{config_class.model_type}" if config_class else cls.__name__,
        cls=cls.__name__,
        model_type=model.config.model_type,
        base=model.base_model_prefix or "",
        entry=own,
        by_class=by_class,
        parts=parts,
        transforms=[scoped(t) for t in get_model_conversion_mapping(model, add_legacy=False)],
        config=model.config.to_dict(),
        keys={k: list(v.shape) for k, v in model.state_dict().items()},
    )


def model_types():
    """Every model type that the release knows: one without rules is no slip of the pen."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return list(CONFIG_MAPPING_NAMES)


def auto_classes():
    """{kind: {model type: class}}: what AutoModel ("MODEL"), AutoBackbone ("BACKBONE"), AutoModelForCausalLM ("CAUSAL_LM")
    and the others build."""
    from transformers.models.auto import modeling_auto

    out = {}
    for name, mapping in vars(modeling_auto).items():
        if name.startswith("MODEL_") and name.endswith("MAPPING_NAMES"):
            kind = name.removeprefix("MODEL_").removeprefix("FOR_").removesuffix("MAPPING_NAMES").rstrip("_") or "MODEL"
            out[kind] = {t: c if isinstance(c, str) else c[0] for t, c in mapping.items()}
    return out
