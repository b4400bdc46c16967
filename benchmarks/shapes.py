"""Adapters between two ResNet-18s that know coloured shapes, by what the statistics were recorded on.

    python -m benchmarks shapes

Torchvision's ResNet-18, for images of 64x64 of one shape each, in any colours: a base learns to tell five
shapes, and from it a network for each of two, `disc` and `square`, is tuned whole. They are cut at `layer2`.
The disc's category module is joined to the square's task module by the defaults, without an image, from
statistics of images that show discs and others, or of discs alone.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from legonet.evaluate import scores
from legonet.network import Network

SHAPES = ("disc", "square", "triangle", "cross", "ring")
OWN, OTHER = "disc", "square"
SIDE, CUT = 64, "layer2"
TRAINED, RECORDED, TESTED = 2000, 400, 1000
ROUNDS = {"base": 20, "teacher": 10}
LEARNING_RATE = 1e-3
_BATCH = 50


@dataclass(frozen=True)
class Row:
    """What one network reached on test images.

    Attributes:
        recorded: What the statistics were recorded on.
        seed: Of base, teachers and fit.
        teacher: The accuracy of the disc's own teacher.
        accuracy: Of the disc through the square's task module.
        agreement: How often both decide alike.
        expected: What the fit expects of that, and between what and what.
        warned: Whether something says that the statistics are of one side.
        seconds: Of the fit.
    """

    recorded: str
    seed: int
    teacher: float
    accuracy: float
    agreement: float
    expected: tuple[float, float, float]
    warned: bool
    seconds: float


def shapes(count: int, seed: int, positive: str | None = None) -> tuple[Tensor, Tensor]:
    """Draw coloured shapes on coloured grounds.

    Args:
        count: How many.
        seed: Of the choice.
        positive: A shape that half of them are of; default: all shapes alike.

    Returns:
        Images (count, 3, 64, 64) in [0, 1], and which of `SHAPES` each shows.
    """
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randint(len(SHAPES), (count,), generator=generator)
    if positive is not None:
        wanted = SHAPES.index(positive)
        others = torch.tensor([index for index in range(len(SHAPES)) if index != wanted])
        kinds = others[torch.randint(len(others), (count,), generator=generator)]
        kinds[torch.rand(count, generator=generator) < 0.5] = wanted
    steps = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    down, right = torch.meshgrid(steps, steps, indexing="ij")
    chances = torch.rand(count, 10, generator=generator)
    images = torch.empty(count, 3, SIDE, SIDE)
    for index, (kind, chance) in enumerate(zip(kinds.tolist(), chances, strict=True)):
        radius, turn = 0.3 + 0.3 * chance[0], math.tau * float(chance[1])
        y, x = down - (chance[2] - 0.5) * 0.7, right - (chance[3] - 0.5) * 0.7
        u = (x * math.cos(turn) + y * math.sin(turn)) / radius
        v = (y * math.cos(turn) - x * math.sin(turn)) / radius
        edge = (_distance(SHAPES[kind], u, v) * radius * SIDE / 2).clamp(-0.5, 0.5) + 0.5
        inside = chance[4:7].view(3, 1, 1)
        outside = (inside + 0.25 + 0.5 * chance[7:10].view(3, 1, 1)) % 1  # no channel has the same of both
        images[index] = inside + (outside - inside) * edge
    images += 0.05 * torch.randn(images.shape, generator=generator)
    return images.clamp(0, 1), kinds


def _distance(shape: str, u: Tensor, v: Tensor) -> Tensor:
    """About how far points are from a shape of about the size 1; negative inside."""
    if shape == "disc":
        return (u.square() + v.square()).sqrt() - 0.9
    if shape == "ring":
        return ((u.square() + v.square()).sqrt() - 0.75).abs() - 0.22
    if shape == "square":
        return torch.maximum(u.abs(), v.abs()) - 0.8
    if shape == "triangle":
        return torch.maximum(0.87 * u.abs() + 0.5 * v, -v) - 0.5
    return torch.minimum(
        torch.maximum(u.abs() - 0.95, v.abs() - 0.3), torch.maximum(v.abs() - 0.95, u.abs() - 0.3)
    )


def run_shapes(folder: Path, seeds: int, say: Callable[[str], None]) -> Iterator[Row]:
    """Train what is missing in the folder, fit, and measure."""
    for seed in range(seeds):
        teachers = {kind: _teacher(kind, seed, folder, say) for kind in (OTHER, OWN)}
        for recorded in ("with negatives", "positives only"):
            yield _measure(teachers, recorded, seed)


def table(rows: list[Row]) -> str:
    """One line for each network."""
    lines = [
        "| statistics of | seed | teacher | accuracy | agreement, and what was expected | warned | seconds |",
        "| --- | ---: | ---: | ---: | --- | --- | ---: |",
    ]
    for each in rows:
        middle, low, high = (f"{100 * value:.0f}" for value in each.expected)
        lines.append(
            f"| {each.recorded} | {each.seed} | {100 * each.teacher:.1f} % | {100 * each.accuracy:.1f} % "
            f"| {100 * each.agreement:.1f} %, {middle} % ({low} to {high}) "
            f"| {'yes' if each.warned else 'no'} | {each.seconds:.0f} |"
        )
    return "\n".join(lines)


def _measure(teachers: dict[str, nn.Module], recorded: str, seed: int) -> Row:
    network = Network("shapes", (3, SIDE, SIDE), (0.5,) * 3, (0.5,) * 3)
    for category, model in teachers.items():
        images, kinds = shapes(2 * RECORDED, 9 + seed, category)
        if recorded == "positives only":
            images = images[kinds == SHAPES.index(category)]
        network.add_teacher(
            category, model, category=category, task="classify", cut=CUT, images=images[:RECORDED]
        )
    path = f"{OWN}:classify"
    network.connect(OWN, "classify", seed=seed)
    run = network.transplant(progress=None)
    (result,) = run.results
    images, kinds = shapes(TESTED, 1_000_000 + seed, OWN)
    right = kinds == SHAPES.index(OWN)
    found = scores(network.compile(path), images)[:, 0] > 0
    with torch.no_grad():
        own = torch.cat([teachers[OWN]((each - 0.5) / 0.5)[:, 0] > 0 for each in images.split(_BATCH)])
    quality = result.quality
    return Row(
        recorded,
        seed,
        float((own == right).float().mean()),
        float((found == right).float().mean()),
        float((found == own).float().mean()),
        (quality["agreement"], quality["agreement from"], quality["agreement to"]),
        any("positive alone" in each for each in run.notes),
        round(result.seconds, 1),
    )


def _teacher(kind: str, seed: int, folder: Path, say: Callable[[str], None]) -> nn.Module:
    file = folder / f"{kind}-{seed}.safetensors"
    model = _resnet(1)
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        base = folder / f"base-{seed}.safetensors"
        if not base.exists():
            _train(_resnet(len(SHAPES), seed), *shapes(TRAINED, seed), "base", base, seed)
            say(f"{base}: trained")
        state = {name: each for name, each in load_file(base).items() if not name.startswith("fc.")}
        model.load_state_dict(state, strict=False)
        torch.manual_seed(seed)
        nn.init.normal_(model.get_parameter("fc.weight"), std=512**-0.5)
        nn.init.zeros_(model.get_parameter("fc.bias"))
        images, kinds = shapes(TRAINED, 100 + SHAPES.index(kind) + 10 * seed, kind)
        _train(model, images, (kinds == SHAPES.index(kind)).float(), "teacher", file, seed)
        say(f"{file}: trained")
    model.load_state_dict(load_file(file))
    return model.eval()


def _resnet(outputs: int, seed: int = 0) -> nn.Module:
    from torchvision.models import resnet18

    torch.manual_seed(seed)
    return resnet18(num_classes=outputs)


def _train(model: nn.Module, images: Tensor, labels: Tensor, what: str, file: Path, seed: int) -> None:
    steps = ROUNDS[what] * -(-len(images) // _BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=1e-3)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(ROUNDS[what]):
        for chosen in torch.randperm(len(images), generator=generator).split(_BATCH):
            output = model((images[chosen] - 0.5) / 0.5)
            if what == "base":
                loss = F.cross_entropy(output, labels[chosen])
            else:
                loss = F.binary_cross_entropy_with_logits(output[:, 0], labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            cycle.step()
    save_file(copy.deepcopy(model).eval().state_dict(), file)
