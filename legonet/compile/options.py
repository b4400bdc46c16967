"""How a network is compiled and run: what users may choose, and what follows from it. Needs torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from legonet.compile.grouping_cache import PROCESS, GroupingCache
from legonet.errors import SelectError
from legonet.graph.suggest import did_you_mean

Device = torch.device | str

MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
GROUPINGS = ("measured", "rule")
MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


@dataclass(frozen=True)
class CompileOptions:
    """How a network is compiled.

    Attributes:
        passes: Names of passes, or `all`, `none`, `exact` or `training`.
        separate_inputs: Whether each category has images of its own.
        device: The device of the network. Of several, the first has the tasks, and categories are spread.
        memory_format: The order of images' and convolutions' memory: `contiguous`, `channels-last`, or
            `auto`, which is channels last on a CPU, where that is faster.
        dtype: The type of numbers: `float32`; `bfloat16`, weights too; `float16`, under autocast, where
            weights stay float32.
        grouping: Whether modules are put side by side where that is `measured` to be faster, or by a fixed
            `rule`.
        torch_compile: Whether it runs through torch.compile, in its default mode or the one that is named.
        cuda_graphs: Whether each shape of images is recorded once on a CUDA device, and replayed.
        grouping_cache: What was measured before.
    """

    passes: str | Iterable[str] = "all"
    separate_inputs: bool = False
    device: Device | Sequence[Device] = "cpu"
    memory_format: str = "auto"
    dtype: str | torch.dtype = "float32"
    grouping: str = "measured"
    torch_compile: bool | str = False
    cuda_graphs: bool = False
    grouping_cache: GroupingCache = field(default=PROCESS, compare=False)


PLAIN = CompileOptions(passes="none", memory_format="contiguous")
"""The naive composition, bit for bit."""


@dataclass(frozen=True)
class Running:
    """How a compiled network runs.

    Attributes:
        devices: The devices; the first has the tasks.
        memory_format: The order of images' and convolutions' memory.
        dtype: The type of the numbers that are computed.
        compile_mode: The mode of torch.compile; None if it is not used.
        cuda_graphs: Whether calls are recorded and replayed.
    """

    devices: tuple[torch.device, ...] = (torch.device("cpu"),)
    memory_format: torch.memory_format = torch.contiguous_format
    dtype: torch.dtype = torch.float32
    compile_mode: str | None = None
    cuda_graphs: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """An order of memory by its name: older protocols of pickle, such as torch.save's, cannot hold it."""
        return vars(self) | {"memory_format": str(self.memory_format).removeprefix("torch.")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state | {"memory_format": getattr(torch, state["memory_format"])})

    @property
    def weights_dtype(self) -> torch.dtype:
        """Of weights: autocast needs float32."""
        return torch.float32 if self.dtype == torch.float16 else self.dtype

    def __str__(self) -> str:
        """As in `on cuda:0, in bfloat16, through torch.compile (default)`."""
        said = [f"on {', '.join(map(str, self.devices))}"]
        said.append(f"in {str(self.dtype).removeprefix('torch.')}")
        if self.compile_mode is not None:
            said.append(f"through torch.compile ({self.compile_mode})")
        if self.cuda_graphs:
            said.append("as CUDA graphs")
        return ", ".join(said)

    def ordered(self, module: nn.Module) -> nn.Module:
        """The module, its weights in the memory format; only tensors of four axes have channels last."""

        def order(tensor: Tensor) -> Tensor:
            return tensor.to(memory_format=self.memory_format) if tensor.ndim == 4 else tensor

        return module._apply(order)

    def context(self) -> AbstractContextManager[object]:
        """Where the network has to be called: autocast, or nothing."""
        if self.dtype == torch.float16:
            return torch.autocast(self.devices[0].type, torch.float16)
        return nullcontext()


def find_running(options: CompileOptions) -> Running:
    """What follows from options.

    Raises:
        SelectError: An option has no such value, or one that this machine or device cannot serve.
    """
    _expect("grouping", options.grouping, GROUPINGS)
    devices = tuple(torch.device(each) for each in each_device(options.device))
    formats = {**MEMORY_FORMATS, "auto": MEMORY_FORMATS["contiguous"]}
    if devices[0].type == "cpu":
        formats["auto"] = torch.channels_last
    _expect("memory_format", options.memory_format, formats)
    dtype = str(options.dtype).removeprefix("torch.")
    _expect("dtype", dtype, DTYPES)
    mode = "default" if options.torch_compile is True else options.torch_compile or None
    if mode is not None:
        _expect("torch_compile", mode, MODES)
        _expect_compiler(devices)
    if options.cuda_graphs and [each.type for each in devices] != ["cuda"]:
        found = ", ".join(map(str, devices))
        raise SelectError(
            f"cuda_graphs: found device {found}; expected one CUDA device; leave cuda_graphs out"
        )
    return Running(devices, formats[options.memory_format], DTYPES[dtype], mode, options.cuda_graphs)


def each_device(given: Device | Sequence[Device]) -> tuple[Device, ...]:
    """One device or several, as a tuple.

    Raises:
        SelectError: None is given.
    """
    several: tuple[Device, ...] = (given,) if isinstance(given, str | torch.device) else (*given,)
    if len(several) == 0:
        raise SelectError("device: found none; expected one, or several; try cpu")
    return several


def _expect(what: str, found: object, choices: Collection[str]) -> None:
    if found not in choices:
        meant = did_you_mean(str(found), choices)
        raise SelectError(f"{what}: found {found!r}; expected one of {', '.join(choices)}.{meant}")


def _expect_compiler(devices: Iterable[torch.device]) -> None:
    """Refuse torch.compile where there is nothing that would compile for a CPU."""
    if any(each.type == "cpu" for each in devices) and not finds_compiler():
        raise SelectError(
            "torch_compile: found no C++ compiler, which torch.compile needs on a CPU; expected g++, clang++ "
            "or what CXX names; install one, or leave torch_compile out"
        )


def finds_compiler() -> bool:
    """Whether there is a C++ compiler where torch looks for one."""
    names = [os.environ.get("CXX", ""), "g++", "clang++", "c++", "cl"]
    return any(name and shutil.which(name) for name in names)
