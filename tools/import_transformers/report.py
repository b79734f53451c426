"""What is said about the library: one sentence per file, the table, and what differs or could not be built."""
from . import facts


PART = {
    "backbone_config": "backbone",
    "text_config": "text model",
    "vision_config": "vision model",
    "audio_config": "audio model",
    "encoder": "encoder",
    "decoder": "decoder",
}


def about(rules, found):
    """One sentence: the hand-kept one of the entry or of the entry it repeats, else the names of the parts."""
    name = facts.TITLES.get(rules.name) or title(rules, found)
    source = rules.name if rules.name in facts.DOES else rules.include[0] if rules.include and not rules.transforms else None
    while source and source not in facts.DOES:
        source = next(iter(found.files[source].include), None)
    if source:
        return f"{name} - {facts.DOES[source]}."
    if rules.transforms:
        return f"{name} - {kinds(rules.transforms)}."
    return f"{name} - the rules of its {' and '.join(dict.fromkeys(part_name(s) for s in rules.submodels))}."


def part_name(submodel):
    where, module, chosen = submodel
    last = where.split(".")[-1]
    return PART.get(last) or (chosen if where == "." else last.removesuffix("_config").replace("_", " "))


def title(rules, found):
    """The entry or class that a file is named by, a model type by the class that AutoModel builds for it."""
    if rules.name[0].isupper():
        return rules.name
    plain = found.autos["MODEL"].get(rules.name, rules.classes[0] if rules.classes else rules.name)
    return plain.removesuffix("Model") or rules.name


def kinds(transforms):
    renames = sum(t["kind"] != "WeightConverter" for t in transforms)
    converters = len(transforms) - renames
    words = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((renames, "renaming"), (converters, "converter")) if n]
    return " and ".join(words)


def differences(found):
    """[(class, transforms by the library, by the reference)] where the two are not the same list."""
    out = []
    for model in found.models.values():
        config = model.config | {"architectures": [model.cls]}
        name = found.find(config)
        got = found.flatten(name, config) if name else []
        if got != model.transforms and found.wants_file(model):
            out.append((model.cls, len(got), len(model.transforms)))
    return out


def table(found, not_built, origin):
    """entry -> its file and the classes that it serves, or why there are none; class -> file and number of transforms; what was not built."""
    classes = {m.cls: found.find(m.config | {"architectures": [m.cls]}) for m in found.models.values()}
    served = {}
    for model in found.models.values():
        for entry in {model.entry, *(p.entry for p in model.parts)} - {None}:
            served.setdefault(entry, []).append(model.cls)
    return {
        "origin": origin,
        "entries": {e: {"rules": e, "classes": sorted(served.get(e, []))[:6]} | ({} if served.get(e) else {"none": facts.no_class(e)}) for e in found.entries},
        "classes": {c: {"model_type": found.models[c].model_type, "rules": f, "transforms": len(found.models[c].transforms)} for c, f in classes.items() if f and found.models[c].transforms},
        "not_built": dict(sorted(not_built.items())),
    }


def show(found, not_built, origin, changed, stale):
    entries = [r for r in found.files.values() if r.entry]
    print(f"{origin}: {len(entries)} registry entries, {len(found.files)} rule files, {len(found.models)} classes built, {len(not_built)} not built")
    for name, reason in sorted(not_built.items()):
        print(f"  not built: {name}: {reason}")
    for name, got, want in differences(found):
        print(f"  differs: {name}: {got} transforms by the library, {want} by the reference")
    for path in changed:
        print(f"  changed: {path.name}")
    for path in stale:
        print(f"  no longer made: {path.name}")
