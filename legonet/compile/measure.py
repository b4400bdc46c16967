"""Measures whether modules run faster side by side than one after another. Needs torch."""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from legonet.compile.build import build_brick, build_group, build_modules
from legonet.compile.cost import Shapes, shape_of
from legonet.compile.grouping_cache import GroupingCache
from legonet.compile.options import Running
from legonet.compile.program import IMAGES, Brick, Call, Program
from legonet.compile.schedule import Stack, member, run_schedule, schedule
from legonet.compile.transfer import transferred
from legonet.compile.weights import Tensors
from legonet.ir.cuts import split_at

PAYS = 0.95  # of the time of its members, that a group may take at most
PAIRS, CLEAR = 9, 1.3  # it is measured so often, or until three pairs agree by so much


class Measured:
    """Tells whether a group pays, for one image on the device that it is for.

    What was measured before, of the same layers, members and shape on the same device, is not measured again.

    Args:
        tensors: The tensors of the stored modules.
        running: Where and how the network will run.
        input_shape: The shape of the images.
        grouping_cache: What was measured before.
    """

    def __init__(
        self, tensors: Tensors, running: Running, input_shape: Shapes, grouping_cache: GroupingCache
    ) -> None:
        self._tensors, self._running, self._grouping_cache = tensors, running, grouping_cache
        self._input_shape = input_shape

    def __call__(self, program: Program, calls: Sequence[Call], place: str) -> bool:
        """Whether these calls, up to an operation of the first one's brick, are faster as a group."""
        key = self._key(program, calls, place)
        known = self._grouping_cache.get(key)
        if known is None:
            with torch.inference_mode():
                known = self._measure(program, calls, place) < PAYS
            self._grouping_cache.put(key, known)
        return known

    def _key(self, program: Program, calls: Sequence[Call], place: str) -> str:
        """Hash of everything that the time depends on: what is below the calls gives their shape."""
        below = _below(program, calls[0])
        structures = [program.bricks[call.bricks[0]].structure for call in below]
        structures.append(
            _lower(program.bricks[calls[0].bricks[0]], self._number(program, calls, place)).structure
        )
        device, running = self._device(program, calls), self._running
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        context = [name, str(running.dtype), str(running.memory_format), torch.get_num_threads()]
        shared = len({call.reads[0] for call in calls}) == 1
        members = [len(call.reads) for call in below], len(calls), shared
        data = [torch.__version__, context, self._input_shape, members, structures]
        return hashlib.sha256(json.dumps(data).encode()).hexdigest()

    def _number(self, program: Program, calls: Sequence[Call], place: str) -> int:
        return list(program.bricks[calls[0].bricks[0]].graph.steps).index(place)

    def _device(self, program: Program, calls: Sequence[Call]) -> torch.device:
        return self._running.devices[program.bricks[calls[0].bricks[0]].device]

    def _measure(self, program: Program, calls: Sequence[Call], place: str) -> float:
        """Seconds of the group over those of its members."""
        device, running = self._device(program, calls), self._running
        given, stacked = self._given(program, calls, device)
        shared = stacked is None
        number = self._number(program, calls, place)
        parts = [_lower(program.bricks[call.bricks[0]], number) for call in calls]
        one = transferred(build_group(parts, self._tensors, shared), device, running.weights_dtype)
        many = [
            transferred(build_brick(part, self._tensors), device, running.weights_dtype) for part in parts
        ]
        for module in (one, *many):
            running.ordered(module.eval())

        def group() -> object:
            return one(given[0] if stacked is None else stacked)

        def members() -> object:
            return [module(value) for module, value in zip(many, given, strict=True)]

        with running.context():
            return ratio(members, group, device)

    def _given(
        self, program: Program, calls: Sequence[Call], device: torch.device
    ) -> tuple[list[Tensor], Tensor | None]:
        """What the calls read; and all of it in one tensor, unless all read the same."""
        running = self._running
        below = _below(program, calls[0])
        part = Program(program.bricks, below, {f"{call.name}": call.reads[0] for call in calls})
        modules, places = build_modules(part, self._tensors)
        steps = [
            (
                replace(run, last=()),
                running.ordered(transferred(modules[run.place], device, running.weights_dtype).eval()),
            )
            for run in schedule(part, places)
        ]
        names = {ref.call for call in (*below, calls[0]) for ref in call.reads}
        values: dict[str, Tensor | Stack] = {}
        for name in sorted(name for name in names if name.startswith(IMAGES)):
            shape = shape_of(self._input_shape, name)
            images = torch.rand(1, *shape, device=device, dtype=running.weights_dtype)
            if images.ndim == 4:
                images = images.contiguous(memory_format=running.memory_format)
            values[name] = images
        with running.context():
            run_schedule(steps, values)
        given = [member(values, call.reads[0]) for call in calls]
        if len({call.reads[0] for call in calls}) == 1:
            return given, None
        return given, torch.cat(given, 1)


def _lower(brick: Brick, number: int) -> Brick:
    """The part of a brick that ends with one of its operations, by its number."""
    return brick.with_graph(split_at(brick.graph, brick.steps[number].name)[0])


def _below(program: Program, call: Call) -> tuple[Call, ...]:
    """The calls that a call depends on, in order."""
    wanted, found = {ref.call for ref in call.reads}, []
    for each in reversed(program.calls):
        if each.name in wanted:
            found.append(each)
            wanted |= {ref.call for ref in each.reads}
    return tuple(reversed(found))


def ratio(reference: Callable[[], object], candidate: Callable[[], object], device: torch.device) -> float:
    """Seconds of the candidate over those of the reference: the median over pairs of runs.

    Args:
        reference: The function that is run alternately with the other.
        candidate: The other one.
        device: The device that they compute on; it is waited for.
    """
    for each in (reference, candidate):
        each()
    found: list[float] = []
    for number in range(PAIRS):
        pair = (reference, candidate) if number % 2 else (candidate, reference)
        seconds = {each: _seconds(each, device) for each in pair}
        found.append(seconds[candidate] / max(seconds[reference], 1e-9))
        if len(found) >= 3 and (min(found) > CLEAR or max(found) < 1 / CLEAR):
            break
    return statistics.median(found)


def _seconds(run: Callable[[], object], device: torch.device) -> float:
    _wait_for(device)
    begin = time.perf_counter()
    run()
    _wait_for(device)
    return time.perf_counter() - begin


def _wait_for(device: torch.device) -> None:
    """Wait until an accelerator has done what it was told to do."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
