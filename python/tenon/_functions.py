"""The functions of the package: names, defaults and documentation; tenon._native does the work."""

from __future__ import annotations

import difflib
import inspect as _inspect
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tenon import _native, _options
from tenon._mappings import Checkpoint, Plan
from tenon._options import DEFAULTS, Path

if TYPE_CHECKING:
    from typing import Unpack

    Progress = Callable[[str, int, int], object] | bool | None
    Note = Callable[[_native.Diagnostic], object] | None


def _texts(command: str, options: dict[str, Any]) -> list[tuple[str, str]]:
    """Options as the texts that they would be on the command line; those that are as by default are left out."""
    defaults = DEFAULTS[command]
    out = []
    for name, value in options.items():
        if name not in defaults:
            near = difflib.get_close_matches(name, defaults, 1)
            hint = f" Did you mean {near[0]!r}?" if near else f" They are {', '.join(defaults)}."
            raise TypeError(f"tenon.{command.replace(' list', '')}() has no option {name!r}.{hint}")
        default = defaults[name]
        if isinstance(default, bool) and not isinstance(value, bool):
            raise TypeError(f"{name} is True or False, not {value!r}")
        if value is None or value == default:
            continue
        if isinstance(default, bool):
            out.append((name, "true" if value else "false"))
        elif isinstance(default, tuple) and not isinstance(value, (str, os.PathLike)):
            out.extend((name, os.fspath(item)) for item in value)
        elif isinstance(value, os.PathLike):
            out.append((name, os.fspath(value)))
        elif isinstance(value, (str, int)):
            out.append((name, str(value)))
        else:
            raise TypeError(f"{name} cannot be {value!r}")
    return out


@contextmanager
def _listening(progress: Progress) -> Iterator[Callable[[str, int, int], object] | None]:
    if progress is None or progress is False:
        yield None
        return
    if progress is not True:
        yield progress
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("progress=True needs the package tqdm: pip install tqdm") from error
    bar: Any = None

    def show(stage: str, done: int, total: int) -> None:
        nonlocal bar
        if bar is None or bar.desc != stage:
            if bar is not None:
                bar.close()
            bar = tqdm(total=total, unit="B", unit_scale=True)
            bar.set_description_str(stage, refresh=False)
            bar.desc = stage
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def convert(
    source: Path, destination: Path, *, progress: Progress = None, note: Note = None, **options: Unpack[_options.ConvertOptions]
) -> _native.ConvertResult:
    """Convert a checkpoint to the fused layout, or back with to="original".

    `source` is a folder or one .safetensors file; `destination` the folder to make, absent or with overwrite=True
    replaced once the new one is complete. Afterwards it is complete; else something was raised and it is as it was.
    """
    with _listening(progress) as listener:
        return _native.convert(os.fspath(source), os.fspath(destination), _texts("convert", options), note, listener)


def plan(source: Path, *, note: Note = None, **options: Unpack[_options.PlanOptions]) -> Plan:
    """What a conversion would write, and from where, proven. Reads headers only.

    The result maps keys to NumPy arrays that are read out of `source` when they are asked for.
    """
    return Plan(_native.plan(os.fspath(source), _texts("plan", options), note))


def explain(source: Path, key: str, **options: Unpack[_options.PlanOptions]) -> _native.KeyExplanation:
    """Which transform touched a key, and which did not, both ways."""
    return plan(source, **options).explain(key)


def inspect(path: Path, **options: Unpack[_options.InspectOptions]) -> Checkpoint:
    """Open a checkpoint: its tensors, dtypes, shapes and sizes. Reads headers only."""
    return Checkpoint(_native.inspect(os.fspath(path), _texts("inspect", options)))


def diff(
    a: Path, b: Path, *, progress: Progress = None, note: Note = None, **options: Unpack[_options.DiffOptions]
) -> _native.DiffResult:
    """Compare two checkpoints: names, dtypes, shapes, bytes. How they are cut into shards does not matter."""
    with _listening(progress) as listener:
        return _native.diff(os.fspath(a), os.fspath(b), _texts("diff", options), note, listener)


def verify(
    folder: Path, *, progress: Progress = None, note: Note = None, **options: Unpack[_options.VerifyOptions]
) -> _native.VerifyResult:
    """Check a converted folder against its manifest and, with against=SRC, every element against its source."""
    with _listening(progress) as listener:
        return _native.verify(os.fspath(folder), _texts("verify", options), note, listener)


def lint(rules: str | Path | Sequence[str | Path], **options: Unpack[_options.LintOptions]) -> _native.LintResult:
    """Check rule files, names of the library, or folders of rule files."""
    names = [rules] if isinstance(rules, (str, os.PathLike)) else list(rules)
    return _native.lint([os.fspath(name) for name in names], _texts("lint", options))


def parity(
    original: Path,
    fused: Path | None = None,
    *,
    progress: Progress = None,
    note: Note = None,
    **options: Unpack[_options.ParityOptions],
) -> _native.ParityResult:
    """Run the original and the fused modules and prove that they agree (docs/parity.md).

    The fused weights are those that the plan makes, or those of the folder `fused`. Progress counts modules.
    """
    with _listening(progress) as listener:
        return _native.parity(
            os.fspath(original), "" if fused is None else os.fspath(fused), _texts("parity", options), note, listener
        )


def batch(
    file: Path, *, progress: Progress = None, note: Note = None, **options: Unpack[_options.BatchOptions]
) -> _native.BatchResult:
    """Run the jobs of a batch file; those that an earlier run finished are skipped. A failed job is a result."""
    with _listening(progress) as listener:
        return _native.batch(os.fspath(file), _texts("batch", options), note, listener)


def rules(**options: Unpack[_options.RulesListOptions]) -> _native.RuleLibrary:
    """The rule library: models that rules are found for by config.json, and fusion families."""
    return _native.rules(_texts("rules list", options))


def scaffold(original: Path, fused: Path, name: str = "draft") -> _native.Draft:
    """A first draft of a rule file, from two checkpoints' keys and shapes."""
    return _native.scaffold(os.fspath(original), os.fspath(fused), name)


def explain_error(identifier: str) -> str:
    """What a diagnostic's id means, an example, and what to do."""
    return _native.explain_error(identifier)


def build_facts() -> _native.BuildFacts:
    """Version, compiler, parts, rule library, CUDA module: for bug reports."""
    return _native.build_facts()


def _show_options() -> None:
    """Writes each option into the signature, which **options hides, and into the documentation."""
    commands = {convert: "convert", plan: "plan", explain: "plan", inspect: "inspect", diff: "diff", verify: "verify"}
    commands |= {lint: "lint", parity: "parity", batch: "batch", rules: "rules list"}
    for function, command in commands.items():
        shown = _inspect.signature(function)
        fixed = [p for p in shown.parameters.values() if p.kind is not p.VAR_KEYWORD]
        named = [
            _inspect.Parameter(name, _inspect.Parameter.KEYWORD_ONLY, default=default) for name, default in DEFAULTS[command].items()
        ]
        function.__signature__ = shown.replace(parameters=fixed + named)  # type: ignore[attr-defined]
        lines = [f"    {name}: {_options.ABOUT[command][name]}" for name in DEFAULTS[command]]
        function.__doc__ = f"{function.__doc__}\n\n    Options:\n" + "\n".join("    " + line for line in lines) + "\n"


_show_options()
