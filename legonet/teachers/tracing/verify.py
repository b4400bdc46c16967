"""A model's two parts are compared with the model that they are taken from, bit for bit. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from legonet.errors import TeacherError
from legonet.ir.graph import ModelGraph
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.sizes import crosses_batch
from legonet.ir.split import Cut
from legonet.teachers.tracing.evaluation import evaluating
from legonet.teachers.tracing.outputs import Chosen
from legonet.teachers.tracing.traced import Traced

BATCHES = (1, 3)  # neither is the batch that the model was traced with
ROUNDING = 1e-4  # of the largest number, where the same sums are computed in another order


def expect_same(
    module: nn.Module,
    found: Traced,
    cut: Cut,
    state: Mapping[str, Tensor],
    input_shape: tuple[int, ...],
    output: Chosen,
) -> tuple[str, ...]:
    """Refuse a model whose two parts, one after the other, compute something else than it does.

    The outputs for random images have to be the same in every bit, with two exceptions, where the same sums
    may be computed in another order and rounding is allowed: a model whose weights or features are kept in
    another order of memory, such as channels last, since weights are stored row by row and the order is
    chosen when a network is used; and a cut that needs a way to a map and back, which lays features out anew.

    Args:
        module: The model.
        found: The model as it was traced.
        cut: The model that is kept, and the place where it is cut.
        state: The tensors of its operations, by name.
        input_shape: (channels, height, width).
        output: Which output counts.

    Returns:
        A sentence where the outputs differ by rounding.

    Raises:
        TeacherError: The outputs differ by more.
    """
    floating = [each for each in state.values() if each.is_floating_point()] or [torch.empty(0)]
    place = floating[0].device
    # Constants of a traced model are on the CPU, wherever the model is.
    plain = {name: value.to(place).contiguous() for name, value in state.items()}
    reordered = found.reordered or not all(value.is_contiguous() for value in state.values())
    parts, largest = [_with(plain, half) for half in cut.parts], 0.0
    crosses = crosses_batch(found.graph, input_shape)
    for batch in BATCHES:
        images = torch.randn(batch, *input_shape, generator=torch.Generator().manual_seed(batch)).to(place)
        wanted = _given(module, images, output)
        _expect_finite(wanted, cut.where)
        if batch > 1 and (crosses or _follows_others(module, images, output, wanted)):
            raise TeacherError(
                f"{cut.where}: what it gives for an image changes with the other images of the batch; "
                "expected the same whatever they are; keep statistics (`track_running_stats=True`), and "
                "leave out what computes along axis 0"
            )
        with torch.no_grad():
            got = parts[1](parts[0](images))
        if torch.equal(got, wanted):
            continue
        if not torch.equal(wanted, _given(module, images, output)):
            raise TeacherError(
                f"{cut.where}: it gives other outputs when it is called again with the same images; expected "
                "the same ones; leave out what is random or what depends on earlier calls"
            )
        difference = float((got - wanted).abs().max() / wanted.abs().max().clamp_min(1e-30))
        ours = reordered or _computes(_with(plain, found.graph), images, wanted)
        if not ours or not difference <= ROUNDING:
            raise TeacherError(
                f"{cut.where}: rebuilt from its operations, it gives other outputs for {batch} images (by "
                f"{difference:.1g} of the largest); expected a model that computes the same for "
                "the same images, whatever their number; leave out what follows that or earlier calls"
            )
        largest = max(largest, difference)
    if not largest:
        return ()
    why = "features or weights are kept in another order of memory than in the model"
    return (f"its outputs are the model's up to rounding ({largest:.1g} of the largest), since {why}",)


def _given(module: nn.Module, images: Tensor, output: Chosen) -> Tensor:
    """What the model gives; it may write into its images."""
    with torch.no_grad(), evaluating(module):
        return output(module(images.clone())).float()


def _follows_others(module: nn.Module, images: Tensor, output: Chosen, wanted: Tensor) -> bool:
    """Whether the output for the first image changes with the others of the batch, and with nothing else."""
    others = torch.cat([images[:1], images[1:].flip(-1) + 1])
    if torch.equal(_given(module, others, output)[:1], wanted[:1]):
        return False
    return torch.equal(_given(module, images, output), wanted)


def _computes(module: nn.Module, images: Tensor, wanted: Tensor) -> bool:
    """Whether a module gives these very bits, so that only where it is cut makes a difference."""
    with torch.no_grad():
        return torch.equal(module(images).float(), wanted)


def _with(state: Mapping[str, Tensor], graph: ModelGraph) -> GraphModule:
    copy = build_graph(graph, "meta")
    copy.load_state_dict({name: state[name] for name in graph.tensors}, assign=True)
    return copy


def _expect_finite(wanted: Tensor, where: str) -> None:
    if not bool(torch.isfinite(wanted).all()):
        raise TeacherError(
            f"{where}: it gives NaN or infinite numbers for random images; expected finite ones; "
            "correct its weights"
        )
