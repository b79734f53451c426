"""What is said about the library: one sentence per file, the table, and what differs or could not be built."""

from . import facts, keys, models

PART = {
    "backbone_config": "backbone",
    "text_config": "text model",
    "vision_config": "vision model",
    "audio_config": "audio model",
    "encoder": "encoder",
    "decoder": "decoder",
}


def about(rules, found):
    """One sentence: the hand-kept one of the entry or of the entry that it repeats, else the names of the parts."""
    if rules.name in facts.DOES:
        return sentence(facts.DOES[rules.name])
    if rules.transforms:
        return sentence(kinds(rules.transforms))
    base = next(iter(rules.include), None)
    while base and base not in facts.DOES:
        base = next(iter(found.files[base].include), None)
    if base:
        return f"As in {base}, {facts.DOES[base]}."
    return f"The rules of its {' and '.join(dict.fromkeys(part_name(s) for s in rules.submodels))}."


def sentence(text):
    return text[0].upper() + text[1:] + "."


def part_name(submodel):
    where, module, chosen = submodel
    last = where.split(".")[-1]
    return PART.get(last) or (chosen if where == "." else last.removesuffix("_config").replace("_", " "))


def kinds(transforms):
    renames = sum(t["kind"] != "WeightConverter" for t in transforms)
    converters = len(transforms) - renames
    words = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((renames, "renaming"), (converters, "converter")) if n]
    return " and ".join(words)


def differences(found):
    """[(class, what is wrong)]: another list than the reference's, or names that do not come back from the publisher's
    layout."""
    out = []
    for model in found.models.values():
        if not found.wants_file(model):
            continue
        name = found.find(saved_config(model))
        got = found.flatten(name, saved_config(model)) if name else []
        if got != model.transforms:
            out.append((model.name, f"{len(got)} transforms, not the reference's {len(model.transforms)}"))
        known = keys.matcher(found.files[name].keys.get(model.cls)) if name else None
        for skip_prefixes in (True, False):
            back = keys.forward(got, keys.reverse(got, model.keys, skip_prefixes), model.base, known)
            if back != set(model.keys):
                other = back ^ set(model.keys)
                out.append((model.name, f"{len(other)} keys do not come back, {min(other)}"))
    return out


def saved_config(model):
    return model.config | {"architectures": [model.cls]}


def table(found, not_built, origin):
    """Entry -> its file and the classes that it serves, or why there are none; class -> file and number of transforms;
    class -> why it was not built."""
    classes = {m.name: found.find(saved_config(m)) for m in found.models.values()}
    served = {}
    for model in found.models.values():
        for entry in {model.entry, *(p.entry for p in model.parts)} - {None}:
            served.setdefault(entry, []).append(model.name)
    return {
        "origin": origin,
        "entries": {e: entry_row(e, sorted(served.get(e, []))) for e in found.entries},
        "classes": {c: class_row(found.models[c], f) for c, f in classes.items() if f and found.models[c].transforms},
        "other_types": sorted(set(models.model_types()) - {found.models[c].config.get("model_type") for c in classes if classes[c]}),
        "not_built": dict(sorted(not_built.items())),
    }


def entry_row(entry, classes):
    return {"rules": entry, "classes": classes[:6]} | ({} if classes else {"none": facts.no_class(entry)})


def class_row(model, rules):
    return {"model_type": model.model_type, "rules": rules, "transforms": len(model.transforms)}


def show(found, not_built, origin, wrong, changed, stale):
    entries = [r for r in found.files.values() if r.entry]
    print(f"{origin}: {len(entries)} registry entries, {len(found.files)} rule files")
    print(f"{len(found.models)} classes built, {len(not_built)} not built")
    for name, reason in sorted(not_built.items()):
        print(f"  not built: {name}: {reason}")
    for name, what in wrong:
        print(f"  differs: {name}: {what}")
    for path in changed:
        print(f"  changed: {path.name}")
    for path in stale:
        print(f"  no longer made: {path.name}")
