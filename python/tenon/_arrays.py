"""Bytes of tensors as NumPy arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# As safetensors writes a dtype: the name of NumPy's, or of ml_dtypes'.
NUMPY = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "C64": "complex64",
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
}
ML_DTYPES = {
    "BF16": "bfloat16",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}


def array_of(data: np.ndarray, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """`data` (uint8, one dimension) as an array of `shape`; nothing is copied.

    Elements of less than a byte, which NumPy does not have, stay as they are packed: uint8, one dimension.
    """
    import numpy as np

    if dtype in NUMPY:
        kind = np.dtype(NUMPY[dtype])
    elif dtype in ML_DTYPES:
        try:
            import ml_dtypes
        except ImportError as error:
            raise ImportError(f"{dtype} needs the package ml_dtypes: pip install ml_dtypes") from error
        kind = np.dtype(getattr(ml_dtypes, ML_DTYPES[dtype]))
    else:
        return data
    assert data.nbytes == math.prod(shape) * kind.itemsize
    return data.view(kind).reshape(shape)
