"""Ordinary learning: the baseline that transplanting is compared with.

The adapter alone is trained by the task's own loss on labelled images, through the frozen task module.

Source: Zhang et al., arXiv:1804.10272, section 4 ("OL").
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from legonet.blocks.adapter import build_adapter
from legonet.compile.network import CompiledNetwork, Path
from legonet.distill.descent import descend
from legonet.distill.losses import task_loss
from legonet.graph.select import adapter_spec, split_path
from legonet.network import Network

STEPS = 400  # 1,000 give the same errors on validation images
BATCH = 32
LEARNING_RATE = 1e-3


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
    model = network.unadapted(path)
    spec = adapter_spec(network.graph, category, task)
    images, labels = samples[0][:count], samples[1][:count]
    with torch.no_grad():
        features = model.categories[category](model.input(images))
    shape = tuple(features.shape[1:])
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapter = build_adapter(spec, shape, shape, path)
    meaning = network.graph.tasks[task].output

    def loss() -> Tensor:
        chosen = torch.randint(count, (min(BATCH, count),), generator=generator)
        return task_loss(model.tasks[task](adapter(features[chosen])), labels[chosen], meaning)

    descend(adapter, loss, STEPS, LEARNING_RATE)
    return _with_adapter(model, path, adapter)


def _with_adapter(model: CompiledNetwork, path: str, adapter: nn.Sequential) -> CompiledNetwork:
    category, task = split_path(path)
    joined = CompiledNetwork(
        (Path(category, task, native=False),),
        model.input,
        {category: model.categories[category]},
        {path: adapter},
        {task: model.tasks[task]},
    )
    return joined.eval().requires_grad_(False)
