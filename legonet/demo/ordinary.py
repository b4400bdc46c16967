"""Ordinary learning: the baseline that transplanting is compared with, as a network of one path.

The adapter alone is trained by the task's own loss on labelled images, through the frozen task module:
the method `ordinary`, with the settings of the paper's experiments in `benchmarks/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from legonet.compile.assemble import join
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.normalise import normalisation
from legonet.compile.prepare import prepared
from legonet.distill.fitting.fit import Samples, fit
from legonet.graph.select import adapter_spec, split_path
from legonet.methods.ordinary import Ordinary
from legonet.network import Network

METHOD = Ordinary(name="ordinary", steps=300, learning_rate=3e-3, batch=16)


def ordinary_learning(
    network: Network, path: str, samples: tuple[Tensor, Tensor], count: int, seed: int = 0
) -> CompiledNetwork:
    """Train a path's adapter on labelled images, from torch's random start.

    Args:
        network: Whose category and task module are joined.
        path: `category:task`.
        samples: Images (batch, channels, height, width) in [0, 1], and labels.
        count: How many of them are used: the first.
        seed: Of the start and of the batches.

    Returns:
        The path with the trained adapter.
    """
    image = network.graph.input_of(split_path(path)[0])
    given = Samples(prepared(samples[0][:count], image), samples[1][:count])
    return fitted_path(network, path, {"method": METHOD, "seed": seed}, given)


def fitted_path(
    network: Network, path: str, settings: Mapping[str, Any], samples: Samples | None = None
) -> CompiledNetwork:
    """A path with an adapter of its own, that is fitted as the graph says but for some settings.

    Args:
        network: Whose category and task module are joined; it stays as it is.
        path: `category:task`.
        settings: Of `legonet.graph.schema.Adapter`, instead of the graph's.
        samples: That it is fitted from, normalised.
    """
    category, task = split_path(path)
    spec = adapter_spec(network.graph, category, task).model_copy(update=settings)
    edge = network.edge(path)
    return join(
        (CompiledPath(category, task, native=False),),
        normalisation(network.graph.input_of(category)),
        {category: edge.category_module},
        {path: fit(edge, spec, samples).adapter},
        {task: edge.task_module},
    )
