"""Runs on a device: where jobs are done, what goes on from where it was cut short, and what follows a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import legonet
from legonet.cli import main
from legonet.distill import checkpoint
from legonet.errors import DistillError
from legonet.run import finetune
from legonet.run.finetune import Tuning
from legonet.run.options import Options
from tests.device.conftest import PRETEND, expect_close

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.network import Network

pytestmark = pytest.mark.gpu

DOG = "dog:classify"


@pytest.fixture
def copied(file: Path, tmp_path: Path) -> Path:
    """The graph file in a workspace of the test's own."""
    return Path(shutil.copytree(file.parents[1], tmp_path / "copy")) / "graphs" / "zoo.yaml"


@pytest.fixture
def waiting(copied: Path) -> Path:
    """The same with an adapter that is to be fitted anew."""
    network = legonet.load(copied)
    network.connect("dog", "classify", {"kernel": 3, "method": {"name": "distillation", "steps": 6}})
    return network.save(copied)


@pytest.mark.parametrize("options", [{}, {"executor": "process"}, {"workers": 2}], ids=str)
def test_executors(waiting: Path, images: Tensor, device: str, options: dict[str, Any]) -> None:
    """A worker is a process of its own, which has to find the device too."""
    twin = Path(shutil.copytree(waiting.parents[1], waiting.parents[2] / "twin")) / "graphs" / "zoo.yaml"
    there, here = legonet.load(waiting), legonet.load(twin)
    for network, place in ((there, device), (here, "cpu")):
        result = network.transplant({DOG: (images, None)}, device=place, options=Options(**options))
        assert [each.path for each in result.results] == [DOG]
    if PRETEND:
        assert there.lock == here.lock
    expect_close(there.compile()(images), here.compile()(images), "cpu")


@pytest.mark.parametrize("place", ["cpu", None])
def test_a_fit_that_was_cut_short(
    waiting: Path, images: Tensor, device: str, place: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on there, from the state that it left; a state of another device begins anew."""
    twin = Path(shutil.copytree(waiting.parents[1], waiting.parents[2] / "twin")) / "graphs" / "zoo.yaml"
    samples = {DOG: (images, None)}
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    steps: list[int] = []

    def watch(progress: Any) -> None:
        if progress.step:
            steps.append(progress.step)
        if progress.step == 4 and 1 not in steps[1:]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        legonet.load(waiting).transplant(samples, device=place or device, progress=watch)
    seen = len(steps)
    there, whole = legonet.load(waiting), legonet.load(twin)
    there.transplant(samples, device=device, progress=lambda each: steps.append(each.step))
    again = [step for step in steps[seen:] if step]
    assert again[0] == (4 if place is None else 1)
    whole.transplant(samples, device=device)
    if PRETEND or place is None:
        assert there.lock == whole.lock


@pytest.mark.parametrize("given", ["nothing", "images", "labels"])
def test_fine_tuning(
    copied: Path, images: Tensor, device: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune, "SYNTHESISED", 16)
    twin = Path(shutil.copytree(copied.parents[1], copied.parents[2] / "twin")) / "graphs" / "zoo.yaml"
    tuning = Tuning(task="classify", steps=3, tolerance=10.0)
    labels = torch.arange(12) % 2 if given == "labels" else None
    there, here = legonet.load(copied), legonet.load(twin)
    for network, place in ((there, device), (here, "cpu")):
        samples = None if given == "nothing" else {DOG: (images.to(place), labels)}
        assert network.finetune(tuning, samples, device=place).worse == ()
    if PRETEND:
        assert there.lock == here.lock
    expect_close(there.compile()(images), here.compile()(images), "cpu")


def test_memory_that_does_not_suffice(
    waiting: Path, images: Tensor, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr("legonet.run.execute.fit", fit)
    with pytest.raises(DistillError, match=f"dog:classify: the memory of {device} does not suffice"):
        legonet.load(waiting).transplant({DOG: (images, None)}, device=device)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Images by category."""
    from torchvision.transforms.functional import to_pil_image

    generator = torch.Generator().manual_seed(0)
    for category in ("cat", "dog", "cow"):
        folder = tmp_path / "photos" / category
        folder.mkdir(parents=True)
        for number in range(3):
            to_pil_image(torch.rand(3, 10, 12, generator=generator)).save(folder / f"{number}.png")
    return tmp_path / "photos"


Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """What a command prints."""

    def run(*arguments: object) -> str:
        capsys.readouterr()
        status = main([str(each) for each in arguments])
        out, err = capsys.readouterr()
        assert status == 0, err
        return out

    return run


def test_evaluate(run: Run, file: Path, photos: Path, device: str) -> None:
    there, here = (
        json.loads(run("evaluate", file, "--data", photos, "--device", place, "--json"))
        for place in (device, "cpu")
    )
    assert there == here
    assert len(there["rows"]) == 3


def test_predict(run: Run, file: Path, photos: Path, device: str) -> None:
    there, here = (
        json.loads(run("predict", file, photos, "--device", place, "--json"))["predictions"]
        for place in (device, "cpu")
    )
    for left, right in zip(there, here, strict=True):
        assert left.pop("score") == pytest.approx(right.pop("score"), abs=2e-3)
        assert left == right
    assert len(there) == 9 * 3


def test_commands_that_fit(run: Run, copied: Path, device: str) -> None:
    network = legonet.load(copied)
    network.connect("dog", "classify", {"kernel": 3, "method": {"name": "closed-form", "draws": 4}})
    network.save(copied)
    assert "dog:classify" in run("transplant", copied, "--device", device)
    assert run(
        "finetune", copied, "--task", "classify", "--steps", "2", "--tolerance", "10", "--device", device
    )


def test_the_accelerator_that_there_is(network: Network, images: Tensor, device: str) -> None:
    app = network.compile(DOG, device="auto")
    assert next(app.parameters()).device.type == device
    assert app(images.to(device)).device.type == device
