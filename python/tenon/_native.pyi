from collections.abc import Sequence
from typing import Annotated

import numpy
from numpy.typing import NDArray


class Diagnostic:
    """One thing to tell, with its place. Absent parts are empty, 0 or None."""

    @property
    def level(self) -> str:
        """'error', 'warning' or 'note'."""

    @property
    def id(self) -> str:
        """Stable: 'plan-key-lost'. tenon.explain_error() has each."""

    @property
    def file(self) -> str:
        """The path as it was given."""

    @property
    def line(self) -> int:
        """From 1; 0: unknown."""

    @property
    def column(self) -> int:
        """From 1, in bytes; 0: unknown."""

    @property
    def offset(self) -> int | None:
        """Of a byte in a binary file."""

    @property
    def key(self) -> str:
        """A tensor, a member of a JSON file, an option."""

    @property
    def message(self) -> str:
        """What is wrong."""

    @property
    def hint(self) -> str:
        """What to do."""

    @property
    def more(self) -> int:
        """In how many places more the same is wrong."""

    @property
    def text(self) -> str:
        """All of it, as the program prints it."""

    def __repr__(self) -> str: ...

class TensorInfo:
    """A tensor of a checkpoint, or one that a plan would write."""

    @property
    def key(self) -> str:
        """Its full name."""

    @property
    def dtype(self) -> str:
        """As safetensors writes it: 'BF16', 'F8_E4M3'."""

    @property
    def shape(self, /) -> tuple[int, ...]:
        """In elements, outermost first."""

    @property
    def bytes(self) -> int:
        """Of its data."""

    @property
    def file(self) -> str:
        """The shard that holds it, or will."""

    def __repr__(self) -> str: ...

class Fate:
    """What becomes of a tensor of the source."""

    @property
    def key(self) -> str:
        """Of the source."""

    @property
    def what(self) -> str:
        """'passed', 'renamed', 'converted' or 'dropped'."""

    @property
    def output(self) -> str:
        """
        The output that holds it, the first of several; '' where it is dropped.
        """

    @property
    def reason(self) -> str:
        """Of a dropped one."""

    def __repr__(self) -> str: ...

class ConvertResult:
    """A conversion that was made."""

    @property
    def text(self) -> str:
        """What the command prints."""

    @property
    def json(self) -> str:
        """The document that the command prints with --json (docs/json.md)."""

    def to_dict(self) -> dict:
        """The document, parsed."""

    def __repr__(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def destination(self) -> str: ...

    @property
    def to(self) -> str:
        """'fused' or 'original'."""

    @property
    def rules(self) -> list[str]:
        """Names of the rule files, families too."""

    @property
    def source_tensors(self) -> int: ...

    @property
    def output_tensors(self) -> int: ...

    @property
    def shards(self) -> int: ...

    @property
    def bytes(self) -> int:
        """Of all output tensors."""

    @property
    def bytes_written(self) -> int:
        """Less with resume."""

    @property
    def seconds(self) -> float: ...

    @property
    def verified(self) -> bool:
        """With verify: read again and compared with the source."""

    @property
    def findings(self) -> list[str]:
        """Of that: what differs; the destination was not made then."""

    @property
    def timings(self) -> list[tuple[str, float]]:
        """Seconds of each step."""

class BatchJobResult:
    """One job of a batch."""

    @property
    def name(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def destination(self) -> str: ...

    @property
    def result(self) -> str:
        """
        'done', 'done before', 'planned', 'failed', 'interrupted' or 'not run'.
        """

    @property
    def seconds(self) -> float: ...

    @property
    def error(self) -> str:
        """Of a failed one: every message, as lines."""

class BatchResult:
    """What became of the jobs of a batch file."""

    @property
    def text(self) -> str:
        """What the command prints."""

    @property
    def json(self) -> str:
        """The document that the command prints with --json (docs/json.md)."""

    def to_dict(self) -> dict:
        """The document, parsed."""

    def __repr__(self) -> str: ...

    @property
    def jobs(self) -> list[BatchJobResult]: ...

    @property
    def holds(self) -> bool:
        """None failed and all were run."""

    @property
    def interrupted(self) -> bool: ...

    @property
    def junit(self) -> str:
        """JUnit XML."""

class Finding:
    """Something that is not as it was."""

    @property
    def key(self) -> str:
        """Of a tensor, or a file's name."""

    @property
    def what(self) -> str: ...

    def __repr__(self) -> str: ...

class VerifyResult:
    """A converted folder, checked."""

    @property
    def text(self) -> str:
        """What the command prints."""

    @property
    def json(self) -> str:
        """The document that the command prints with --json (docs/json.md)."""

    def to_dict(self) -> dict:
        """The document, parsed."""

    def __repr__(self) -> str: ...

    @property
    def tensors(self) -> int: ...

    @property
    def side_files(self) -> int: ...

    @property
    def bytes(self) -> int:
        """Read."""

    @property
    def findings(self) -> list[Finding]: ...

    @property
    def holds(self) -> bool:
        """Nothing was found."""

class DiffResult:
    """Two checkpoints, compared."""

    @property
    def text(self) -> str:
        """What the command prints."""

    @property
    def json(self) -> str:
        """The document that the command prints with --json (docs/json.md)."""

    def to_dict(self) -> dict:
        """The document, parsed."""

    def __repr__(self) -> str: ...

    @property
    def tensors_in_both(self) -> int: ...

    @property
    def bytes_compared(self) -> int: ...

    @property
    def renamed(self) -> list[tuple[str, str]]:
        """Other names, the same dtype, shape and bytes."""

    @property
    def only_in_a(self) -> list[str]: ...

    @property
    def only_in_b(self) -> list[str]: ...

    @property
    def headers_differ(self) -> list[str]:
        """Keys whose dtype or shape differs."""

    @property
    def bytes_differ(self) -> list[str]:
        """Keys of the same dtype and shape."""

    @property
    def same(self) -> bool: ...

class ModuleParity:
    """One module and its five checks."""

    @property
    def path(self) -> str:
        """In the fused layout."""

    @property
    def claims(self) -> str:
        """What of it is compared."""

    @property
    def holds(self) -> bool: ...

    @property
    def bytes(self) -> bool:
        """The fused weights are what the plan makes."""

    @property
    def bitwise(self) -> bool:
        """Both sides agree bit for bit in a fixed order of summation."""

    @property
    def bounded(self) -> bool:
        """Both stay within the bound of rounding errors."""

    @property
    def no_worse(self) -> bool:
        """The fused side's error is not larger than is allowed."""

    @property
    def power(self) -> bool:
        """The checks find planted mistakes."""

class ParityResult:
    """Whether fused modules compute what the original ones do."""

    @property
    def text(self) -> str:
        """What the command prints."""

    @property
    def json(self) -> str:
        """The document that the command prints with --json (docs/json.md)."""

    def to_dict(self) -> dict:
        """The document, parsed."""

    def __repr__(self) -> str: ...

    @property
    def holds(self) -> bool:
        """For all modules that were compared."""

    @property
    def covers(self) -> bool:
        """Nothing moves that was not compared."""

    @property
    def modules(self) -> list[ModuleParity]: ...

    @property
    def changed_bytes(self) -> int:
        """Of fused tensors whose elements move."""

    @property
    def changed_compared(self) -> int:
        """Those of them that programs read."""

    @property
    def backend(self) -> str:
        """'cpu' or 'cuda'."""

    @property
    def seconds(self) -> float: ...

    @property
    def html(self) -> str:
        """report.html."""

    @property
    def junit(self) -> str:
        """JUnit XML."""

class LintResult:
    """What is wrong, or about to go wrong, in rule files."""

    @property
    def text(self) -> str:
        """What the command prints."""

    @property
    def json(self) -> str:
        """The document that the command prints with --json (docs/json.md)."""

    def to_dict(self) -> dict:
        """The document, parsed."""

    def __repr__(self) -> str: ...

    @property
    def files(self) -> int:
        """How many were checked."""

    @property
    def findings(self) -> list[Diagnostic]: ...

    @property
    def fails(self) -> bool:
        """There are errors, or with strict warnings."""

    @property
    def sarif(self) -> str:
        """SARIF 2.1.0."""

class KeyExplanation:
    """What was done with a key, there and back."""

    @property
    def text(self) -> str:
        """What the command prints."""

    @property
    def json(self) -> str:
        """The document that the command prints with --json (docs/json.md)."""

    def to_dict(self) -> dict:
        """The document, parsed."""

    def __repr__(self) -> str: ...

    @property
    def results(self) -> list[str]:
        """The keys that hold its elements on the other side."""

    @property
    def made_of(self) -> list[str]:
        """Of an output: the source's keys."""

class RuleEntry:
    """A rule file of the library."""

    @property
    def name(self) -> str: ...

    @property
    def about(self) -> str: ...

    @property
    def model_types(self) -> list[str]: ...

    @property
    def architectures(self) -> list[str]: ...

    def __repr__(self) -> str: ...

class RuleLibrary:
    """The rule library."""

    @property
    def folder(self) -> str: ...

    @property
    def models(self) -> list[RuleEntry]: ...

    @property
    def families(self) -> list[RuleEntry]:
        """Fusion families: convert(..., fuse=[...])."""

    def to_dict(self) -> dict: ...

    def __repr__(self) -> str: ...

class Draft:
    """A first draft of a rule file."""

    @property
    def rule_file(self) -> str:
        """YAML."""

    @property
    def unexplained(self) -> list[str]:
        """Kinds of fused keys that it does not make."""

    @property
    def left_over(self) -> list[str]:
        """Kinds of original keys that it does not use."""

    def __repr__(self) -> str: ...

class BuildFacts:
    """What this tenon is."""

    @property
    def version(self) -> str: ...

    @property
    def commit(self) -> str: ...

    @property
    def compiler(self) -> str: ...

    @property
    def parts(self) -> str: ...

    @property
    def rules(self) -> str: ...

    @property
    def cuda(self) -> str: ...

class Checkpoint:
    @property
    def tensors(self) -> list[TensorInfo]: ...

    @property
    def config(self) -> str: ...

    @property
    def total_bytes(self) -> int: ...

    @property
    def warnings(self) -> list[Diagnostic]: ...

    def read(self, key: str) -> Annotated[NDArray[numpy.uint8], dict(shape=(None,))]: ...

    def text(self) -> str: ...

    def json(self) -> str: ...

class Plan:
    @property
    def to(self) -> str: ...

    @property
    def outputs(self) -> list[TensorInfo]: ...

    @property
    def fates(self) -> list[Fate]: ...

    @property
    def notes(self) -> list[Diagnostic]: ...

    @property
    def hash(self) -> str: ...

    def read(self, key: str) -> Annotated[NDArray[numpy.uint8], dict(shape=(None,))]: ...

    def explain(self, key: str) -> KeyExplanation: ...

    def text(self) -> str: ...

    def json(self) -> str: ...

    def golden(self) -> str: ...

    def snapshot(self) -> str: ...

def convert(source: str, destination: str, options: Sequence[tuple[str, str]], note: object | None, progress: object | None) -> ConvertResult: ...

def batch(file: str, options: Sequence[tuple[str, str]], note: object | None, progress: object | None) -> BatchResult: ...

def verify(folder: str, options: Sequence[tuple[str, str]], note: object | None, progress: object | None) -> VerifyResult: ...

def diff(a: str, b: str, options: Sequence[tuple[str, str]], note: object | None, progress: object | None) -> DiffResult: ...

def parity(original: str, fused: str, options: Sequence[tuple[str, str]], note: object | None, progress: object | None) -> ParityResult: ...

def plan(source: str, options: Sequence[tuple[str, str]], note: object | None) -> Plan: ...

def inspect(path: str, options: Sequence[tuple[str, str]]) -> Checkpoint: ...

def lint(rules: Sequence[str], options: Sequence[tuple[str, str]]) -> LintResult: ...

def rules(options: Sequence[tuple[str, str]]) -> RuleLibrary: ...

def scaffold(original: str, fused: str, name: str) -> Draft: ...

def explain_error(id: str) -> str: ...

def version() -> str: ...

def build_facts() -> BuildFacts: ...

def main(argv: Sequence[str]) -> int: ...
