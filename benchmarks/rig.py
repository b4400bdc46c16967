"""Where trials take place: a network with its teachers, and the images of its categories."""

from __future__ import annotations

import copy
import hashlib
import time
from dataclasses import replace
from functools import lru_cache
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from benchmarks.experiments import EXPERIMENTS, NOTHING, TEACHER, UNADAPTED, Experiment, Trial
from benchmarks.rows import Row
from legonet.blocks.adapter import convolutions
from legonet.compile.normalise import normalisation
from legonet.data import animals
from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import Fitted, Samples, fit
from legonet.distill.synthesis.features import synthesise_features
from legonet.errors import SelectError
from legonet.evaluate import scores
from legonet.graph.schema import Adapter
from legonet.methods.auto import Auto
from legonet.network import Network
from legonet.store.blobs import MemoryStore
from legonet.store.workspace import shipped_folder
from legonet.teachers.statistics import allowance, record
from legonet.teachers.statistics_file import dump_statistics

Split = Literal["validation", "test"]
STRANGERS: dict[str, Literal["initialisation", "architecture"]] = {
    "bases": "initialisation",
    "architectures": "architecture",
}
BATCH = 250
RECORDED = 400  # images that a random category module's statistics are recorded on


class Pictures(Protocol):
    """Images of categories; positives and negatives alternate, so that the first few are balanced."""

    name: str

    def train(self, category: str, mask: bool, seed: int) -> tuple[Tensor, Tensor]:
        """The training images (batch, channels, height, width) in [0, 1], and labels or masks of 0 and 1.

        Args:
            category: its name.
            mask: labels are masks (batch, height, width).
            seed: of what is drawn; another seed, other images or another order.
        """
        ...

    def held_out(self, category: str, mask: bool, split: Split) -> tuple[Tensor, Tensor]:
        """The images to measure on, likewise."""
        ...


class AnimalPictures:
    """The composed animals; each seed is a composition of its own."""

    name = "animals"

    def train(self, category: str, mask: bool, seed: int) -> tuple[Tensor, Tensor]:
        """Compose the training set of a seed."""
        return self._drawn(category, mask, animals.single_category(category, "train", seed))

    def held_out(self, category: str, mask: bool, split: Split) -> tuple[Tensor, Tensor]:
        """Compose the validation or test set, of other silhouettes."""
        return self._drawn(category, mask, animals.single_category(category, split))

    def _drawn(self, category: str, mask: bool, drawn: animals.Images) -> tuple[Tensor, Tensor]:
        return drawn.images, drawn.masks[:, 0].long() if mask else drawn.labels


class Rig:
    """A network whose teachers' modules are transplanted, and measured on its categories' images.

    Args:
        network: with a task of binary output, and one of masks for Experiment 3.
        pictures: images of its categories.
        split: which images adapters are measured on; those of `test` are for final figures only.
        device: where adapters are fitted and measured.
    """

    def __init__(
        self, network: Network, pictures: Pictures, split: Split, device: torch.device | str = "cpu"
    ) -> None:
        self.network, self.pictures, self.device = network, pictures, device
        self.split: Split = split
        self._normalise = normalisation(network.graph.input)
        self._edge = lru_cache(maxsize=16)(self._find_edge)
        self._imagine = lru_cache(maxsize=8)(self._find_imagined)
        self._train = lru_cache(maxsize=2)(pictures.train)
        self._held_out = lru_cache(maxsize=4)(self._find_held_out)
        self._surroundings = lru_cache(maxsize=None)(self._find_surroundings)

    def offers(self, experiment: Experiment) -> bool:
        """Whether the network has a task of the experiment's kind."""
        return any(task.output.kind == experiment.task for task in self.network.graph.tasks.values())

    def surroundings(self, trial: Trial) -> str:
        """What a trial's result depends on beside the trial: data, split, frozen modules and statistics."""
        return self._surroundings(trial.experiment, trial.category)

    def run(self, trial: Trial) -> Row:
        """Fit a trial's adapter and measure it.

        Raises:
            LegonetError: the adapter cannot be fitted, or the network has no such edge.
        """
        edge = self.edge(trial)
        key = trial.key(self.surroundings(trial))
        references = {
            TEACHER: edge.teacher_module,
            UNADAPTED: edge.task_module,
            NOTHING: _Nothing(edge.teacher_module),
        }
        if trial.spec is None:
            return Row(key, trial, self.measure(trial, references[trial.method]))
        fitted, seconds = self.fit(trial)
        found = self.measure(trial, nn.Sequential(fitted.adapter, edge.task_module))
        return Row(key, trial, found, fitted.quality, round(seconds, 3), fitted.notes)

    def fit(self, trial: Trial) -> tuple[Fitted, float]:
        """Fit a trial's adapter; the seconds that it took, imagining included."""
        spec = Adapter.model_validate(dict(trial.spec or {}))
        samples, (imagined, spent) = self.samples(trial), self._imagined(trial, spec)
        start = self._clock()
        fitted = fit(self.edge(trial), spec, samples, self.device, imagined=imagined)
        return fitted, spent + self._clock() - start

    def _imagined(self, trial: Trial, spec: Adapter) -> tuple[Tensor | None, float]:
        """Features that several adapters to one teacher are fitted from, and the seconds that they took."""
        if not isinstance(spec.settings, Auto):
            return None, 0.0
        random_seed = trial.seed if trial.random_f else None
        return self._imagine(
            trial.experiment, trial.category, random_seed, trial.seed, spec.settings.features
        )

    def _find_imagined(
        self, experiment: str, category: str, random_seed: int | None, seed: int, count: int
    ) -> tuple[Tensor | None, float]:
        start = self._clock()
        imagined = synthesise_features(
            self._edge(experiment, category, random_seed), count, seed, self.device
        )
        return imagined, self._clock() - start

    def edge(self, trial: Trial) -> Edge:
        """The frozen modules of a trial; where it asks for it with a category module of random weights."""
        return self._edge(trial.experiment, trial.category, trial.seed if trial.random_f else None)

    def samples(self, trial: Trial) -> Samples | None:
        """The first training images of a trial, normalised, with their labels."""
        if trial.images == 0:
            return None
        images, labels = self._train(trial.category, self._mask(trial), trial.seed)
        return Samples(self._normalise(images[: trial.images]), labels[: trial.images])

    def _mask(self, trial: Trial) -> bool:
        return EXPERIMENTS[trial.experiment].task == "mask"

    def _find_edge(self, experiment: str, category: str, random_seed: int | None) -> Edge:
        if random_seed is not None:
            edge = self._edge(experiment, category, None)
            return self._with_random_f(edge, category, EXPERIMENTS[experiment].task == "mask", random_seed)
        if experiment in STRANGERS:
            from benchmarks.bases import different_bases

            return different_bases(self.network, category, STRANGERS[experiment])
        kind = EXPERIMENTS[experiment].task
        tasks = [name for name, task in self.network.graph.tasks.items() if task.output.kind == kind]
        if not tasks:
            raise SelectError(
                f"{self.network.graph.name}: no task of kind {kind}; experiment {experiment} wants one; "
                "choose other experiments"
            )
        return self.network.edge(f"{category}:{tasks[0]}")

    def _with_random_f(self, edge: Edge, category: str, mask: bool, seed: int) -> Edge:
        """The control: f of the same architecture and of random weights; statistics as they are with it."""
        module = copy.deepcopy(edge.category_module)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for conv in convolutions(module):
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=generator)
                if conv.bias is not None:
                    nn.init.zeros_(conv.bias)
        if edge.statistics is None:
            return replace(edge, category_module=module)
        images = self._normalise(self._train(category, mask, seed)[0][:RECORDED])
        limit = allowance(module, edge.teacher_module)
        recorded = record(module, edge.teacher_module, images.split(BATCH), limit)
        return replace(edge, category_module=module, statistics=recorded)

    def _find_surroundings(self, experiment: str, category: str) -> str:
        edge, digest = self._edge(experiment, category, None), hashlib.sha256()
        for module in (edge.category_module, edge.task_module, edge.teacher_module):
            for name, tensor in module.state_dict().items():
                digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
        for statistics in (edge.statistics, edge.generic_statistics):
            digest.update(b"none" if statistics is None else dump_statistics(statistics))
        return f"{self.pictures.name} {self.split} {digest.hexdigest()}"

    def _find_held_out(
        self, experiment: str, category: str, random_seed: int | None
    ) -> tuple[Tensor, Tensor]:
        """The category module's features of the images to measure on, and their labels."""
        mask = EXPERIMENTS[experiment].task == "mask"
        images, labels = self.pictures.held_out(category, mask, self.split)
        f = self._edge(experiment, category, random_seed).category_module
        return self._scores(nn.Sequential(self._normalise, f), images), labels

    def held_out(self, trial: Trial) -> tuple[Tensor, Tensor]:
        """Features (batch, channels, height, width) at the cut of the images to measure on, and labels."""
        return self._held_out(trial.experiment, trial.category, trial.seed if trial.random_f else None)

    def measure(self, trial: Trial, above: nn.Module) -> dict[str, float]:
        """Measure what stands above a trial's category module, in percent.

        Args:
            trial: on whose category's images.
            above: takes the category module's features.

        Returns:
            `error`; for masks `pixel error` and `IoU`.
        """
        features, labels = self.held_out(trial)
        output = self._scores(above, features)
        meaning = self._edge(trial.experiment, trial.category, None).meaning
        found = {name: 100 * value for name, value in meaning.measures(output, labels).items()}
        if "pixel accuracy" in found:
            found = {"pixel error": 100 - found["pixel accuracy"], "IoU": found["IoU"]}
        return {name: round(value, 4) for name, value in found.items()}

    def _scores(self, model: nn.Module, inputs: Tensor) -> Tensor:
        """A copy's output on the rig's device, gathered on the CPU."""
        return scores(copy.deepcopy(model).to(self.device), inputs)

    def _clock(self) -> float:
        """Seconds of the processor, which other work on the machine leaves alone; else of the clock."""
        if torch.device(self.device).type == "cpu":
            return time.process_time()
        return time.perf_counter()


class _Nothing(nn.Module):
    """Says background at every pixel, in the shape of a module's output."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, features: Tensor) -> Tensor:
        return torch.full_like(self.module(features), -1.0)


def animals_rig(split: Split, device: torch.device | str = "cpu") -> Rig:
    """The animals network as it is shipped; nothing is written beside it."""
    network = Network.load(shipped_folder("graphs") / "animals.yaml")
    network.store = MemoryStore()
    return Rig(network, AnimalPictures(), split, device)
