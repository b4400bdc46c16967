"""Modules of a network that was trained on photos, and one edge between two architectures.

`graphs/photos.yaml` is the network: the dog's and the cat's teachers are EfficientNet-Lite0 with ImageNet
weights, tuned above the cut; the horse's is the animals' own VGG-style classifier, whose images are shrunk to
32x32 by its first layer. `legonet bench photos` makes the teachers, since their weights are too large for a
repository, fits the two adapters, and measures.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from legonet.bench.evaluate import measures, scores
from legonet.bench.ordinary import learned, ordinary_learning
from legonet.bench.photo_teachers import CUT, MEAN, STD, Effort, base, drawn, halves, pretrained, teacher
from legonet.bench.train_teachers import save_state
from legonet.data import animals
from legonet.errors import DataError
from legonet.graph.load import load_graph
from legonet.graph.select import adapter_spec
from legonet.network import Network
from legonet.store.files import write_file
from legonet.store.workspace import shipped_folder

GRAPH = Path("graphs/photos.yaml")
RESULTS, PAGE = "photos.json", "photos.md"
VGG = "horse"  # whose teacher is of the animals network
RECORDED = 400  # images of a teacher's owner that its statistics are recorded on
LABELLED = 100
RESIZED, CROPPED = 256, 224  # of a photo, as ImageNet's weights expect it
Say = Callable[[str], None]


@dataclass(frozen=True)
class Edge:
    """One path on test images; errors are fractions from 0 to 1.

    Attributes:
        path: `category:task`.
        below: the architecture of its category module.
        teacher: error of the path's teacher.
        unadapted: with no adapter; None where the shapes differ.
        ordinary: of the same adapter trained by its task loss on 100 labelled images.
        transplanted: with no image.
        labelled: with 100 labelled images.
        seconds: that the fit with no image took.
    """

    path: str
    below: str
    teacher: float
    unadapted: float | None = None
    ordinary: float | None = None
    transplanted: float | None = None
    labelled: float | None = None
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
    """

    name: str
    source: str
    label: str
    share: float
    same: bool


def make_teachers(graph: Path, effort: Effort, seed: int, say: Say) -> None:
    """Write the weights of the graph's teachers, those that are not there yet."""
    teachers, start = load_graph(graph).graph.teachers, None
    for name, spec in teachers.items():
        file = graph.parent / spec.weights
        if file.exists():
            continue
        if spec.category == VGG:
            state = shrunk(VGG)
        else:
            say(f"{name}: tuned above {CUT} ...")
            start = base(effort, seed, say) if start is None else start
            state = teacher(start, spec.category, effort, seed).state_dict()
        save_floats(state, file)
        say(f"{file}: written")
    network = Network.load(graph)
    for name, spec in network.graph.teachers.items():
        network.record(name, lambda category: drawn(category, Effort(images=RECORDED), seed).images)
        say(f"{name}: statistics of {RECORDED} images of {spec.category} recorded")


def save_floats(state: Mapping[str, Tensor], file: Path) -> None:
    """Write weights without the counters, which nothing is computed with."""
    save_state({name: value for name, value in state.items() if value.is_floating_point()}, file)


def shrunk(category: str) -> dict[str, Tensor]:
    """The weights of the animals' classifier, for images with this network's mean and deviation.

    There a channel is divided by 0.25, here by 0.5: the first convolution makes up for it, exactly.
    """
    state = load_file(shipped_folder("graphs") / "teachers" / f"{category}-classify.safetensors")
    return {**state, "conv1_1.weight": state["conv1_1.weight"] * (STD / animals.STD[0])}


def measure_edges(graph: Path, say: Say, count: int | None = None) -> list[Edge]:
    """Fit the adapters and measure all paths.

    Args:
        graph: whose teachers are there.
        say: told of what is done.
        count: of test images; default: all.
    """
    network = Network.load(graph)
    seconds = {}
    for result in network.transplant().results:
        seconds[result.path] = result.seconds
        say(f"{result.path}: fitted without an image in {result.seconds:.0f} s")
    size, edges = network.graph.input.shape[1], []
    native = {each.path for each in network.plan() if each.action == "native"}
    for name, spec in network.graph.teachers.items():
        path = f"{spec.category}:{spec.task}"
        test = animals.single_category(spec.category, "test", size=size, count=count)
        models: dict[str, nn.Module] = {"teacher": network.teacher(name)}
        if path not in native:
            few = animals.single_category(spec.category, seed=1, size=size, count=LABELLED)
            given, plain = (few.images, few.labels), adapter_spec(network.graph, spec.category, spec.task)
            models["unadapted"] = network.unadapted(path)
            models["ordinary"] = ordinary_learning(network, path, given, LABELLED)
            models["transplanted"] = network.compile(path)
            models["labelled"] = learned(network, path, plain, given)
        errors = {each: _error(model, test) for each, model in models.items()}
        known = {each: value for each, value in errors.items() if value is not None}
        edges.append(Edge(path, spec.model, seconds=seconds.get(path), **known))
        say(f"{path}: {', '.join(f'{each} {value:.1%}' for each, value in known.items())}")
    return edges


def _error(model: nn.Module, test: animals.Images) -> float | None:
    try:
        return measures(scores(model, test.images), test.labels)["error"]
    except RuntimeError:  # modules of different shapes, without an adapter
        return None


def see_photos() -> list[Photo]:
    """Photos of scikit-image and scikit-learn, through the two parts of the ImageNet network.

    Raises:
        DataError: One of the packages is missing.
    """
    whole = pretrained()
    parts, names = halves(whole, CROPPED), importlib.import_module("timm.data").ImageNetInfo()
    found = []
    for source, name, pixels in _photos():
        images = ((prepared(pixels) - MEAN) / STD)[None]
        with torch.no_grad():
            output, wanted = parts.above(parts.below(images)), whole(images)
        share, label = output[0].softmax(0).max(0)
        said = names.index_to_description(int(label)).split(",")[0]
        found.append(Photo(name, source, said, float(share), bool(torch.equal(output, wanted))))
    return found


def _photos() -> Iterator[tuple[str, str, NDArray[np.uint8]]]:
    """(package, name, pixels (height, width, 3)) of each photo."""
    try:
        carried, learn = importlib.import_module("skimage.data"), importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise DataError(
            f"photos: {error.name} is not installed; expected the extra 'zoo'; run: "
            "pip install 'legonet[zoo]'"
        ) from error
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        yield "scikit-image", name, getattr(carried, name)()
    for name in ("china", "flower"):
        yield "scikit-learn", name, learn.load_sample_image(f"{name}.jpg")


def prepared(pixels: NDArray[np.uint8], resized: int = RESIZED, cropped: int = CROPPED) -> Tensor:
    """A photo as ImageNet's networks see it: its shorter side resized by bicubic interpolation, its middle.

    Args:
        pixels: (height, width, 3).
        resized: the shorter side.
        cropped: height and width of the middle.

    Returns:
        (3, cropped, cropped) in [0, 1].
    """
    image = Image.fromarray(pixels)
    scale = resized / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - cropped) // 2, (image.height - cropped) // 2
    middle = np.asarray(image.crop((left, top, left + cropped, top + cropped)))
    return torch.from_numpy(middle.copy()).permute(2, 0, 1).float() / 255


def run_photos(
    graph: Path, results: Path, docs: Path, effort: Effort, say: Say, count: int | None = None
) -> list[Path]:
    """Make what is missing, measure, and write the figures and the page.

    Args:
        graph: `graphs/photos.yaml` of a workspace.
        results: folder of the figures.
        docs: folder of the page.
        effort: how long teachers are tuned.
        say: told of what is done.
        count: of test images; default: all.

    Returns:
        The files that were written.
    """
    make_teachers(graph, effort, 0, say)
    photos = see_photos()
    edges = measure_edges(graph, say, count)
    data = {"edges": [asdict(each) for each in edges], "photos": [asdict(each) for each in photos]}
    files = {
        results / RESULTS: json.dumps({**data, "effort": asdict(effort)}, indent=1) + "\n",
        docs / PAGE: write_page(edges, photos, effort),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text.encode())
    return list(files)


def write_page(edges: Sequence[Edge], photos: Sequence[Photo], effort: Effort) -> str:
    """The figures as Markdown."""
    lines = [
        "# A network of photos",
        "",
        "Made by `legonet bench photos`, which needs the extra `zoo`; the figures are in "
        "[results/photos.json](results/photos.json).",
        "",
        "`graphs/photos.yaml` takes images of 96x96. The dog's and the cat's teachers are EfficientNet-Lite0 "
        f"with ImageNet weights, cut at `{CUT}`, where half of the multiplications are below. What is below "
        f"stays as ImageNet made it; what is above was tuned on {effort.images} composed animals, from one "
        "start that was tuned on five other animals. The horse's teacher is the animals network's own "
        "VGG-style classifier behind a layer that shrinks images to 32x32. All paths end in the dog's task "
        "module. The weights are too large for the repository: the command makes them again.",
        "",
        "Errors on test images; 50 % is chance.",
        "",
        "| path | category module of | teacher | no adapter | ordinary, 100 images | 0 images | 100 images | "
        "seconds of 0 images |",
        "| --- | --- | --: | --: | --: | --: | --: | --: |",
    ]
    for edge in edges:
        native = edge.transplanted is None
        values = (edge.unadapted, edge.ordinary, edge.transplanted, edge.labelled)
        shown = ["native"] * 4 if native else ["–" if each is None else f"{each:.1%}" for each in values]
        took = "" if edge.seconds is None else f"{edge.seconds:.0f}"
        lines.append(f"| {edge.path} | {edge.below} | {edge.teacher:.1%} | {' | '.join(shown)} | {took} |")
    lines += [
        "",
        "A dash: the modules' shapes differ, so that they cannot be joined without an adapter.",
        "",
        "## Photos",
        "",
        f"Through the ImageNet network, cut at `{CUT}` and joined again: the shorter side resized to 256 by "
        "bicubic interpolation, the middle 224x224, mean and deviation 0.5.",
        "",
        "| photo | from | says | sure | the whole network's bits |",
        "| --- | --- | --- | --: | --- |",
    ]
    lines += [
        f"| {each.name} | {each.source} | {each.label} | {each.share:.0%} | {'yes' if each.same else 'no'} |"
        for each in photos
    ]
    return "\n".join(lines) + "\n"
