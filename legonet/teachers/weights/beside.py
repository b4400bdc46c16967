"""What checkpoints carry beside weights: options, paths, NumPy's numbers and arrays. Needs no torch.

None of these names is looked up in Python: each stands for the data that it would hold. A namespace's options
are left out.
Source: `ndarray.__reduce__` and `__setstate__` of NumPy; `numpy.lib.format` for orders of bytes.
"""

from __future__ import annotations

import struct
from math import prod
from typing import Any

import numpy as np

from legonet.teachers.weights.pickles import Maker, Mark, Stateful

_FORMS = {
    "f8": "<d", "f4": "<f", "f2": "<e", "i8": "<q", "i4": "<i", "i2": "<h", "i1": "<b", "u8": "<Q",
    "u4": "<I", "u2": "<H", "u1": "<B", "b1": "<?",
}  # fmt: skip
MOST_AXES = 32  # of an array
# What cannot be a part of the weights, of Python and of libraries for options.
_LEFT_OUT = """
    datetime.date datetime.datetime datetime.time datetime.timedelta datetime.timezone decimal.Decimal
    fractions.Fraction uuid.UUID builtins.range builtins.slice __builtin__.range __builtin__.xrange
    __builtin__.slice omegaconf.base.ContainerMetadata omegaconf.base.Metadata omegaconf.nodes.AnyNode
    omegaconf.nodes.BooleanNode omegaconf.nodes.FloatNode omegaconf.nodes.IntegerNode
    omegaconf.nodes.PathNode omegaconf.nodes.StringNode
"""
_MAPPINGS = """
    argparse.Namespace types.SimpleNamespace omegaconf.dictconfig.DictConfig omegaconf.listconfig.ListConfig
    yacs.config.CfgNode fvcore.common.config.CfgNode easydict.EasyDict addict.addict.Dict
    lightning.fabric.utilities.data.AttributeDict lightning_fabric.utilities.data.AttributeDict
    pytorch_lightning.utilities.parsing.AttributeDict lightning.pytorch.utilities.parsing.AttributeDict
"""
_TYPES = "bool dict float int list long object str tuple unicode"  # that options are declared as
_PATHS = ("PurePath", "PurePosixPath", "PureWindowsPath", "Path", "PosixPath", "WindowsPath")


class Kind(str, Stateful):
    """A type of numbers, such as `f4`.

    Attributes:
        order: Of their bytes: `<`, `>`, or `|` where there is none.
    """

    order = "|"

    def set_state(self, state: Any) -> None:
        """Take the order of bytes; all else is of types that are no numbers."""
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise ValueError("a NumPy dtype in it is damaged")
        self.order = state[1]

    @property
    def known(self) -> str:
        """How NumPy writes it, if it is a type of plain numbers; else nothing."""
        return self.order.replace("=", "<") + self if self in _FORMS else ""


class Array(Stateful):
    """An array, as the pickle describes it."""

    def __init__(self, data: Any = b"", kind: Any = "", shape: Any = (0,), order: Any = "C") -> None:
        self._data, self._kind, self._shape, self._order = data, kind, shape, order

    def set_state(self, state: Any) -> None:
        """Take (version, shape, type, by columns, bytes)."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("a NumPy array in it is damaged")
        _, self._shape, self._kind, by_columns, self._data = state
        self._order = "F" if by_columns else "C"

    def values(self, name: str) -> np.ndarray[Any, Any]:
        """Its numbers, in this machine's order, laid out row by row.

        Raises:
            ValueError: It is damaged, or of no plain numbers; says so of this name.
        """
        kind, shape, data = self._kind, self._shape, self._data
        if not isinstance(kind, Kind) or not kind.known:
            raise ValueError(f"{name} is a NumPy array without plain numbers: save tensors")
        found, fits = np.dtype(kind.known), isinstance(shape, tuple) and len(shape) <= MOST_AXES
        fits = fits and all(type(size) is int and size >= 0 for size in shape) and self._order in ("C", "F")
        fits = fits and isinstance(data, bytes | bytearray)
        if not fits or len(data) != prod(shape) * found.itemsize:
            raise ValueError(f"{name} is a damaged NumPy array")
        numbers = np.frombuffer(data, found).reshape(shape, order="F" if self._order == "F" else "C")
        return np.array(numbers, found.newbyteorder("="), order="C")


def _scalar(kind: Any, data: Any = b"") -> Any:
    """The number that NumPy keeps as bytes; None for other kinds, such as dates."""
    if not isinstance(kind, str) or not isinstance(data, bytes):
        raise ValueError("a NumPy number in it is damaged")
    form, big = _FORMS.get(kind.lstrip("<=|")), getattr(kind, "order", "<") == ">"
    if form is None:
        text = kind.lstrip("<=|").startswith("U")
        return data.decode("utf-32-be" if big else "utf-32-le") if text else None
    (value,) = struct.unpack(form.replace("<", ">") if big else form, data)
    return value


def _kind(name: Any = "", *rest: Any) -> Kind:
    if not isinstance(name, str):
        raise ValueError("a NumPy dtype in it is damaged")
    return Kind(name)


def _empty(*_: Any) -> Array:
    """An array that its state follows."""
    return Array()


def _no_bytes() -> bytes:
    """The bytes of an empty array, as protocol 2 has them."""
    return b""


def _path(*parts: Any) -> str:
    return "/".join(map(str, parts)).replace("//", "/")


def beside() -> dict[str, Maker | Mark]:
    """The names, and what they stand for."""
    table: dict[str, Maker | Mark] = {
        **{name: Maker(lambda *_: None) for name in _LEFT_OUT.split()},
        **{name: Maker(lambda *_: {}) for name in _MAPPINGS.split()},
        **{f"{place}.{name}": Mark(name) for place in ("builtins", "__builtin__") for name in _TYPES.split()},
        "typing.Any": Mark("Any"),
        "collections.deque": Maker(lambda items=(), *_: list(items)),
        "numpy.dtype": Maker(_kind),
        "numpy.ndarray": Mark("ndarray"),
        "__builtin__.bytes": Maker(_no_bytes),
    }
    for module in ("pathlib", "pathlib._local"):  # the latter since Python 3.13
        table |= {f"{module}.{name}": Maker(_path) for name in _PATHS}
    for module in ("numpy.core", "numpy._core"):  # the latter since NumPy 2
        table[f"{module}.multiarray.scalar"] = Maker(_scalar)
        table[f"{module}.multiarray._reconstruct"] = Maker(_empty)
        table[f"{module}.numeric._frombuffer"] = Maker(Array)
    return table
