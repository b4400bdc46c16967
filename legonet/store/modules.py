"""Module blobs: one safetensors file per module, the same module always in the same bytes. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from legonet.errors import StoreError
from legonet.store.tensors import RawTensor, read_tensors, tensor_pieces

ModuleKind = Literal["category-module", "task-module", "adapter"]
METADATA_KEY = "legonet"


@dataclass(frozen=True)
class ModuleBlob:
    """A module as it is stored.

    Attributes:
        kind: What part of a network it is.
        layers: Plain data: the layers by name, in order (`legonet.ir.notation.layers_from_data`
            reads them); empty if the module is a graph of operations.
        tensors: By the names of the state dict.
        operations: Plain data of a graph (`legonet.ir.graph.graph_from_data` reads it), for a
            module that is no chain of layers.
    """

    kind: ModuleKind
    layers: dict[str, Any]
    tensors: dict[str, RawTensor]
    operations: dict[str, Any] | None = None


def dump_module(
    kind: ModuleKind,
    layers: Mapping[str, Any] = MappingProxyType({}),
    tensors: Mapping[str, RawTensor] = MappingProxyType({}),
    operations: Mapping[str, Any] | None = None,
) -> bytes:
    """Write a module blob; its address in the store is the sha256 of these bytes.

    Args:
        kind: What part of a network it is.
        layers: Plain data: the layers by name, in order.
        tensors: By the names of the state dict.
        operations: Plain data of a graph of operations, instead of layers.

    Returns:
        A safetensors file with one metadata key, `legonet`.

    Raises:
        StoreError: A tensor's bytes do not fit its shape and dtype.
    """
    return b"".join(module_pieces(kind, layers, tensors, operations))


def module_pieces(
    kind: ModuleKind,
    layers: Mapping[str, Any] = MappingProxyType({}),
    tensors: Mapping[str, RawTensor] = MappingProxyType({}),
    operations: Mapping[str, Any] | None = None,
) -> list[bytes | memoryview]:
    """What `dump_module` writes, in pieces; the tensors' bytes are not copied."""
    model = {"layers": _canonical(layers)} if operations is None else {"operations": operations}
    text = json.dumps({"kind": kind, **model}, separators=(",", ":"), allow_nan=False)
    return tensor_pieces(tensors, {METADATA_KEY: text})


def parse_module(data: bytes | memoryview, where: str = "module blob") -> ModuleBlob:
    """Read a module blob; nothing in it is trusted.

    Args:
        data: What `dump_module` wrote; the tensors are views of it.
        where: What messages call it.

    Raises:
        StoreError: The bytes are something else, or are cut short.
    """
    file = read_tensors(data, where)
    try:
        header = json.loads(file.metadata[METADATA_KEY])
        kind = header["kind"]
        operations = header.get("operations")
        layers = header["layers"] if operations is None else {}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise _foreign(where) from None
    if (
        kind not in get_args(ModuleKind)
        or not isinstance(layers, dict)
        or not isinstance(operations, dict | None)
        or set(file.metadata) != {METADATA_KEY}
    ):
        raise _foreign(where)
    return ModuleBlob(kind, layers, file.tensors, operations)


def _canonical(layers: Mapping[str, Any]) -> dict[str, Any]:
    """Sort keys whose order means nothing; the order of layers is the order of computing."""
    return {name: dict(sorted(layer.items())) for name, layer in layers.items()}


def _foreign(where: str) -> StoreError:
    return StoreError(
        f"{where}: a safetensors file, but no module of legonet; expected what `legonet transplant` stores"
    )
