"""`pretend`: an accelerator without one, for tests of what runs on a GPU.

Its tensors hold tensors of the CPU, so that they have the CPU's values; but they are refused where a GPU's
would be: beside tensors of another device, as NumPy arrays, with a generator of the CPU. It has two
devices, `pretend:0` and `pretend:1`; gradients are computed on the first only, since torch gives a back end
in Python one queue for them.

torch registers a back end once for a whole process and then takes it for *the* accelerator. So this
folder is a plugin as the makers of accelerators ship them: every Python process that has it on its path gets
the device when it imports torch, and no other process does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME, COUNT = "pretend", 2

aten = torch.ops.aten

ACROSS = frozenset([aten.copy_.default, aten._to_copy.default])
"""Operations that take values from one device to another."""

INDEXED = frozenset([aten.index.Tensor, aten.index_put.default, aten.index_put_.default])
"""Operations whose indices may lie on the CPU."""

FACTORIES = (
    "arange",
    "arange.start",
    "arange.start_step",
    "empty.memory_format",
    "empty_strided",
    "eye",
    "eye.m",
    "linspace",
    "randperm",
    "randperm.generator",
    "tril_indices",
    "triu_indices",
)
"""What makes a tensor whose shape torch would otherwise change afterwards; all else begins with `empty`."""


_DATA: Any = Tensor.data


class PretendTensor(Tensor):
    """A tensor of the device.

    Attributes:
        held: the tensor of the CPU with its values.
    """

    held: Tensor
    # Else results on the CPU would become tensors of this class.
    __torch_function__ = torch._C._disabled_torch_function_impl  # pyright: ignore

    @staticmethod
    def __new__(cls, held: Tensor, device: torch.device) -> PretendTensor:
        made = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            held.stride(),
            held.storage_offset(),
            dtype=held.dtype,
            device=device,
        )
        made.held = held
        return made

    def __repr__(self, **_: Any) -> str:
        return f"{self.held!r} on {self.device}"

    @property
    def data(self) -> Tensor:
        """The same values without a gradient; other values may be put in their place."""
        return _DATA.__get__(self)

    @data.setter
    def data(self, value: Tensor) -> None:
        _DATA.__set__(self, value)  # refuses one of another device
        assert isinstance(value, PretendTensor)
        self.held = value.held

    def tolist(self) -> Any:
        """As of any tensor, which torch does not do for subclasses."""
        return self.cpu().tolist()

    def numpy(self, **_: Any) -> Any:
        """Refused with the words of a GPU's tensor."""
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor "
            "to host memory first."
        )

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if _is_made_of_others(func):  # as comes about in inference mode alone
            return func.decompose(*args, **kwargs)
        device = _common_device(func, args, kwargs)
        result = _compute(func, args, kwargs, device)
        return return_and_correct_aliasing(func, args, kwargs, result) if _is_alias(func) else result


@cache
def _is_made_of_others(func: Any) -> bool:
    """Whether torch has the operation as a composition of others; asked once, as tests call it so often."""
    return func.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd)


@cache
def _is_alias(func: Any) -> bool:
    """Whether what it gives may be what it takes, or a view of it."""
    return any(each.alias_info is not None for each in func._schema.returns)


def _compute(func: Any, args: Any, kwargs: dict[str, Any], device: torch.device) -> Any:
    """Compute an operation on the CPU; what it gives is on the device, or on the one that is asked for."""
    wanted = torch.device(kwargs["device"]) if kwargs.get("device") is not None else device
    if wanted.type == NAME and "device" in kwargs:
        kwargs = kwargs | {"device": "cpu"}
    result = func(*map(_held, args), **{name: _held(each) for name, each in kwargs.items()})
    if wanted.type != NAME:
        return result
    wanted = torch.device(NAME, wanted.index or 0)
    if not wanted.index < COUNT:
        raise RuntimeError(f"{wanted}: invalid device ordinal; there are {COUNT}")
    return _placed(result, wanted)


def _held(given: Any) -> Any:
    """What an operation takes, with the CPU's tensors; several of them are a list or a tuple."""
    if isinstance(given, PretendTensor):
        return given.held
    return type(given)(map(_held, given)) if type(given) in (list, tuple) else given


def _placed(result: Any, device: torch.device) -> Any:
    """What an operation gives, on the device."""
    if isinstance(result, Tensor):
        return PretendTensor(result, device)
    return (
        type(result)([_placed(each, device) for each in result]) if type(result) in (list, tuple) else result
    )


def _given(values: Iterable[Any]) -> Iterator[Any]:
    """What an operation takes, one by one."""
    for each in values:
        if type(each) in (list, tuple):
            yield from _given(each)
        else:
            yield each


def _common_device(func: Any, args: Any, kwargs: dict[str, Any]) -> torch.device:
    """The device of an operation's tensors.

    Raises:
        RuntimeError: there are two, or a generator of another one; as on a GPU.
    """
    if func in INDEXED:
        args = (
            args[0],
            [each for each in args[1] if each is not None and each.device.type != "cpu"],
            *args[2:],
        )
    given = [*_given(args), *_given(kwargs.values())]
    tensors = [each for each in given if isinstance(each, Tensor)]
    # A single number of the CPU goes with any tensor; one of the device does not go with the CPU's tensors.
    placed = [each for each in tensors if each.ndim or each.device.type == NAME] or tensors
    found = dict.fromkeys(each.device for each in placed)
    if len(found) > 1 and func not in ACROSS:
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"{' and '.join(map(str, found))}! (in {func})"
        )
    if torch.Generator in map(type, given):
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found 'cpu' (in {func})")
    return placed[0].device


def register() -> None:
    """Make the device known to torch; torch calls this when it is imported."""
    _setup_privateuseone_for_python_backend(NAME, _Module())
    for name in FACTORIES:
        packet, _, overload = name.partition(".")
        _KERNELS.impl(name, _factory(getattr(getattr(aten, packet), overload or "default")), "PrivateUse1")
    _KERNELS.impl("_copy_from", _copy_from, "PrivateUse1")
    # Under autocast all stays in float32: which operations are cast is a matter of the CPU's tests.
    _AUTOCAST.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    torch.accelerator.synchronize = _synchronize  # torch's own asks a back end in C++


_KERNELS = torch.library.Library("aten", "IMPL")
_AUTOCAST = torch.library.Library("_", "IMPL")


def _copy_from(given: Tensor, to: Tensor, non_blocking: bool = False) -> Tensor:
    """What `torch.tensor(..., device=)` copies with; it does not ask the tensor's class."""
    assert isinstance(to, PretendTensor)
    to.held.copy_(given)
    return to


def _factory(func: Any) -> Any:
    def make(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("generator") is not None:
            raise RuntimeError(f"Expected a '{NAME}' device type for generator but found 'cpu' (in {func})")
        kwargs.pop("pin_memory", None)
        return _compute(func, args, kwargs, torch.device(NAME, 0))

    return make


def _synchronize(device: Any = None, /) -> None:
    """Nothing is under way: the CPU computes when it is told to."""


class _Module:
    """`torch.pretend`: what torch asks a back end."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return COUNT

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        """Random numbers are the CPU's, which torch seeds itself."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]
