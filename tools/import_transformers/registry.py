"""The registry's entries as plain transforms."""

import inspect

ALWAYS = ("dim", "dim0", "dim1", "stack_dim", "concat_dim")
PREFIX_FIELDS = ("prefix_to_add", "prefix_to_remove", "model_prefix")


def operation(op):
    """{"op": name, parameter: value}, leaving out parameters at their default but for the dimensions."""
    out = {"op": type(op).__name__}
    for name, parameter in inspect.signature(type(op).__init__).parameters.items():
        if name == "self" or not hasattr(op, name):
            continue
        value = getattr(op, name)
        if value != parameter.default or name in ALWAYS:
            out[name] = list(value) if isinstance(value, tuple) else value
    return out


def transform(t):
    """One transform as a dict of plain values, its patterns as they were registered."""
    out = {"kind": type(t).__name__}
    if out["kind"] == "PrefixChange":
        out |= {f: getattr(t, f) for f in PREFIX_FIELDS if getattr(t, f)}
    else:
        out["source_patterns"] = list(t._original_source_patterns)
        out["target_patterns"] = list(t._original_target_patterns)
    if hasattr(t, "operations"):
        out["operations"] = [operation(op) for op in t.operations]
    return out


def scoped(t):
    """`transform` with the scope that the reference gave it."""
    out = transform(t)
    if t.scope_prefix is not None:
        out |= {"scope_prefix": t.scope_prefix, "base_model_prefix": t.base_model_prefix}
    return out


def read():
    """{entry: [transform]} and {entry: the entry it repeats}, both in registry order."""
    from transformers import conversion_mapping as mapping

    built = mapping._build_checkpoint_conversion_mapping()
    entries = {name: [transform(t) for t in ts] for name, ts in built.items()}
    return entries, dict(mapping._MODEL_TO_CONVERSION_PATTERN)


def includes(entries, aliases):
    """{entry: ([entries it starts with], [its own transforms])}: a family is written once and included."""
    order = {name: i for i, name in enumerate(entries)}
    families = set(aliases.values())
    out = {}
    for name, transforms in entries.items():
        if name in aliases and entries[aliases[name]] == transforms:
            out[name] = ([aliases[name]], [])
            continue
        rest, taken = transforms, []
        while rest:
            base = longest_prefix(name, rest, entries, order, families)
            if base is None:
                break
            taken.append(base)
            rest = rest[len(entries[base]) :]
        out[name] = (taken, rest)
    return out


def longest_prefix(name, transforms, entries, order, families):
    """The family, or an earlier entry of several transforms, that `transforms` begins with."""
    best = None
    for base, theirs in entries.items():
        if base == name or transforms[: len(theirs)] != theirs:
            continue
        if theirs == entries[name] and (order[base] > order[name] or name in families):
            continue
        if base not in families and len(theirs) < 2:
            continue
        rank = (len(theirs), base in families, -order[base])
        if best is None or rank > best[0]:
            best = (rank, base)
    return best[1] if best else None
