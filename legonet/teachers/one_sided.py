"""Says of statistics that the teacher decided all their images alike. Needs no torch.

Where the teacher changes its mind is then not known, and the offset of a path's scores may come out wrong.
"""

from __future__ import annotations

import struct

from legonet.errors import StoreError
from legonet.graph.output import Output
from legonet.store.tensors import read_tensors

ADVICE = (
    "where the teacher changes its mind is not known, so that adapters may set it wrong; record images such "
    "as "
    "the network will meet, some that show the category and some that do not (`images` of add_teacher, or "
    "`legonet teacher record`)"
)
_FORMATS = {"F16": "e", "F32": "f"}
_MOST = 2**20  # values, which are made into numbers of Python


def one_sided(data: bytes, meaning: Output) -> str | None:
    """Say which decision all recorded outputs were.

    Args:
        data: The statistics file.
        meaning: What the teacher's outputs mean.

    Returns:
        Such as `positive`; None where there were several, or where the file has no quantiles.
    """
    try:
        raw = read_tensors(memoryview(data), "statistics").tensors.get("output.quantiles")
    except StoreError:  # whoever reads the file for its statistics says what is wrong with it
        return None
    if raw is None or raw.dtype not in _FORMATS or len(raw.shape) != 2:
        return None
    outputs, number = raw.shape
    if outputs * number > _MOST:
        return None
    values = struct.unpack(f"<{outputs * number}{_FORMATS[raw.dtype]}", raw.data)
    return meaning.one_sided([values[row * number : (row + 1) * number] for row in range(outputs)])
