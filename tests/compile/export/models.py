"""Models as networks that can be exported."""

from __future__ import annotations

from torch import nn

from legonet.compile.assemble import join
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.normalise import Normalise
from legonet.compile.options import CompileOptions
from legonet.compile.signature import OutputSignature, Signature
from legonet.ir.interpreter import build_graph
from legonet.ir.split import cut_at
from legonet.outputs.vector import VectorOutput
from legonet.teachers.tracing.export import export


def compiled(model: nn.Module, shape: tuple[int, int, int], place: str) -> CompiledNetwork:
    """A model that gives two numbers, cut at a place and compiled as one path."""
    found = export(model, shape)
    state = {**model.state_dict(), **found.constants}
    halves = []
    for graph in cut_at(found.graph, place).parts:
        half = build_graph(graph)
        half.load_state_dict({name: state[name] for name in graph.tensors})
        halves.append(half)
    mean, std = (0.5,) * shape[0], (0.25,) * shape[0]
    paths, stage = (CompiledPath("c", "t", native=True),), Normalise(mean, std)
    app = join(paths, stage, {"c": halves[0]}, {}, {"t": halves[1]}, CompileOptions(), shape)
    outputs = {"c:t": OutputSignature(VectorOutput(kind="vector", names=("a", "b")), "c")}
    app.signature = Signature("model", shape, mean, std, outputs)
    return app
