"""Plans and checkpoints as mappings of keys to arrays."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tenon import _native
from tenon._arrays import array_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class _Tensors(Mapping):
    """Keys, in natural order (layers.2 before layers.10), to NumPy arrays that are read when they are asked for."""

    _handle: Any
    _infos: dict[str, _native.TensorInfo]

    def __getitem__(self, key: str) -> np.ndarray:
        info = self._infos.get(key)
        if info is None:
            raise KeyError(key)
        return array_of(self._handle.read(key), info.dtype, info.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def __len__(self) -> int:
        return len(self._infos)

    def __contains__(self, key: object) -> bool:
        return key in self._infos

    # By identity: comparing contents would read every tensor.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @property
    def tensors(self) -> dict[str, _native.TensorInfo]:
        """key -> its dtype, shape (in elements, outermost first), bytes and file."""
        return dict(self._infos)

    @property
    def text(self) -> str:
        """What the program prints."""
        return self._handle.text()

    @property
    def json(self) -> str:
        """The document that the program prints with --json (docs/json.md)."""
        return self._handle.json()

    def to_dict(self) -> dict[str, Any]:
        """The document, parsed."""
        return json.loads(self.json)

    def to_pandas(self) -> pd.DataFrame:
        """A row for each tensor: key, dtype, shape, bytes, file. Needs pandas."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_pandas() needs the package pandas: pip install pandas") from error
        names = ("key", "dtype", "shape", "bytes", "file")
        return pd.DataFrame([{name: getattr(i, name) for name in names} for i in self._infos.values()], columns=names)

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text)}</pre>"


class Plan(_Tensors):
    """What a conversion would write, out of what; proven before a byte is written. Made by tenon.plan().

    A mapping of the keys that would be written to NumPy arrays: plan[key] reads the source and writes nothing.
    Raises UserError where the source's bytes are not what the plan takes for granted.
    """

    def __init__(self, handle: _native.Plan) -> None:
        self._handle = handle
        self._infos = {info.key: info for info in handle.outputs}

    @property
    def to(self) -> str:
        """'fused' or 'original'."""
        return self._handle.to

    @property
    def fates(self) -> list[_native.Fate]:
        """What becomes of each tensor of the source."""
        return self._handle.fates

    @property
    def notes(self) -> list[_native.Diagnostic]:
        """What was assumed; transforms that matched nothing."""
        return self._handle.notes

    @property
    def hash(self) -> str:
        """Of what will be written: two plans of the same hash write the same shards."""
        return self._handle.hash

    @property
    def golden(self) -> str:
        """The stable text, to keep and compare."""
        return self._handle.golden()

    @property
    def snapshot(self) -> str:
        """What the rules decide, in few lines: what `tenon plan --check` keeps and compares."""
        return self._handle.snapshot()

    def explain(self, key: str) -> _native.KeyExplanation:
        """What each transform did with a key of the source, or of an output, there and back."""
        return self._handle.explain(key)


class Checkpoint(_Tensors):
    """An opened checkpoint. Made by tenon.inspect(); a mapping of its keys to NumPy arrays."""

    def __init__(self, handle: _native.Checkpoint) -> None:
        self._handle = handle
        self._infos = {info.key: info for info in handle.tensors}

    @property
    def config(self) -> dict[str, Any]:
        """config.json; {} where there is none."""
        return json.loads(self._handle.config or "{}")

    @property
    def total_bytes(self) -> int:
        """Of all tensors."""
        return self._handle.total_bytes

    @property
    def warnings(self) -> list[_native.Diagnostic]:
        """What is odd, but stops nothing."""
        return self._handle.warnings
