"""What a teacher's owner records once, so that its modules can be transplanted without any image.

At the cut: the mean norm of the features, a mixture of low-rank Gaussians of whole feature maps, and the
quantiles of each channel. In g_T: how often each unit is active. Of the output: mean, spread and quantiles.
Where several maps cross in a row, channels are those of all of them, and maps are rows.
Kept in one small safetensors file beside the weights (`legonet.teachers.statistics_file`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from legonet.errors import TeacherError
from legonet.graph.output import Maps
from legonet.ir.interpreter import GraphModule
from legonet.ir.observe import observed
from legonet.ir.rows import taken_apart
from legonet.ir.several import maps_taken
from legonet.teachers.mixture import CROWD, FEWER, mixture

SHARE = 0.25  # of the weights' bytes: what the statistics may take at most
# The limit is there so that statistics are no copy of the images. Of a mean over all of them no image can
# be read, so that a teacher whose mean map is larger than that part of its weights may have it all the same.
# The other maps may take this many bytes then, and no more than `COPIED` of what the images' features would.
FLOOR = 2**16
COPIED = 0.1
COMPONENTS = 16  # of the mixture, at most
FACTORS = 256  # at most
MIXED = 0.25  # of the room for maps: what the mixing of channels may take
QUANTILES = 33
KEPT = 2**29  # bytes of features that are in memory for the mixture; of more, a random choice


def allowance(*modules: nn.Module) -> int:
    """Bytes that the statistics of a teacher of these modules may take."""
    return int(SHARE * sum(each.nbytes for module in modules for each in module.parameters()))


@dataclass(frozen=True)
class Statistics:
    """Statistics of one teacher.

    Attributes:
        images: The number of images they were recorded on.
        norm: The mean Frobenius norm of one image's features at the cut.
        shares: Of the images, in each component of the mixture, (components,).
        means: The mean feature map of each component, (components, channels, height, width).
        factors: The covariance of a component's maps is about Σ factor factor^T + diagonal over the factors
            that are its own; (rank, channels, height, width).
        component: Whose each factor is, (rank,).
        rest: The variance of each channel that the factors leave, (components, channels).
        mixing: What the factors leave is noise of variance 1 in independent channels, mixed: a matrix
            (channels, channels) with rows of norm 1 for each map that crosses; none in older files and where
            there was no room.
        smoothness: How far that noise agrees between neighbouring positions: its correlation, (channels,).
        quantiles: Of each channel over images and positions at `levels`, from the least to the greatest
            value, (channels, number); none in files of older versions.
        activity: How often each unit is active, in [0, 1], for each ReLU of g_T, bottom first.
        output_mean: The mean of the output over images (and over positions, for maps), (outputs,).
        output_std: The standard deviation of the output, (outputs,).
        output_quantiles: Of each output, as those of channels, (outputs, number).
        maps: The shapes of the maps in a row, if several cross: `means` and `factors` are (…, numbers) then.
    """

    images: int
    norm: float
    shares: Tensor
    means: Tensor
    factors: Tensor
    component: Tensor
    rest: Tensor
    smoothness: Tensor
    quantiles: Tensor
    mixing: list[Tensor] = field(default_factory=list)
    activity: list[Tensor] = field(default_factory=list)
    output_mean: Tensor = field(default_factory=lambda: torch.zeros(0))
    output_std: Tensor = field(default_factory=lambda: torch.zeros(0))
    output_quantiles: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    maps: Maps = ()

    @property
    def mean(self) -> Tensor:
        """The mean feature map of all images, (channels, height, width), or row."""
        return torch.tensordot(self.shares, self.means, 1)

    @property
    def variance(self) -> Tensor:
        """The variance of each channel over images and positions about the mean map, (channels,)."""
        between = by_channel((self.means - self.mean).square(), self.maps) + self.rest
        of_factors = self.shares[self.component] @ by_channel(self.factors.square(), self.maps)
        return self.shares @ between + of_factors


def by_channel(maps: Tensor, several: Maps) -> Tensor:
    """The mean of each channel of maps or rows, (batch, channels)."""
    return torch.cat([each.mean((2, 3)) for each in taken_apart(maps, several or None)], 1)


def record(f: nn.Module, g: GraphModule, batches: Iterable[Tensor], limit: int) -> Statistics:
    """Record a teacher's statistics on its owner's images.

    Args:
        f: The category module.
        g: The task module g_T.
        batches: Normalised images (batch, channels, height, width).
        limit: The bytes that the file may take; the ranks are chosen to stay below. One that has no room for
            two maps is that of a small teacher: see `FLOOR`.

    Returns:
        The statistics.

    Raises:
        TeacherError: There is no image, or features are no map.
    """
    kept, outputs, active, several = _Reservoir(), [], [], maps_taken(g.graph)
    norm, count = 0.0, 0
    with torch.no_grad():
        for images in batches:
            value = f(images)
            if value.ndim != 4 and several is None:
                raise TeacherError(
                    f"features at the cut have shape {tuple(value.shape[1:])}; expected maps (channels, "
                    "height, width); choose a lower cut"
                )
            kept.add(value)
            norm += float(value.flatten(1).norm(dim=1).double().sum())
            count += len(value)
            output, seen = _activity(g, value)
            outputs.append(output.double().cpu())
            active = [before + now for before, now in zip(active, seen, strict=True)] if active else seen
    if not count:
        raise TeacherError("found no image to record statistics on; expected at least one; give some")
    output = _by_output(torch.cat(outputs))
    activity = [(total / count).float() for total in active]
    maps = kept.features()
    pixels = maps[0].numel()
    channels = [each.shape[1] for each in taken_apart(maps, several)]
    fixed = 2 * sum(channels) * (COMPONENTS + QUANTILES) + sum(each.numel() for each in activity) + 4096
    room = limit - fixed
    matrices = sum(each * (each + 4) for each in channels)
    mixed = matrices <= MIXED * room
    room -= matrices * mixed
    if room < 2 * pixels:
        room = min(FLOOR, int(COPIED * 2 * len(maps) * pixels))
    components, rank = _ranks(len(maps), room // pixels)
    return Statistics(
        images=count,
        norm=norm / count,
        **mixture(maps, components, rank, several, mixed),
        quantiles=torch.cat(
            [_quantiles(each.transpose(0, 1).flatten(1)) for each in taken_apart(maps, several)]
        ),
        activity=activity,
        output_mean=output.mean(0).float(),
        output_std=output.std(0, correction=0).float(),
        output_quantiles=_quantiles(output.T.float()),
        maps=several or (),
    )


def quantiles_of_outputs(output: Tensor) -> Tensor:
    """Quantiles of each of a teacher's outputs (batch, outputs, …) at `levels`, (outputs, number)."""
    return _quantiles(_by_output(output).T.float())


def _by_output(output: Tensor) -> Tensor:
    """(numbers, outputs), of maps every position's."""
    return output.flatten(2).transpose(1, 2).flatten(0, 1) if output.ndim > 2 else output.flatten(1)


class _Reservoir:
    """A random choice of features, as many as there is memory for; all of few.

    Source: Vitter, Random sampling with a reservoir (1985).
    """

    def __init__(self) -> None:
        self._kept: list[Tensor] = []
        self._seen = 0
        self._generator = torch.Generator().manual_seed(0)

    def add(self, features: Tensor) -> None:
        """Add features (batch, …)."""
        room = max(CROWD * COMPONENTS, KEPT // (4 * max(1, features[0].numel())))
        for each in features.float().cpu():
            self._seen += 1
            if len(self._kept) < room:
                self._kept.append(each.clone())
                continue
            place = int(torch.randint(self._seen, (1,), generator=self._generator))
            if place < room:
                self._kept[place] = each.clone()

    def features(self) -> Tensor:
        """Those kept, (number, …)."""
        return torch.stack(self._kept)


def _activity(g: GraphModule, features: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The output, and for each rectifier, bottom first, how many images each unit is active on."""
    counts: list[Tensor] = []
    output = observed(g, features, lambda units: counts.append((units > 0).sum(0).double().cpu()))
    return output, counts


def _ranks(images: int, maps: int) -> tuple[int, int]:
    """How many components and factors there are, where there is room for so many maps."""
    components = max(1, min(COMPONENTS, images // (2 * CROWD), maps * 3 // 4))
    return components, max(0, min(FACTORS, images // FEWER, maps - components))


def levels(number: int) -> Tensor:
    """The levels of so many quantiles, in [0, 1]: (1 − cos πu) / 2 for even u, closest at the tails."""
    return (1 - torch.linspace(0, math.pi, number).cos()) / 2


def _quantiles(values: Tensor) -> Tensor:
    """Quantiles of each row at `levels`, (rows, QUANTILES)."""
    places = (levels(QUANTILES) * (values.shape[1] - 1)).round().long()
    return torch.stack([row.sort().values[places] for row in values])
