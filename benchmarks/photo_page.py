"""The page of `python -m benchmarks photos`, and its table for `docs/benchmarks.md`."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.photo_teachers import CUT, Effort

CREDITS = (
    "Photos: astronaut (NASA, public domain), chelsea (Stéfan van der Walt, CC0), coffee (Rachel Michetti, "
    "CC0) and rocket (SpaceX, CC0) come with scikit-image; china (danielbuechele, CC BY 2.0) and flower "
    "(vultilion, CC BY 2.0) with scikit-learn. Here they are resized and cropped."
)


@dataclass(frozen=True)
class MeasuredEdge:
    """One path on test images; errors are fractions from 0 to 1.

    Attributes:
        path: `category:task`.
        below: the architecture of its category module.
        teacher: error of the path's teacher.
        unadapted: with no adapter; None where the shapes differ.
        ordinary: of the same adapter trained by its task loss on 100 labelled images, for each seed.
        transplanted: with no image, for each seed; none of a native path.
        seconds: that the first seed's fit with no image took.
    """

    path: str
    below: str
    teacher: float
    unadapted: float | None = None
    ordinary: Sequence[float] = ()
    transplanted: Sequence[float] = ()
    seconds: float | None = None


@dataclass(frozen=True)
class Photo:
    """A photo that went through.

    Attributes:
        name: of the photo.
        source: the package that carries it.
        label: what the ImageNet network, cut and joined again, says.
        share: how sure it is, from 0 to 1.
        same: the parts give the whole network's very bits.
        told: what each path of the network says of the photo, the probability of its category.
    """

    name: str
    source: str
    label: str
    share: float
    same: bool
    told: dict[str, float]


def write_page(edges: Sequence[MeasuredEdge], photos: Sequence[Photo], effort: Effort) -> str:
    """The figures as Markdown.

    Args:
        edges: all paths of the network.
        photos: that went through.
        effort: how long the teachers were tuned.
    """
    return "\n".join([*_network(edges, effort), *_seen(photos, [each.path for each in edges])]) + "\n"


def _network(edges: Sequence[MeasuredEdge], effort: Effort) -> Iterator[str]:
    yield from (
        "# A network of photos",
        "",
        "A network whose modules were trained on photos, and an edge between two architectures. "
        "`python -m benchmarks photos --results docs/results` makes this page and its figures "
        "([results/photos.json](results/photos.json)). It needs the extra `zoo`. The teachers' weights are "
        "too large for the repository: the command makes them first.",
        "",
        "![The network](photos/network.svg)",
        "",
        "- **dog and cat**: EfficientNet-Lite0 with ImageNet weights, for images of 96x96, cut at "
        f"`{CUT}`, where half of the multiplications are below. What is below stays as ImageNet made it, so "
        f"both category modules are the same; what is above was tuned on {effort.images} composed animals "
        "for each, from one start that had been tuned on five other animals. So the two task modules "
        "understand each other's features in part, and *no adapter* is well below chance already.",
        "- **horse**: the VGG-style classifier of the animals network, behind a layer that shrinks images to "
        "32x32. Its features have another shape, and its task module has nothing in common with "
        "EfficientNet's.",
        "",
        "All paths end in the dog's task module. The adapters are fitted without an image, by the defaults "
        "of `auto` ([method.md](method.md)).",
        "",
        *edge_table(edges),
        "",
    )


def edge_table(edges: Sequence[MeasuredEdge]) -> Iterator[str]:
    """Errors of all paths, as Markdown."""
    seeds = max(len(each.transplanted) for each in edges)
    yield (
        "Errors on test images in percent; 50 is chance. *Ordinary*: the same adapter, trained on 100 "
        f"labelled images. Both fits: mean of {seeds} seed{'s' * (seeds != 1)}, ± the standard deviation."
    )
    yield ""
    yield "| path | category module | teacher | no adapter | ordinary | **no image** | seconds of the fit |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    yield from map(edge_row, edges)


def edge_row(edge: MeasuredEdge) -> str:
    """One path's line of the table."""
    cells: tuple[str, ...] = ("native", "", "", "")
    if edge.transplanted:
        plain = "shapes differ" if edge.unadapted is None else percent([edge.unadapted])
        took = "" if edge.seconds is None else f"{edge.seconds:.0f}"
        cells = (plain, percent(edge.ordinary), percent(edge.transplanted), took)
    return f"| {edge.path} | {edge.below} | {percent([edge.teacher])} | {' | '.join(cells)} |"


def percent(errors: Sequence[float]) -> str:
    """The mean of some errors, and the standard deviation where there are several."""
    spread = f" ± {100 * statistics.stdev(errors):.1f}" if len(errors) > 1 else ""
    return f"{100 * statistics.mean(errors):.1f}{spread}"


def _seen(photos: Sequence[Photo], paths: Sequence[str]) -> Iterator[str]:
    yield from (
        "## Photos go through",
        "",
        f"*ImageNet's label*: through the ImageNet network, cut at `{CUT}` and joined again; the shorter "
        "side resized to 256 by bicubic interpolation, the middle 224x224, mean and deviation 0.5. *Same "
        "bits*: as from the network that was never cut.",
        "",
        "The last columns are the network's own paths, compiled together, at 96x96: probabilities in "
        "percent. They show that photos go through, and no more: the teachers learned the outlines of "
        "composed animals, and none of these photos is one.",
        "",
        f"| | ImageNet's label | same bits | {' | '.join(paths)} |",
        f"| --- | --- | --- |{' ---: |' * len(paths)}",
    )
    for each in photos:
        said = f"{each.label}, {each.share:.0%}"
        told = " | ".join(f"{100 * each.told[path]:.0f}" for path in paths)
        same = "yes" if each.same else "**no**"
        yield f"| ![{each.name}](photos/{each.name}.jpg) | {said} | {same} | {told} |"
    yield ""
    yield CREDITS
