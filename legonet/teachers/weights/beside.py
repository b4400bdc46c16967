"""What checkpoints carry beside weights: options, paths and NumPy's numbers, as plain data. Needs no torch.

None of these names is looked up in Python: each stands for the data that it would hold. A state that is set
later, such as a namespace's options, is left out, as all states are.
"""

from __future__ import annotations

import struct
from typing import Any

from legonet.teachers.weights.pickles import Maker, Mark

_FORMS = {
    "f8": "<d", "f4": "<f", "f2": "<e", "i8": "<q", "i4": "<i", "i2": "<h", "i1": "<b", "u8": "<Q",
    "u4": "<I", "u2": "<H", "u1": "<B", "b1": "<?",
}  # fmt: skip
_PATHS = ("PurePath", "PurePosixPath", "PureWindowsPath", "Path", "PosixPath", "WindowsPath")


def _scalar(kind: Any, data: Any = b"") -> Any:
    """The number that NumPy keeps as bytes; None for other kinds, such as dates."""
    if not isinstance(kind, str) or not isinstance(data, bytes):
        raise ValueError("a number of NumPy's in it is damaged")
    form = _FORMS.get(kind.lstrip("<=|"))
    if form is None:
        return data.decode("utf-32-le") if kind.lstrip("<=|").startswith("U") else None
    (value,) = struct.unpack(form, data)
    return value


def _kind(name: Any = "", *rest: Any) -> str:
    if not isinstance(name, str):
        raise ValueError("a type of NumPy's in it is damaged")
    return name


def _path(*parts: Any) -> str:
    return "/".join(map(str, parts)).replace("//", "/")


def beside() -> dict[str, Maker | Mark]:
    """The names, and what they stand for."""
    table: dict[str, Maker | Mark] = {
        "argparse.Namespace": Maker(dict),
        "types.SimpleNamespace": Maker(dict),
        "numpy.dtype": Maker(_kind),
    }
    for module in ("pathlib", "pathlib._local"):  # the latter since Python 3.13
        table |= {f"{module}.{name}": Maker(_path) for name in _PATHS}
    for module in ("numpy.core", "numpy._core"):  # the latter since NumPy 2
        table[f"{module}.multiarray.scalar"] = Maker(_scalar)
    return table
