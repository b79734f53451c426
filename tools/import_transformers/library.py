"""Classes with the same transforms become one rule file."""

import re
from dataclasses import dataclass, field

from . import facts, keys


@dataclass
class Rules:
    """One rule file."""

    name: str
    include: list = field(default_factory=list)
    transforms: list = field(default_factory=list)
    submodels: list = field(default_factory=list)  # [(config path or '.', module, rules)]
    base: str = ""
    model_types: list = field(default_factory=list)
    architectures: list = field(default_factory=list)  # [] = every class of these model types
    classes: list = field(default_factory=list)
    entry: str | None = None
    keys: dict = field(default_factory=dict)  # {class: [glob]}


class Library:
    """The rule files of a set of built models."""

    def __init__(self, entries, included, models, autos):
        self.entries, self.included, self.models, self.autos = entries, included, models, autos
        self.files, self.of_class, self.of_type = {}, {}, {}
        self.published = {c for mapping in autos.values() for c in mapping.values()} | set(entries)
        for name in entries:
            self.files[name] = Rules(name, *included[name], entry=name)
        self.group()
        self.choose_defaults()
        for rules in self.files.values():
            if rules.classes:
                rules.submodels = self.submodels(self.models[rules.classes[0]])
                own = [self.models[c] for c in rules.classes]
                rules.keys = {m.cls: keys.globs(m.keys) for m in own if keys.needed(m)}
        for model_type in autos["MODEL"]:
            if model_type in entries and model_type not in self.of_type and not self.files[model_type].classes:
                self.files[model_type].model_types = [model_type]
                self.of_type[model_type] = model_type

    def written(self, rules):
        """The file's own transforms with what Tenon adds to them: part sizes, shapes, and names that do not go back."""
        return [facts.complete(rules.name, t) for t in rules.transforms]

    # Grouping: which classes share a file

    def direct_parts(self, model):
        """The parts that a file of `model` must name: what lies inside a part with a file of its own is that file's."""
        out = []
        for part in model.parts:
            if any(part.path.startswith(p.path + ".") for p in out):
                continue
            if part.entry or part.auto:
                out.append(part)
        return out

    def signature(self, model):
        parts = self.direct_parts(model)
        described = tuple((relative(p.path, model.base), p.config, None if p.auto else p.cls) for p in parts)
        return (model.model_type, model.entry, model.base, described)

    def group(self):
        groups = {}
        for model in self.models.values():
            if self.wants_file(model):
                groups.setdefault(self.signature(model), []).append(model.name)
        for signature, classes in sorted(groups.items(), key=lambda g: self.rank(*g)):
            model_type, entry, base, _ = signature
            bare = self.autos["MODEL"].get(model_type)
            classes.sort(key=lambda c: (c != bare, c))
            name = self.free_name(entry, model_type, classes)
            rules = self.files.get(name)
            if rules is None:
                rules = self.files[name] = Rules(name, include=[entry] if entry else [])
            rules.base, rules.classes, rules.model_types = base, classes, [model_type]
            for c in classes:
                self.of_class[c] = name

    def wants_file(self, model):
        """Has transforms, or is composed of parts that may; halves of a model are never published alone."""
        if re.search(r"(Decoder|Encoder)$", model.cls) and model.cls not in self.published:
            return False
        return bool(model.transforms) or model.model_type in facts.COMPOSED and bool(self.direct_parts(model))

    def rank(self, signature, classes):
        """The group that gets the plain name comes first: with the class that AutoModel builds, then the largest."""
        model_type = signature[0]
        return (model_type, self.autos["MODEL"].get(model_type) not in classes, -len(classes), classes[0])

    def free_name(self, entry, model_type, classes):
        for name in (entry, None if entry in self.entries else model_type):
            if name and not (self.files[name].classes if name in self.files else name in self.entries):
                return name
        return classes[0]

    # Detection: which file of a model type is found without an architecture

    def choose_defaults(self):
        by_type = {}
        for rules in self.files.values():
            for t in rules.model_types:
                by_type.setdefault(t, []).append(rules)
        for model_type, files in by_type.items():
            bare = self.autos["MODEL"].get(model_type)
            default = self.of_class.get(bare)
            if bare is None or bare not in self.models:
                default = files[0].name if len(files) == 1 or bare is None else None
            if default:
                self.of_type[model_type] = default
            for rules in files:
                if rules.name != default:
                    rules.architectures = sorted(self.models[c].cls for c in rules.classes)

    # Sub-models

    def submodels(self, model):
        out = []
        for part in self.direct_parts(model):
            wanted = self.file_of_part(part)
            if part.auto:
                rules = self.by_kind(part)
                for model_type in dict.fromkeys((part.model_type, part.config_type)):
                    if wanted and wanted != rules.get(model_type, self.of_type.get(model_type)):
                        rules[model_type] = wanted
                out.append((part.config, part.path, rules or None))
            else:
                out.append((part.config or ".", part.path, wanted))
        return out

    def file_of_part(self, part):
        name = self.of_class.get(part.cls)
        if name and part.model_type in self.files[name].model_types:
            return name
        return part.entry

    def by_kind(self, part):
        """{model_type: file} for a part that an AutoModelFor… chooses, where that differs from AutoModel's."""
        if part.config.split(".")[-1] == "backbone_config":
            kind = "BACKBONE"
        elif self.autos["MODEL"].get(part.model_type) == part.cls:
            return {}
        else:
            kind = "CAUSAL_LM" if self.autos["CAUSAL_LM"].get(part.model_type) == part.cls else None
        out = {}
        for model_type, cls in (self.autos[kind] if kind else {}).items():
            name, plain = self.of_class.get(cls), self.of_type.get(model_type)
            if name and re.search(r"(Backbone|ForCausalLM)$", cls) and model_type in self.files[name].model_types:
                if not self.same(name, plain):
                    out[model_type] = name
        return out

    def same(self, name, other):
        """Two files, or none, that make the same transforms of every config."""
        if name == other or other is None:
            return name == other
        a, b = self.files[name], self.files[other]
        parts = [self.direct_parts(self.models[f.classes[0]]) if f.classes else [] for f in (a, b)]
        return self.all_transforms(a) == self.all_transforms(b) and not parts[0] and not parts[1]

    # Flattening, as the rule format defines it

    def find(self, config):
        """The file that --rules auto takes for a config.json."""
        model_type, architecture = config.get("model_type"), (config.get("architectures") or [None])[0]
        for rules in self.files.values():
            if architecture in rules.architectures and model_type in rules.model_types:
                return rules.name
        return self.of_type.get(model_type)

    def flatten(self, name, config):
        rules = self.files[name]
        return self._flatten(rules, config, "", rules.base)

    def all_transforms(self, rules):
        return [t for i in rules.include for t in self.all_transforms(self.files[i])] + rules.transforms

    def _flatten(self, rules, config, path, base):
        out = []
        for t in self.all_transforms(rules):
            out.append(t if not path else t | {"scope_prefix": relative(path, base), "base_model_prefix": base})
        for where, module, chosen in rules.submodels:
            sub = config
            for step in where.split(".") if where != "." else []:
                sub = (sub or {}).get(step)
            if not isinstance(chosen, str):
                model_type = (sub or {}).get("model_type")
                chosen = (chosen or {}).get(model_type, self.of_type.get(model_type))
            if chosen:
                out += self._flatten(self.files[chosen], sub or {}, f"{path}.{module}" if path else module, base)
        return out


def relative(path, base):
    """A module path with the base model's prefix taken off, as scopes are written."""
    return path.removeprefix(base).removeprefix(".") if base else path
