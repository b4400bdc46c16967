"""What was taken in is compared with the model that it was taken from, bit for bit. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from legonet.errors import TeacherError
from legonet.graph.suggest import listed
from legonet.ir.interpreter import build_graph
from legonet.teachers.tracing.evaluation import evaluating
from legonet.teachers.tracing.trace import Traced

BATCHES = (1, 3)  # neither is the batch that the model was traced with
ROUNDING = 1e-4  # of the largest number, where the same sums are computed in another order


def expect_same(
    module: nn.Module,
    found: Traced,
    state: Mapping[str, Tensor],
    input_shape: tuple[int, ...],
    output: str | None,
    where: str,
) -> None:
    """Refuse a model whose graph computes something else; the two are run on random images.

    Args:
        module: The model.
        found: The model as it was traced.
        state: The tensors of its operations, by name.
        input_shape: (channels, height, width).
        output: Which output counts.
        where: What messages call the model.

    Raises:
        TeacherError: The outputs differ in a single bit, such as those of a model that draws random numbers.
            Those of a model whose weights or features are kept in another order, such as channels last, may
            differ by rounding: weights are stored row by row, and the order is chosen when a network is used.
    """
    floating = [each for each in state.values() if each.is_floating_point()] or [torch.empty(0)]
    place, dtype = floating[0].device, floating[0].dtype
    copy = build_graph(found.graph, "meta")
    # Constants of a traced model are on the CPU, wherever the model is.
    copy.load_state_dict({name: value.to(place).contiguous() for name, value in state.items()}, assign=True)
    reordered = found.reordered or not all(value.is_contiguous() for value in state.values())
    generator = torch.Generator().manual_seed(0)
    for batch in BATCHES:
        images = torch.randn(batch, *input_shape, generator=generator).to(place, dtype)
        with torch.no_grad(), evaluating(module):
            wanted = chosen_output(module(images), output)
            got = copy(images)
        if not _same(torch.nan_to_num(got), torch.nan_to_num(wanted), ROUNDING if reordered else 0):
            raise TeacherError(
                f"{where}: put together again from its operations it gives other outputs for {batch} images; "
                "expected a model that computes the same for the same images, whatever their number; leave "
                "out what is random or what depends on earlier calls"
            )
        if not bool(torch.isfinite(wanted).all()):
            raise TeacherError(
                f"{where}: it gives NaN or infinite numbers for random images; expected finite ones; "
                "correct its weights"
            )


def _same(got: Tensor, wanted: Tensor, rounding: float) -> bool:
    if torch.equal(got, wanted):
        return True
    return bool(rounding) and bool((got - wanted).abs().max() <= rounding * wanted.abs().max())


def chosen_output(value: object, name: str | None) -> Tensor:
    """The output that counts of all that a model gives.

    Args:
        value: A tensor, or tensors by name or number, nested.
        name: Such as `out` or `features.0`; default: the only one, or the one called `out`.

    Raises:
        TeacherError: There is none of this name.
    """
    while not isinstance(value, Tensor):
        parts = dict(value) if isinstance(value, Mapping) else dict(enumerate(value))  # type: ignore[call-overload]
        first, _, rest = (name or ("out" if "out" in parts else str(next(iter(parts), "")))).partition(".")
        known = {str(key): each for key, each in parts.items()}
        if first not in known:
            raise TeacherError(f"no output '{first}'; outputs are {listed(list(known))}")
        value, name = known[first], rest or None
    return value
