"""The command: read, build, write, and say what could not be built."""
import argparse
import os
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def arguments():
    p = argparse.ArgumentParser(prog="import-transformers", description="Write Tenon's rule library from the installed transformers.")
    p.add_argument("--rules", type=Path, default=ROOT / "rules" / "models", help="folder for the rule files (default: %(default)s)")
    p.add_argument("--table", type=Path, default=ROOT / "rules" / "registry.json", help="the table of entries and classes (default: %(default)s)")
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
    built, not_built = {}, dict(not_imported)
    for i, (name, cls) in enumerate(sorted(classes.items())):
        if sys.stderr.isatty():
            print(f"\r{i}/{len(classes)} {name:60}", end="", file=sys.stderr)
        try:
            built[name] = models.measure(cls, entries)
        except Exception as e:  # noqa: BLE001 - whatever a model class raises
            not_built[name] = models.one_line(e)
    found = library.Library(entries, registry.includes(entries, aliases), built, models.auto_classes())
    return write_all(args, found, not_built, f"transformers {transformers.__version__}")


def write_all(args, found, not_built, origin):
    from . import report, write

    texts = {args.rules / f"{r.name}.yaml": write.rule_file(r, found.written(r), report.about(r, found), origin) for r in found.files.values()}
    texts[args.table] = write.table(report.table(found, not_built, origin))
    changed = [p for p, text in texts.items() if not p.exists() or p.read_text() != text]
    stale = [p for p in sorted(args.rules.glob("*.yaml")) if p not in texts]
    if not args.check:
        for p in changed:
            p.parent.mkdir(parents=True, exist_ok=True)
            p.write_text(texts[p])
        for p in stale:
            p.unlink()
    report.show(found, not_built, origin, changed, stale)
    return 1 if report.differences(found) or args.check and (changed or stale) else 0
