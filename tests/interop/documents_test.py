"""Every document that a command prints with --json keeps to the schema that `tenon schema` prints for it, and says no more than that.

usage: documents_test.py     (TENON: the program)
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema

ROOT = Path(__file__).resolve().parents[2]
TENON = os.environ["TENON"]


def run(*arguments, status=(0,)):
    done = subprocess.run([TENON, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode in status, (arguments, done.returncode, done.stderr)
    return json.loads(done.stdout)


def validator_of(command):
    schema = run("schema", *command.split())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check(command, *arguments, status=(0,)):
    document = run(*arguments, status=status)
    validator = validator_of(command)
    errors = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(document)]
    assert not errors, (arguments, errors[:5])
    assert document["format"] == 1
    assert list(validator.iter_errors({**document, "unheard_of": 1})), f"{command}: the schema takes any member"
    for name in validator.schema["required"]:
        rest = {key: value for key, value in document.items() if key != name}
        assert list(validator.iter_errors(rest)), f"{command}: the schema does not miss {name}"
    return document


def main():
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        for folder, seed in (("moe", 0), ("other", 1)):
            subprocess.run([sys.executable, ROOT / "tools/make-checkpoint", folder, "--model", "mixtral", "--shard-size", "200kB", "--seed", str(seed)],
                           check=True, stdout=subprocess.DEVNULL)
        check("plan", "plan", "moe", "--json")
        check("plan", "convert", "moe", "fused", "--dry-run", "--json")
        check("convert", "convert", "moe", "fused", "--verify", "--no-sync", "--json")
        check("plan", "plan", "fused", "--to", "original", "--json")
        check("inspect", "inspect", "moe", "--json")
        assert check("inspect", "inspect", "fused", "--summary", "--json")["origin"]["layout"] == "fused"
        assert check("diff", "diff", "moe", "other", "--json", status=(1,))["bytes"]
        assert check("diff", "diff", "moe", "fused", "--json", status=(1,))["only_in_a"]
        check("verify", "verify", "fused", "--against", "moe", "--json")
        (Path("fused") / "config.json").write_text("{}")
        assert check("verify", "verify", "fused", "--json", status=(1,))["findings"]
        check("explain", "explain", "moe", "model.layers.0.block_sparse_moe.experts.3.w1.weight", "--json")
        check("rules list", "rules", "list", "--json")
        for name in ("mixtral", "llava", "qkv"):
            check("rules show", "rules", "show", name, "--json")
        faulty = sorted((ROOT / "tests/lint/faulty").glob("*.yaml"))
        assert check("lint", "lint", "--format", "json", *faulty, status=(0, 1))["findings"]
        Path("jobs.yaml").write_text("jobs: [{source: moe, destination: done}, {source: absent, destination: never}]")
        assert check("batch", "batch", "jobs.yaml", "--json", status=(1,))["failed"] == 1

        check("parity", "parity", "moe", "--layers", "0", "--tokens", "2", "--report", "proof", "--json", status=(0, 1))
        assert check("parity check", "parity", "--check", "proof/report.json", "--json")["modules"]
        assert check("parity check", "parity", "--check", "proof/report.json", "other", "--json", status=(1,))["checkpoints"][0]["findings"]

        run("convert", "moe", "coded", "--quantize", "fp8-channel", "--within", "0.08", "--no-sync", "--report", "lost", "--json")
        report = json.loads(Path("lost/report.json").read_text())
        errors = [f"{e.json_path}: {e.message}" for e in validator_of("convert report").iter_errors(report)]
        assert report["tensors"] and not errors, errors[:5]

        # Errors are documents too, whatever finds them.
        for arguments in (("convert", "absent", "out", "--json"), ("convert", "moe", "out", "--json", "--threads", "many"),
                          ("plan", "fused", "--json"), ("diff", "moe", "--json"), ("rules", "show", "mixtrl", "--json")):
            document = check("errors", *arguments, status=(2,))
            assert all(error["id"] and error["message"] for error in document["errors"]), document

        # What stands on standard error as a warning stands in the document.
        (Path("moe") / "leftover.safetensors").write_bytes(next(Path("moe").glob("*.safetensors")).read_bytes())
        warnings = check("plan", "plan", "moe", "--json")["warnings"]
        assert any("leftover" in json.dumps(warning) for warning in warnings), warnings
        assert check("inspect", "inspect", "moe", "--json")["warnings"], "inspect has no warnings"
    print("every document keeps to its schema")


main()
