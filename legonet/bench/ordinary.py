"""Ordinary learning: the baseline that transplanting is compared with, as a network of one path.

The adapter alone is trained by the task's own loss on labelled images, through the frozen task module:
the method `ordinary`, with the settings of `legonet bench paper`.
"""

from __future__ import annotations

from torch import Tensor

from legonet.bench.experiments import LEARNING_RATE, STEPS
from legonet.compile.assemble import join
from legonet.compile.network import CompiledNetwork, Path, normalisation
from legonet.distill.fit import Samples, fit
from legonet.graph.schema import Ordinary
from legonet.graph.select import adapter_spec, split_path
from legonet.network import Network

BATCH = 16


def ordinary_learning(
    network: Network, path: str, samples: tuple[Tensor, Tensor], count: int, seed: int = 0
) -> CompiledNetwork:
    """Train a path's adapter on labelled images, from torch's random start.

    Args:
        network: whose category and task module are joined.
        path: `category:task`.
        samples: images (batch, channels, height, width) in [0, 1], and labels.
        count: how many of them are used: the first.
        seed: of the start and of the batches.

    Returns:
        The path with the trained adapter.
    """
    category, task = split_path(path)
    method = Ordinary(name="ordinary", steps=STEPS, learning_rate=LEARNING_RATE, batch=BATCH)
    spec = adapter_spec(network.graph, category, task).model_copy(update={"method": method, "seed": seed})
    edge, stage = network.edge(path), normalisation(network.graph.input)
    given = Samples(stage(samples[0][:count]), samples[1][:count])
    return join(
        (Path(category, task, native=False),),
        stage,
        {category: edge.category_module},
        {path: fit(edge, spec, given).adapter},
        {task: edge.task_module},
    )
