"""Modules of a network that was trained on photos, and one edge between two architectures.

`graphs/photos.yaml` is the network: the dog's and the cat's teachers are EfficientNet-Lite0 with ImageNet
weights, tuned above the cut; the horse's is the animals' own VGG-style classifier, whose images are shrunk to
32x32 by its first layer. `python -m benchmarks photos` makes the teachers, since their weights are too
large for a repository, fits the two adapters, and measures.
"""

from __future__ import annotations

import importlib
import json
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.photo_page import MeasuredEdge, Photo, edge_row, write_page
from benchmarks.photo_teachers import CUT, MEAN, STD, Effort, base, drawn, halves, pretrained, teacher
from benchmarks.train_teachers import save_state
from legonet.data import animals
from legonet.data.animals import Images
from legonet.demo.ordinary import fitted_path, ordinary_learning
from legonet.errors import DataError, SelectError
from legonet.evaluate import scores
from legonet.graph.load import load_graph
from legonet.graph.select import adapter_spec
from legonet.network import Network
from legonet.outputs.binary import BinaryOutput
from legonet.run.journal import Journal
from legonet.store.plain_files import write_file
from legonet.store.workspace import Workspace, shipped_folder

GRAPH = Path("graphs/photos.yaml")
RESULTS, PAGE, PICTURES, DRAWING = "photos.json", "photos.md", "photos", "network.svg"
VGG = "horse"  # whose teacher is of the animals network
RECORDED = 400  # images of a teacher's owner that its statistics are recorded on
LABELLED = 100
RESIZED, CROPPED = 256, 224  # of a photo, as ImageNet's weights expect it
QUALITY = 80  # of a photo's picture
Say = Callable[[str], None]


def make_teachers(graph: Path, effort: Effort, seed: int, say: Say) -> None:
    """Write the weights of the graph's teachers that are not there yet, and record the statistics of all."""
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


def measure_edges(graph: Path, say: Say, seeds: int = 1, count: int | None = None) -> list[MeasuredEdge]:
    """Fit the adapters and measure all paths.

    Args:
        graph: whose teachers are there.
        say: told of what is done.
        seeds: of the fits; the network itself has the adapters of the graph's own seed, the first.
        count: of test images; default: all.
    """
    network = Network.load(graph)
    for result in network.transplant().results:
        say(f"{result.path}: fitted without an image in {result.seconds:.0f} s")
    took = Journal(Workspace.find(graph).journal_path).history().paths
    size, edges = network.graph.input.shape[1], []
    native = {each.path for each in network.plan() if each.action == "native"}
    for name, spec in network.graph.teachers.items():
        path = f"{spec.category}:{spec.task}"
        test = animals.single_category(spec.category, "test", size=size, count=count)
        edge = MeasuredEdge(path, spec.model, _error(network.teacher(name), test))
        if path not in native:
            few = animals.single_category(spec.category, seed=1, size=size, count=LABELLED)
            given = few.images, few.labels
            method = adapter_spec(network.graph, spec.category, spec.task).settings.name
            ordinary = (ordinary_learning(network, path, given, LABELLED, seed) for seed in range(seeds))
            again = (fitted_path(network, path, {"seed": seed}) for seed in range(1, seeds))
            edge = replace(
                edge,
                unadapted=_unadapted(network, path, test),
                ordinary=[_error(each, test) for each in ordinary],
                transplanted=[_error(each, test) for each in chain([network.compile(path)], again)],
                seconds=took[path, method].seconds,
            )
        edges.append(edge)
        say(edge_row(edge))
    return edges


def _error(model: nn.Module, test: Images) -> float:
    return BinaryOutput(kind="binary").measures(scores(model, test.images), test.labels)["error"]


def _unadapted(network: Network, path: str, test: Images) -> float | None:
    try:
        return _error(network.unadapted(path), test)
    except SelectError:  # modules of different shapes
        return None


def see_photos(graph: Path, pictures: Path) -> list[Photo]:
    """Photos of scikit-image and scikit-learn, through ImageNet's network in two parts and all paths.

    Args:
        graph: whose paths are fitted.
        pictures: folder where each photo's middle is left, as a small picture.

    Raises:
        DataError: One of the packages is missing.
    """
    network = Network.load(graph)
    paths = [f"{each.category}:{each.task}" for each in network.graph.teachers.values()]
    application, size = network.compile(*paths), network.graph.input.shape[1]
    whole = pretrained()
    parts, names = halves(whole, CROPPED), importlib.import_module("timm.data").ImageNetInfo()
    pictures.mkdir(parents=True, exist_ok=True)
    found = []
    for source, name, pixels in _photos():
        middle(pixels, RESIZED, CROPPED).save(pictures / f"{name}.jpg", quality=QUALITY)
        images = ((prepared(pixels, RESIZED, CROPPED) - MEAN) / STD)[None]
        with torch.no_grad():
            output, wanted = parts.above(parts.below(images)), whole(images)
            scores = application(prepared(pixels, size, size)[None])
        share, label = output[0].softmax(0).max(0)
        said = names.index_to_description(int(label)).split(",")[0]
        told = {path: float(scores[path].sigmoid()) for path in paths}
        found.append(Photo(name, source, said, float(share), bool(torch.equal(output, wanted)), told))
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


def middle(pixels: NDArray[np.uint8], resized: int, cropped: int) -> Image.Image:
    """A photo's middle, a square: its shorter side resized by bicubic interpolation, then cropped.

    Args:
        pixels: (height, width, 3).
        resized: the shorter side.
        cropped: height and width of the middle.
    """
    image = Image.fromarray(pixels)
    scale = resized / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - cropped) // 2, (image.height - cropped) // 2
    return image.crop((left, top, left + cropped, top + cropped))


def prepared(pixels: NDArray[np.uint8], resized: int, cropped: int) -> Tensor:
    """The middle of a photo as networks take it: (3, cropped, cropped) in [0, 1]."""
    values = np.asarray(middle(pixels, resized, cropped))
    return torch.from_numpy(values.copy()).permute(2, 0, 1).float() / 255


def run_photos(
    graph: Path, results: Path, docs: Path, effort: Effort, say: Say, seeds: int = 1, count: int | None = None
) -> list[Path]:
    """Make what is missing, measure, and write the figures and the page.

    Args:
        graph: `graphs/photos.yaml` of a workspace.
        results: folder of the figures.
        docs: folder of the page.
        effort: how long teachers are tuned.
        say: told of what is done.
        seeds: of the fits.
        count: of test images; default: all.

    Returns:
        The files that were written.
    """
    pictures = docs / PICTURES
    make_teachers(graph, effort, 0, say)
    edges = measure_edges(graph, say, seeds, count)
    photos = see_photos(graph, pictures)
    figures = {
        each.path: {"error": statistics.mean(each.transplanted or [each.teacher]), "teacher": each.teacher}
        for each in edges
    }
    drawing = Network.load(graph).render(pictures / DRAWING, figures)
    data = {
        "edges": [asdict(each) for each in edges],
        "photos": [asdict(each) for each in photos],
        "effort": asdict(effort),
    }
    files = {
        results / RESULTS: json.dumps(data, indent=1) + "\n",
        docs / PAGE: write_page(edges, photos, effort),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text.encode())
    return [*files, drawing, *(pictures / f"{each.name}.jpg" for each in photos)]
