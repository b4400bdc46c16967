"""ZipIt!: category modules become one, by averaging features that say the same on unlabelled images.

Each layer's features of all models are clustered by their correlation, also within a model, until as many
are left as one model has; weights are averaged over a cluster, and unmerged for the layer above. Above the
cut each model keeps its own layers ("partial zip"), as the paper has it where tasks differ.

Source: Stoica et al., arXiv:2305.03053, section 4; the greedy matching is average linkage here.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from torch import Tensor, nn

from benchmarks.peers.setting import ORDER, Setting
from benchmarks.teacher_training import normalise

SAMPLED = 20_000  # places of feature maps that correlations are measured on


def zipped(setting: Setting) -> nn.Module:
    """One category module for all five, with each one's own g_T."""
    halves = [setting.halves(category) for category in ORDER]
    images = torch.cat([setting.images(category, 100)[0] for category in ORDER])
    nets = [below for below, _ in halves]
    merged, unmerge = nn.Sequential(), torch.eye(images.shape[1]).repeat(len(nets), 1)
    states = [images] * len(nets)
    name_of_conv = ""
    for name, layers in zip(dict(nets[0].named_children()), zip(*nets, strict=True), strict=True):
        states = [layer(state) for layer, state in zip(layers, states, strict=True)]
        merged.add_module(name, layers[0])
        if isinstance(layers[0], nn.Conv2d):
            name_of_conv = name
        elif isinstance(layers[0], nn.ReLU):
            convs = [net.get_submodule(name_of_conv) for net in nets]
            assert all(isinstance(conv, nn.Conv2d) for conv in convs)  # noqa: S101
            merge, above = _clusters(torch.cat(states, 1), states[0].shape[1])
            merged.set_submodule(name_of_conv, _merged(convs, merge, unmerge))
            unmerge = above
    return _Zipped(merged, [above for _, above in halves], unmerge.argmax(1))


def _clusters(features: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Cluster features (batch, features, height, width) by correlation.

    Returns:
        What averages a cluster's features, (count, features), and what gives each back, (features, count).
    """
    values = features.transpose(0, 1).flatten(1)
    values = values[:, torch.linspace(0, values.shape[1] - 1, min(SAMPLED, values.shape[1])).long()]
    values = values - values.mean(1, keepdim=True)
    scale = values.norm(dim=1, keepdim=True)
    values = values / scale.clamp_min(1e-6)
    distance = (1 - (values @ values.T).double().numpy()).clip(0)
    dead = (scale[:, 0] < 1e-6).numpy()
    distance[np.outer(dead, dead)] = 0  # features that say nothing say the same
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    number = torch.from_numpy(fcluster(tree, count, "maxclust")).long() - 1
    back = torch.nn.functional.one_hot(number, count).float()
    return (back / back.sum(0).clamp_min(1)).T, back


def _merged(convs: list[nn.Module], merge: Tensor, unmerge: Tensor) -> nn.Conv2d:
    """The convolution whose outputs are clusters' means and whose inputs are those of the layer below."""
    count, wide = len(convs), unmerge.shape[0] // len(convs)
    first = convs[0]
    assert isinstance(first, nn.Conv2d)  # noqa: S101
    found = nn.Conv2d(
        unmerge.shape[1], merge.shape[0], (first.kernel_size[0], first.kernel_size[1]), padding=1
    )
    weight, bias = torch.zeros_like(found.weight), torch.zeros(merge.shape[0])
    for index, (conv, own) in enumerate(zip(convs, merge.chunk(count, 1), strict=True)):
        below = unmerge[index * wide : (index + 1) * wide]
        weight += torch.einsum("co,oihw,ij->cjhw", own, conv.get_parameter("weight"), below)
        bias += own @ conv.get_parameter("bias")
    found.load_state_dict({"weight": weight, "bias": bias})
    return found.requires_grad_(False)


class _Zipped(nn.Module):
    """One category module; each task module takes the features of its clusters."""

    cluster: Tensor

    def __init__(self, below: nn.Module, above: list[nn.Sequential], cluster: Tensor) -> None:
        super().__init__()
        self.below, self.above = below, nn.ModuleList(above)
        self.register_buffer("cluster", cluster.view(len(above), -1))

    def forward(self, images: Tensor) -> Tensor:
        features = self.below(normalise(images))
        pairs = zip(self.above, self.cluster, strict=True)
        return torch.cat([above(features[:, own]) for above, own in pairs], 1)
