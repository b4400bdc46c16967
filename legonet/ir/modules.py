"""Module blobs to and from torch modules. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from legonet import foreign
from legonet.errors import BlockError, StoreError, first_line
from legonet.ir.graph import ModelGraph, graph_from_data
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower
from legonet.ir.notation import layers_from_data
from legonet.store.memory_map import map_bytes
from legonet.store.modules import ModuleBlob, ModuleKind, dump_module, parse_module
from legonet.store.tensors import ALIGNMENT, RawTensor

DTYPES: dict[str, torch.dtype] = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I16": torch.int16,
    "U16": torch.uint16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I32": torch.int32,
    "U32": torch.uint32,
    "F32": torch.float32,
    "I64": torch.int64,
    "U64": torch.uint64,
    "F64": torch.float64,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def load_module(
    blob: bytes | memoryview | Path,
    *,
    where: str = "module blob",
    kind: ModuleKind | None = None,
) -> GraphModule:
    """Make the module of a blob: frozen, in evaluation mode, dtypes as stored.

    Args:
        blob: The blob's bytes, or its file, which is mapped. Memory that may be written to is used as it is.
        where: What messages call the blob, if bytes are given.
        kind: What part of a network it has to be; None: any.

    Returns:
        The module. No parameter requires a gradient.

    Raises:
        StoreError: The file cannot be read, or the bytes are no module of legonet.
    """
    if isinstance(blob, Path):
        where = str(blob)
        blob = map_bytes(blob, foreign.BLOB, follow=True)
    parsed = parse_module(blob, where)
    if kind is not None and parsed.kind != kind:
        raise StoreError(
            f"{where}: is a {parsed.kind}; expected a {kind}; restore the lock file, or delete its entry"
        )
    try:
        return make_module(_graph(parsed, where), parsed.tensors)
    except StoreError:
        raise
    except BlockError as error:
        raise StoreError(f"{where}: {error}") from error
    except Exception as error:  # of torch, which raises anything
        raise StoreError(
            f"{where}: its weights do not fit its layers: {first_line(error)}; build it again"
        ) from error


def make_module(
    graph: ModelGraph, tensors: Mapping[str, RawTensor], device: torch.device | str = "cpu"
) -> GraphModule:
    """Make a module of its weights: frozen, in evaluation mode, dtypes as stored.

    Args:
        graph: The module's operations.
        tensors: Its tensors by name. Memory that may be written to is used as it is.
        device: The device that the weights are put on.

    Raises:
        RuntimeError: The weights are of another graph.
    """
    if unknown := sorted(tensors.keys() - graph.tensors.keys()):
        raise RuntimeError(f"no operation takes {', '.join(unknown)}")
    return with_tensors(graph, {name: _tensor(raw, device) for name, raw in tensors.items()})


def with_tensors(graph: ModelGraph, tensors: Mapping[str, Tensor]) -> GraphModule:
    """Make a module of tensors that are at hand, which are used as they are: frozen, in evaluation mode.

    Args:
        graph: The module's operations.
        tensors: Tensors by name; those that no operation takes are left out.

    Raises:
        RuntimeError: A tensor is missing or has another shape.
    """
    module = build_graph(graph, "meta").requires_grad_(False)
    state = {name: tensors[name] for name in graph.tensors if name in tensors}
    module.load_state_dict(state, assign=True)
    return module


def blob_graph(blob: bytes | memoryview, *, where: str = "module blob") -> ModelGraph:
    """Read the operations of a blob, without its weights.

    Raises:
        StoreError: The bytes are no module of legonet.
    """
    return _graph(parse_module(blob, where), where)


def write_module(kind: ModuleKind, module: GraphModule) -> bytes:
    """Write a module as a blob: the same operations and weights always as the same bytes.

    Args:
        kind: What part of a network the module is.
        module: The module; one that has a notation is written in it.

    Raises:
        StoreError: A tensor has a dtype that no blob can hold.
    """
    tensors = {name: raw_tensor(tensor, name) for name, tensor in module.state_dict().items()}
    return dump_module(kind, tensors=tensors, **module.graph.entry())


def _graph(parsed: ModuleBlob, where: str) -> ModelGraph:
    if parsed.operations is not None:
        try:
            return graph_from_data(parsed.operations)
        except ValueError as error:
            raise StoreError(
                f"{where}: {error}; expected operations that this version of legonet knows; update "
                "legonet, or build the module again"
            ) from error
    try:
        return lower(layers_from_data(parsed.layers))
    except BlockError as error:
        raise StoreError(f"{where}: {error}; build the module again") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"{where}: {place}: {first['msg']}; expected layers that this version of legonet knows; "
            "update legonet, or build the module again"
        ) from error


def _tensor(raw: RawTensor, device: torch.device | str) -> Tensor:
    dtype = DTYPES[raw.dtype]
    if not raw.data:
        return torch.empty(raw.shape, dtype=dtype, device=device)
    writable = isinstance(raw.data, memoryview) and not raw.data.readonly
    data = raw.data if writable else bytearray(raw.data)  # torch warns about read-only memory
    flat = torch.frombuffer(data, dtype=torch.uint8)
    if flat.data_ptr() % ALIGNMENT:  # such as a bias of one number, as it lies in the file
        flat = flat.clone()
    return flat.view(dtype).reshape(raw.shape).to(device)


def raw_tensor(tensor: Tensor, name: str = "tensor", *, copy: bool = True) -> RawTensor:
    """Take a tensor's bytes.

    Args:
        tensor: Any, on any device.
        name: What messages call it.
        copy: Whether the bytes are copied; otherwise they are the tensor's own where they lie in a row in the
            processor's memory.

    Raises:
        StoreError: Its dtype is none that a blob can hold.
    """
    if tensor.dtype not in _NAMES:
        raise StoreError(
            f"tensor {name}: dtype {tensor.dtype} cannot be stored; expected one of {', '.join(DTYPES)}"
        )
    plain = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    data = plain.numpy().tobytes() if copy else plain.numpy().data
    return RawTensor(_NAMES[tensor.dtype], tuple(tensor.shape), data)
