"""Cut points by their definition, on random graphs, and without networkx in chains."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from legonet.ir.cuts import cut_points, following, needed
from legonet.ir.graph import INPUT, ModelGraph, Operation


@st.composite
def graphs(draw: st.DrawFn) -> ModelGraph:
    """Operations of at most two of the three results before each, some of several tensors, some of none."""
    steps: dict[str, Operation] = {}
    for number in range(draw(st.integers(1, 9))):
        known = [INPUT, *steps][-3:]
        taken = draw(st.lists(st.sampled_from(known), max_size=2))
        function = draw(st.sampled_from(["add.Tensor", "getitem"])) if taken else "zeros"
        name = f"step{number}"
        steps[name] = Operation(name, function, tuple({"ref": each} for each in taken), {})
    return ModelGraph(steps, list(steps)[-1], {})


def reached(graph: ModelGraph, without: str = "") -> set[str]:
    """What follows the input if a result is taken away."""
    found = {INPUT}
    for name, step in graph.steps.items():
        if name != without and not found.isdisjoint(step.references()):
            found.add(name)
    return found


@given(graphs())
def test_every_way_leads_through_a_cut_point(graph: ModelGraph) -> None:
    several = {
        each for step in graph.steps.values() if step.function == "getitem" for each in step.references()
    }
    several |= {name for name, step in graph.steps.items() if step.function == "getitem"}
    assert cut_points(graph) == [
        name
        for name in graph.steps
        if name != graph.output
        and graph.output in reached(graph)
        and graph.output not in reached(graph, without=name)
        and name not in several
    ]


@given(graphs())
def test_what_lies_between_input_and_output(graph: ModelGraph) -> None:
    above = needed(graph, graph.output)
    assert following(graph) == [name for name in above if name in reached(graph)]
    for name in cut_points(graph):
        rest = needed(graph, graph.output, stop=name)
        assert name not in rest
        assert set(needed(graph, name)) | set(rest) == set(above)


def test_a_chains_plan_does_not_wait_for_networkx() -> None:
    code = (
        "import sys\n"
        "from legonet.ir.cuts import cut_points\n"
        "from legonet.ir.lowering import lower\n"
        "from legonet.ir.notation import layers_from_data\n"
        "graph = lower(layers_from_data({name: {'type': 'relu'} for name in 'abc'}))\n"
        "assert cut_points(graph) == ['a', 'b']\n"
        "assert 'networkx' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
