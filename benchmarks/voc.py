"""The experiments at the paper's scale: Pascal VOC, for people who have it and a GPU. Nothing is downloaded.

Teachers are fine-tuned from weights that the user gives, such as torchvision's of VGG-16 on ImageNet. Those
that segment take over the category module of those that classify, as it is.

Adapters are fitted from images of VOC's list `train`; the list `val` gives validation and test images in
turns, since VOC's test masks are not public.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from benchmarks.experiments import GENERIC, TARGETS
from benchmarks.rig import Rig, Split
from legonet.blocks.build import build_layers, leaves
from legonet.blocks.device import find_device
from legonet.blocks.files import find_block
from legonet.blocks.schema import Block
from legonet.compile.normalise import normalisation
from legonet.data.voc import VocImages, VocSplit
from legonet.errors import DataError, SelectError, first_line
from legonet.graph.editing.dump import dump_yaml
from legonet.graph.output import Output
from legonet.graph.schema import Category, Graph, Input, Task, Teacher
from legonet.network import Network
from legonet.outputs.binary import BinaryOutput
from legonet.outputs.mask import MaskOutput
from legonet.store.plain_files import write_file
from legonet.store.workspace import shipped_folder
from legonet.teachers.cutting import block_graph

GRAPH = "graphs/voc.yaml"
CATEGORIES = (GENERIC, *TARGETS)
RECORDED = 128  # images that a teacher's statistics are recorded on
BATCH = 16
LEARNING_RATE = 1e-4
IMAGENET = Input(shape=(3, 224, 224), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Backbone:
    """The blocks of one architecture, and where its teachers are cut."""

    classify: str
    segment: str
    cut: str


BACKBONES = {
    "vgg16": Backbone("vgg16", "vgg16-fcn", "features.4"),  # as in the paper: after its fifth layer
    "vgg-slim": Backbone("vgg-slim", "vgg-slim-fcn", "relu3_3"),
}


@dataclass(frozen=True)
class Place:
    """Where things are.

    Attributes:
        root: the folder that holds `VOCdevkit`.
        folder: the workspace of the network, with its teachers.
        backbone: one of `BACKBONES`.
    """

    root: Path
    folder: Path
    backbone: str = "vgg16"


class VocPictures:
    """VOC's images of a category and as many others, in turns."""

    name = "voc"

    def __init__(self, root: Path, shape: tuple[int, int, int]) -> None:
        self.root, self.shape = root, shape

    def train(self, category: str, mask: bool, seed: int) -> tuple[Tensor, Tensor]:
        """Read VOC's training images, in the seed's order and with its negatives."""
        return self._read(category, mask, "train", seed)

    def held_out(self, category: str, mask: bool, split: Split) -> tuple[Tensor, Tensor]:
        """Read every other pair of VOC's list `val`."""
        images, labels = self._read(category, mask, "val", 0)
        chosen = torch.arange(len(images)) // 2 % 2 == (split == "test")
        return images[chosen], labels[chosen]

    def _read(self, category: str, mask: bool, listed: VocSplit, seed: int) -> tuple[Tensor, Tensor]:
        items = VocImages(self.root, category, listed, shape=self.shape, seed=seed)
        labels, generator = torch.tensor(items.labels), torch.Generator().manual_seed(seed)
        sides = [torch.nonzero(labels == label).flatten() for label in (1, 0)]
        count = min(map(len, sides))
        order = [side[torch.randperm(len(side), generator=generator)][:count] for side in sides]
        read = [items[index] for index in torch.stack(order, 1).flatten().tolist()]
        images = torch.stack([image for image, _, _ in read])
        if mask:
            return images, torch.stack([shown[0] for _, _, shown in read]).long()
        return images, torch.tensor([label for _, label, _ in read])


def voc_rig(place: Place, split: Split, device: torch.device | str) -> Rig:
    """Open a network that `prepare` made."""
    network = Network.load(place.folder / GRAPH)
    return Rig(network, VocPictures(place.root, network.graph.input.shape), split, device)


def prepare(
    place: Place,
    weights: Path | None,
    epochs: int = 10,
    device: torch.device | str = "cpu",
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Train the teachers that are not there yet, record their statistics, and write the network's file.

    Args:
        place: where.
        weights: of the backbone, a state dict as `torch.save` or safetensors wrote it; needed to train.
        epochs: over each category's training images.
        device: where to train.
        say: told of each teacher.

    Raises:
        LegonetError: no such backbone, weights that do not fit, or VOC is not there.
    """
    if place.backbone not in BACKBONES:
        raise SelectError(
            f"--backbone {place.backbone}: no such backbone; expected one of {', '.join(BACKBONES)}"
        )
    backbone = BACKBONES[place.backbone]
    blocks = {"classify": _block(backbone.classify), "segment": _block(backbone.segment)}
    graph = _graph(backbone, blocks["classify"])
    path = place.folder / GRAPH
    write_file(path, dump_yaml(graph).encode())
    pictures, base = VocPictures(place.root, graph.input.shape), None
    for name, teacher in graph.teachers.items():
        file = path.parent / teacher.weights
        if not file.exists():
            base = _read_weights(weights) if base is None else base
            net = _start(blocks[teacher.task], base)
            if teacher.task == "segment":
                _freeze_below(net, teacher.cut, path.parent / _weights_file(teacher.category, "classify"))
            images, labels = pictures.train(teacher.category, teacher.task == "segment", 0)
            loss = _fine_tune(net, normalisation(graph.input), images, labels, graph, teacher, epochs, device)
            state = {key: value.detach().cpu().contiguous() for key, value in net.state_dict().items()}
            write_file(file, safetensors.torch.save(state))
            say(f"{name}: trained, loss {loss:.3f}")
        network = Network.load(path)
        if not file.with_name(file.name.replace(".safetensors", ".statistics.safetensors")).exists():
            network.record(name, lambda category: pictures.train(category, False, 0)[0][:RECORDED])


def _block(name: str) -> Block:
    return find_block(name, [shipped_folder("blocks")])


def _weights_file(category: str, task: str) -> str:
    return f"teachers/{category}-{task}.safetensors"


def _graph(backbone: Backbone, block: Block) -> Graph:
    outputs: dict[str, Output] = {
        "classify": BinaryOutput(kind="binary"),
        "segment": MaskOutput(kind="mask"),
    }
    models = {"classify": backbone.classify, "segment": backbone.segment}
    return Graph(
        legonet=1,
        name="voc",
        input=IMAGENET.model_copy(update={"shape": tuple(block.input)}),
        categories={category: Category() for category in CATEGORIES},
        tasks={task: Task(output=output) for task, output in outputs.items()},
        teachers={
            f"{category}-{task}": Teacher(
                category=category,
                task=task,
                model=models[task],
                weights=_weights_file(category, task),
                cut=backbone.cut,
            )
            for task in outputs
            for category in CATEGORIES
        },
    )


def _read_weights(path: Path | None) -> dict[str, Tensor]:
    if path is None:
        raise DataError(
            "--weights: none given; expected the backbone's state dict, such as torchvision's "
            "vgg16-397923af.pth; the teachers are fine-tuned from it"
        )
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load(path.read_bytes())
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many kinds
        raise DataError(
            f"{path}: cannot be read ({first_line(error)}); expected a state dict that torch.save or "
            "safetensors wrote"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(each, Tensor) for each in found.values()):
        raise DataError(f"{path}: holds a {type(found).__name__}; expected a state dict: tensors by name")
    return found


def _start(block: Block, base: dict[str, Tensor]) -> nn.Sequential:
    """A block with the base's weights, layer by layer in order, where there are as many; others at random.

    A fully connected layer's weights thus become those of the convolution that covers its input.

    Source: Long et al., arXiv:1411.4038, section 3.1.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the new layers are the same in all teachers, which keeps a common base
        net = build_layers(block_graph(block).notation or {})
    weights = [value for key, value in base.items() if key.endswith("weight")]
    biases = [value for key, value in base.items() if key.endswith("bias")]
    layers = [
        layer for _, layer in leaves(net) if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    ]
    taken = 0
    with torch.no_grad():
        for layer, weight, bias in zip(layers, weights, biases, strict=False):
            if layer.weight.numel() != weight.numel():
                continue
            taken += 1
            layer.weight.copy_(weight.reshape(layer.weight.shape))
            if layer.bias is not None:
                layer.bias.copy_(bias)
    if taken < len(layers) // 2:
        raise DataError(
            f"--weights: only {taken} of the {len(layers)} layers of {block.name} fit; expected weights of "
            "this backbone"
        )
    return net


def _freeze_below(net: nn.Sequential, cut: str, classifier: Path) -> None:
    """Give the layers up to the cut the classifier's weights, and keep them."""
    state, names = safetensors.torch.load(classifier.read_bytes()), [name for name, _ in leaves(net)]
    for name, layer in leaves(net)[: names.index(cut) + 1]:
        kept = {key: state[f"{name}.{key}"] for key in layer.state_dict()}
        layer.load_state_dict(kept)
        layer.requires_grad_(False)


def _fine_tune(
    net: nn.Sequential,
    normalise: nn.Module,
    images: Tensor,
    labels: Tensor,
    graph: Graph,
    teacher: Teacher,
    epochs: int,
    device: torch.device | str,
) -> float:
    """Train with Adam of decoupled weight decay, and random flips; the last epoch's mean loss."""
    where, meaning = find_device(device), graph.tasks[teacher.task].output
    generator = torch.Generator().manual_seed(CATEGORIES.index(teacher.category))
    trained = [each for each in net.to(where).train().parameters() if each.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=LEARNING_RATE)
    losses: list[float] = []
    for _ in range(epochs):
        losses = []
        for chosen in torch.randperm(len(images), generator=generator).split(BATCH):
            flip = bool(torch.rand((), generator=generator) < 0.5)
            batch, wanted = images[chosen], labels[chosen]
            if flip:
                batch, wanted = batch.flip(-1), wanted.flip(-1) if wanted.ndim > 1 else wanted
            loss = meaning.task_loss(net(normalise(batch).to(where)), wanted.to(where))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
    net.eval().cpu()
    return sum(losses) / max(1, len(losses))
