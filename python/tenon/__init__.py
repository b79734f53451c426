"""tenon: model checkpoints between the layout that their publisher ships and the fused one, and back, byte for byte.

    import tenon

    plan = tenon.plan("Mixtral-8x7B")                  # headers only; proven before a byte is read
    plan["model.layers.0.mlp.experts.gate_up_proj"]    # a NumPy array; nothing is written
    tenon.convert("Mixtral-8x7B", "fused", verify=True)
    tenon.convert("fused", "back", to="original")
    tenon.diff("Mixtral-8x7B", "back").same            # True

Paths are str or os.PathLike. Options are those of the program, by the same names with underscores. Whatever is
raised, a destination is complete or as it was:

    tenon.UserError      the input is wrong: .diagnostics has everything that was found, with ids and places
    tenon.SystemError    the machine failed (an OSError with errno and filename)
    KeyboardInterrupt    Ctrl-C; what a callback raises comes out likewise

Functions that take long release the interpreter's lock, and call `progress(stage, done, total)` (mostly bytes) and
`note(diagnostic)` in the thread that called them. `progress=True` shows a bar by tqdm.
"""

from tenon._errors import Error, SystemError, UserError
from tenon._functions import (
    batch,
    build_facts,
    convert,
    diff,
    explain,
    explain_error,
    inspect,
    lint,
    parity,
    plan,
    rules,
    scaffold,
    verify,
)
from tenon._mappings import Checkpoint, Plan
from tenon._native import (
    BatchResult,
    ConvertResult,
    Diagnostic,
    DiffResult,
    KeyExplanation,
    LintResult,
    ParityResult,
    TensorInfo,
    VerifyResult,
    version as _version,
)

__version__ = _version()

__all__ = [
    "BatchResult",
    "Checkpoint",
    "ConvertResult",
    "DiffResult",
    "Diagnostic",
    "Error",
    "KeyExplanation",
    "LintResult",
    "ParityResult",
    "Plan",
    "SystemError",
    "TensorInfo",
    "UserError",
    "VerifyResult",
    "batch",
    "build_facts",
    "convert",
    "diff",
    "explain",
    "explain_error",
    "inspect",
    "lint",
    "parity",
    "plan",
    "rules",
    "scaffold",
    "verify",
]
