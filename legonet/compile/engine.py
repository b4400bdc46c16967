"""What stands between a compiled network and its calls: autocast, torch.compile, CUDA graphs. Needs torch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from threading import Lock

import torch
from torch import Tensor

from legonet.compile.options import Running

Values = dict[str, Tensor]
Compute = Callable[[Values], Values]
MOST = 8  # shapes of images that are kept recorded


def make_engine(compute: Compute, running: Running, frozen: Callable[[], bool]) -> Compute:
    """Wrap what computes a network's outputs, by path, from its images, by name.

    Args:
        compute: The function that runs the calls.
        running: How the network runs.
        frozen: Tells whether no weight of the network takes a gradient.
    """
    engine = compute
    if running.dtype == torch.float16:
        engine = _in_context(compute, running)
    if running.compile_mode is not None:
        engine = torch.compile(engine, mode=running.compile_mode)
    if running.cuda_graphs and running.devices[0].type == "cuda":  # it may have been moved since
        engine = Replays(engine, frozen)
    return engine


def _in_context(compute: Compute, running: Running) -> Compute:
    @wraps(compute)
    def run(given: Values) -> Values:
        with running.context():
            return compute(given)

    return run


@dataclass(frozen=True)
class Recording:
    """Calls that were recorded for one shape of images.

    Attributes:
        given: The tensors that the images have to be copied into.
        outputs: The tensors that hold the outputs after `replay`.
        replay: Runs the calls.
    """

    given: Values
    outputs: Values
    replay: Callable[[], None]


class Replays:
    """Records calls once for each shape of images, and replays them: one launch instead of one per layer.

    Outputs are copies, and one replay runs at a time, so that several threads may call it.

    Args:
        compute: The function that is recorded.
        frozen: Tells whether no weight takes a gradient; where one does, nothing is recorded.
        record: Makes a recording; default: a CUDA graph.
    """

    def __init__(
        self,
        compute: Compute,
        frozen: Callable[[], bool],
        record: Callable[[Compute, Values], Recording] | None = None,
    ) -> None:
        self._compute, self._frozen, self._record = compute, frozen, record or record_cuda
        self._known: OrderedDict[object, Recording] = OrderedDict()
        self._lock = Lock()

    def __call__(self, given: Values) -> Values:
        """Outputs by path."""
        if torch.is_grad_enabled() and not (self._frozen() and not _any_gradient(given)):
            return self._compute(given)
        shapes = tuple((name, each.shape, each.dtype) for name, each in given.items())
        with self._lock, torch.inference_mode(False), torch.no_grad():
            recording = self._known.get(shapes)
            if recording is None:
                recording = self._known[shapes] = self._record(self._compute, given)
                if len(self._known) > MOST:
                    self._known.popitem(last=False)
            self._known.move_to_end(shapes)
            for name, each in given.items():
                recording.given[name].copy_(each)
            recording.replay()
            return {path: each.clone() for path, each in recording.outputs.items()}


def _any_gradient(given: Mapping[str, Tensor]) -> bool:
    return any(each.requires_grad for each in given.values())


def record_cuda(compute: Compute, given: Values) -> Recording:
    """Record a CUDA graph, after a few runs on a stream of its own, in which libraries set themselves up."""
    place = next(iter(given.values())).device
    static = {name: each.detach().clone() for name, each in given.items()}
    with torch.cuda.device(place):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                compute(static)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = compute(static)
    return Recording(static, outputs, graph.replay)
