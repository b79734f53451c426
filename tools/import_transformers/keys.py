"""Whether a model's conversion needs to know the fused layout's own keys, and those keys as globs.

Offline there is no model to ask. So each class's keys are taken back to its publisher's layout and forward again, by the
names alone and with no knowledge of the fused layout; where that does not return to the same keys but does with them, the
rule file has to bring them.
"""

import re

PAIRED = {
    "Chunk": "Concatenate",
    "Concatenate": "Chunk",
    "MergeModulelist": "SplitModulelist",
    "SplitModulelist": "MergeModulelist",
    "ErnieFuseAndSplitTextVisionExperts": "ErnieSplitAndDecoupleTextVisionExperts",
    "ErnieSplitAndDecoupleTextVisionExperts": "ErnieFuseAndSplitTextVisionExperts",
}
MAKES_LISTS = ("SplitModulelist", "ErnieSplitAndDecoupleTextVisionExperts")
LIST_LENGTH = 2  # as many experts as it takes to see a list


def as_text(target):
    """A target as replacement text, and the group that it captures when it becomes a source."""
    text = re.sub(r"\(\?.+?\)?\)", "", target.removeprefix("^").removesuffix("$")).replace(r"\.", ".")
    group = re.search(r"\(.+?\)", text)
    return (text.replace(group.group(), r"\1", 1), group.group()) if group else (text, None)


class Pattern:
    """A transform as far as names go."""

    def __init__(self, t, sources=None, targets=None, operations=None):
        self.t, self.kind = t, t["kind"]
        if self.kind == "PrefixChange":
            sources, targets = prefix_patterns(t)
        self.given_sources = list(sources or t["source_patterns"])
        self.given_targets = list(targets or t["target_patterns"])
        self.operations = operations if operations is not None else [o["op"] for o in t.get("operations", [])]
        texts = [as_text(p) for p in self.given_targets]
        self.targets = [text for text, _ in texts]
        group = next((g for _, g in texts if g), None)
        self.sources = [self.source(i, p, group) for i, p in enumerate(self.given_sources)]
        self.regex = re.compile(
            "|".join(f"(?P<g{i}>{p.replace('*.', '.*' + chr(92) + '.')})" for i, p in enumerate(self.sources))
        )
        self.guard_seen = False

    def source(self, i, pattern, group):
        if group and r"\1" in pattern:
            pattern = pattern.replace(r"\1", group, 1)
        if len(self.given_sources) == len(self.given_targets):
            target = self.given_targets[i]
            if target.startswith("^") and not pattern.startswith("^"):
                pattern = "^" + pattern
            if target.endswith("$") and not pattern.endswith("$"):
                pattern += "$"
        return pattern

    def inverse(self):
        t = self.t
        if self.kind == "PrefixChange":
            swapped = {"prefix_to_add": t.get("prefix_to_remove"), "prefix_to_remove": t.get("prefix_to_add")}
            return Pattern(t | swapped)
        if self.kind == "GroupWeightRename":
            pairs = sorted(zip(self.given_targets, self.given_sources))
            return Pattern(t, [p[0] for p in pairs], [p[1] for p in pairs])
        return Pattern(t, self.given_targets, self.given_sources, [PAIRED.get(o, o) for o in reversed(self.operations)])

    def apply(self, key):
        """(new key, replacement) or None."""
        prefix = self.prefix_of(key)
        if prefix is None or not (match := self.regex.search(key[len(prefix) :])):
            return None
        name = next(n for n, v in match.groupdict().items() if v is not None)
        i = int(name[1:])
        if self.kind == "GroupWeightRename":
            self.guard_seen |= i == 0
            if not self.guard_seen:
                return None
        replacement = self.targets[i if self.kind == "GroupWeightRename" else 0]
        if r"\1" in replacement:
            replacement = replacement.replace(r"\1", match.group(self.regex.groupindex[name] + 1))
        return prefix + key[len(prefix) :].replace(match.group(), replacement, 1), replacement

    def prefix_of(self, key):
        if self.t.get("scope_prefix") is None:
            return ""
        scope, base = (p + "." if p else "" for p in (self.t["scope_prefix"], self.t.get("base_model_prefix") or ""))
        return next((p for p in (base + scope, scope) if key.startswith(p)), None)

    def outputs(self, key, replacement):
        """The keys that a converter makes where its first target stands in `key`."""
        at = key.index(replacement)
        count = LIST_LENGTH if set(MAKES_LISTS) & set(self.operations) or any("*" in t for t in self.targets) else 1
        for target in self.targets:
            for i in range(count):
                yield key[:at] + target.replace("*", str(i)) + key[at + len(replacement) :]


def prefix_patterns(t):
    below = rf"{t['model_prefix']}\." if t.get("model_prefix") else ""
    if t.get("prefix_to_add") is not None:
        return [rf"^{below}(?:(?!{t['prefix_to_add']}\.))(.+)$"], [rf"{below}{t['prefix_to_add']}\.\1"]
    return [rf"^{below}{t['prefix_to_remove']}\.(.+)$"], [rf"{below}\1"]


def natural(key):
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in key.split(".")]


def reverse(transforms, keys, skip_prefixes):
    """The publisher's keys of a model with these keys."""
    inverted = [
        Pattern(t).inverse() for t in reversed(transforms) if not (skip_prefixes and t["kind"] == "PrefixChange")
    ]
    renamings = [p for p in inverted if p.kind != "WeightConverter"]
    converters = [p for p in inverted if p.kind == "WeightConverter"]
    out = set()
    for key in sorted(keys, key=natural):
        made = [key]
        for p in converters:
            if hit := p.apply(key):
                made = list(p.outputs(*hit))
                break
        for k in made:
            for p in renamings:
                if hit := p.apply(k):
                    k = hit[0]
            out.add(k)
    return out


def forward(transforms, keys, base="", known=None):
    """The fused layout's keys of a checkpoint; `known` tells whether a key is the model's own."""
    patterns = [Pattern(t) for t in transforms]
    renamings = [p for p in patterns if p.kind != "WeightConverter"]
    converters = [p for p in patterns if p.kind == "WeightConverter"]
    out = set()
    for key in sorted(keys, key=natural):
        k, made = key, None
        for p in renamings:
            if hit := p.apply(k):
                k = hit[0]
        for p in converters:
            if hit := p.apply(k):
                k, made = hit[0], (p, hit[1])
                break
        if known:
            fitted = fit(k, base, known)
            if not known(fitted) and known(key):
                out.add(key)
                continue
            k = fitted
        out |= set(made[0].outputs(k, made[1])) if made else {k}
    return out


def fit(key, base, known):
    if not base or known(key):
        return key
    if key.startswith(base + ".") and known(key[len(base) + 1 :]):
        return key[len(base) + 1 :]
    return f"{base}.{key}" if known(f"{base}.{key}") else key


def needed(model):
    """Whether this class's conversion comes out right only with its keys known."""
    own = set(model.keys)
    for skip_prefixes in (True, False):
        original = reverse(model.transforms, own, skip_prefixes)
        if (
            forward(model.transforms, original) != own
            and forward(model.transforms, original, model.base, own.__contains__) == own
        ):
            return True
    return False


def globs(keys):
    """The keys with the index of each module list as `*`, in natural order."""
    indices = {}
    for key in keys:
        parts = key.split(".")
        for i, part in enumerate(parts):
            if part.isdigit():
                indices.setdefault(".".join(parts[:i]), set()).add(int(part))
    lists = {prefix for prefix, found in indices.items() if found == set(range(len(found))) and len(found) > 1}
    out = []
    for key in sorted(keys, key=natural):
        parts = key.split(".")
        glob = ".".join("*" if p.isdigit() and ".".join(parts[:i]) in lists else p for i, p in enumerate(parts))
        if glob not in out:
            out.append(glob)
    return out


def matcher(patterns):
    """Whether a key is one of the globs; None when there are none."""
    if not patterns:
        return None
    regex = re.compile("|".join(re.escape(p).replace(r"\*", "[^.]+") for p in patterns))
    return lambda key: bool(regex.fullmatch(key))
