"""Module blobs to and from torch modules. Needs torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from legonet.blocks.build import build_architecture, leaves
from legonet.blocks.interpret import OperationModule
from legonet.blocks.operations import operations_from_data
from legonet.blocks.registry import KINDS, describe_module
from legonet.blocks.schema import Architecture, Layer, layers_data, layers_from_data
from legonet.errors import BlockError, StoreError
from legonet.store.mapping import map_file
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


Loaded = nn.Sequential | OperationModule


def load_module(
    blob: bytes | memoryview | Path, device: str = "cpu", *, where: str = "module blob"
) -> Loaded:
    """Make the module of a blob: frozen, in evaluation mode, dtypes as stored.

    Args:
        blob: The blob's bytes, or its file, which is mapped. Memory that may be written to is used as it is.
        device: Where the weights go.
        where: What messages call the blob, if bytes are given.

    Returns:
        A chain of layers, an adapter, or a graph of operations. No parameter requires a gradient.

    Raises:
        StoreError: The file cannot be read, or the bytes are no module of legonet.
    """
    if isinstance(blob, Path):
        where = str(blob)
        try:
            with blob.open("rb") as file:
                blob = memoryview(map_file(file)) if os.fstat(file.fileno()).st_size else b""
        except OSError as error:
            raise StoreError(
                f"{where}: cannot be read: {error.strerror or error}; expected a module blob; check the path"
            ) from error
    parsed = parse_module(blob, where)
    try:
        return make_module(_architecture(parsed, where), parsed.tensors, device, where=where)
    except (RuntimeError, BlockError) as error:
        raise StoreError(f"{where}: its weights do not fit its layers: {error}; build it again") from error


def make_module(
    architecture: Architecture,
    tensors: Mapping[str, RawTensor],
    device: str = "cpu",
    *,
    where: str = "module",
) -> Loaded:
    """Make a module of its weights: frozen, in evaluation mode, dtypes as stored.

    Args:
        architecture: Its layers or operations.
        tensors: By name. Memory that may be written to is used as it is.
        device: Where the weights go.
        where: What messages call the module.

    Raises:
        BlockError: The architecture cannot be built.
        RuntimeError: The weights are of another one.
    """
    module = build_architecture(architecture, "meta", where=where)
    module.requires_grad_(False)
    state = {name: _tensor(raw, device) for name, raw in tensors.items()}
    module.load_state_dict(state, assign=True)
    return module.eval()


def module_layers(blob: bytes | memoryview, *, where: str = "module blob") -> Architecture:
    """Read the layers or operations of a blob, without its weights.

    Raises:
        StoreError: The bytes are no module of legonet.
    """
    return _architecture(parse_module(blob, where), where)


def dump_chain(kind: ModuleKind, module: Loaded) -> bytes:
    """Write a module as a blob: the same layers or operations and weights always as the same bytes.

    Args:
        kind: What part of a network the module is.
        module: What `load_module`, `build_layers` or `build_adapter` made.

    Raises:
        BlockError: The module holds something that is no known layer.
        StoreError: A tensor has a dtype that no blob can hold.
    """
    tensors = {name: raw_tensor(tensor, name) for name, tensor in module.state_dict().items()}
    if isinstance(module, OperationModule):
        return dump_module(kind, {}, tensors, module.operations.data())
    return dump_module(kind, layers_data(chain_layers(module)), tensors)


def architecture_of(module: Loaded) -> Architecture:
    """The architecture of a module that is built.

    Raises:
        BlockError: The module holds something that is no known layer.
    """
    return module.operations if isinstance(module, OperationModule) else chain_layers(module)


def chain_layers(module: nn.Sequential) -> dict[str, Layer]:
    """Describe a chain of layers that is built.

    Raises:
        BlockError: The module holds something that is no known layer.
    """
    layers: dict[str, Layer] = {}
    for name, leaf in leaves(module):
        try:
            layer = describe_module(leaf)
        except ValueError as error:
            raise BlockError(f"{name}: {type(leaf).__name__} with {error}") from error
        if layer is None:
            raise BlockError(
                f"{name}: {type(leaf).__name__} is no known layer; expected one of {', '.join(KINDS)}"
            )
        layers[name] = layer
    return layers


def _architecture(parsed: ModuleBlob, where: str) -> Architecture:
    if parsed.operations is not None:
        try:
            return operations_from_data(parsed.operations)
        except ValueError as error:
            raise StoreError(
                f"{where}: {error}; expected operations that this version of legonet knows; build the "
                "module again"
            ) from error
    try:
        return layers_from_data(parsed.layers)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"{where}: {place}: {first['msg']}; expected layers that this version of legonet knows; "
            "build the module again"
        ) from error


def _tensor(raw: RawTensor, device: str) -> Tensor:
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
        tensor: on any device.
        name: what messages call it.
        copy: the bytes; else they are the tensor's own where they lie in a row in the processor's memory.

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
