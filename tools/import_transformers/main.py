"""The command: read, build, write, and say what could not be built."""

import argparse
import os
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def arguments():
    p = argparse.ArgumentParser(
        prog="import-transformers", description="Write Tenon's rule library from the installed transformers."
    )
    p.add_argument("--rules", type=Path, default=ROOT / "rules" / "models", help="folder for the rule files")
    p.add_argument("--table", type=Path, default=ROOT / "rules" / "registry.json", help="table of entries and classes")
    p.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    return p.parse_args()


def main():
    args = arguments()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.filterwarnings("ignore")
    try:
        import torch
        import transformers
    except ImportError as e:
        sys.exit(f"import-transformers: {e}; it needs transformers and torch")
    torch.set_num_threads(1)

    from . import library, models, registry

    entries, aliases = registry.read()
    classes, not_imported = models.model_classes()
    built, not_built = measure_all(classes, entries)
    found = library.Library(entries, registry.includes(entries, aliases), built, models.auto_classes())
    return write_all(args, found, not_imported | not_built, f"transformers {transformers.__version__}")


def measure_all(classes, entries):
    """({name: Model}, {name: why it was not built})."""
    from . import models

    built, not_built = {}, {}
    jobs = [(cls, None) for _, cls in sorted(classes.items())] + list(models.shared_classes(classes, entries))
    for i, (cls, config_class) in enumerate(jobs):
        if sys.stderr.isatty():
            print(f"\r{i}/{len(jobs)} {cls.__name__:60}", end="", file=sys.stderr)
        try:
            model = models.measure(cls, entries, config_class)
            built[model.name] = model
        except Exception as e:  # noqa: BLE001 - whatever a model class raises
            if config_class is None:
                not_built[cls.__name__] = models.one_line(e)
    return built, not_built


def silences_of(path):
    """Whoever wrote a silence looked at the finding: it stays, and lint says when it silences nothing any more."""
    import yaml

    return yaml.safe_load(path.read_text()).get("silence", [])


def write_all(args, found, not_built, origin):
    from . import facts, report, write

    texts = {}
    for rules in found.files.values():
        path = args.rules / f"{rules.name}.yaml"
        silence = silences_of(path) if path.exists() else facts.silenced(rules.transforms)
        texts[path] = write.rule_file(rules, found.written(rules), report.about(rules, found), origin, silence)
    texts[args.table] = write.table(report.table(found, not_built, origin))
    changed = [p for p, text in texts.items() if not p.exists() or p.read_text() != text]
    stale = [p for p in sorted(args.rules.glob("*.yaml")) if p not in texts]
    if not args.check:
        for p in changed:
            p.parent.mkdir(parents=True, exist_ok=True)
            p.write_text(texts[p])
        for p in stale:
            p.unlink()
    wrong = report.differences(found)
    report.show(found, not_built, origin, wrong, changed, stale)
    return 1 if wrong or args.check and (changed or stale) else 0
