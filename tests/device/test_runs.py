"""Runs on a device: where jobs are done, what goes on from where it was cut short, and what follows a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import legonet
from legonet.cli import main
from legonet.distill.fitting import checkpoint
from legonet.errors import DistillError
from legonet.run.finetune import Tuning
from legonet.run.options import RunOptions
from legonet.run.runner import Progress
from tests.device.conftest import PRETEND, copied, expect_close

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.network import Network

pytestmark = pytest.mark.gpu

DOG = "dog:classify"


@pytest.fixture
def own(file: Path, tmp_path: Path) -> Path:
    """The graph file in a workspace of the test's own."""
    return copied(file, tmp_path / "own")


@pytest.fixture
def twin(file: Path, tmp_path: Path) -> Path:
    """Another one."""
    return copied(file, tmp_path / "twin")


def waiting(file: Path, *categories: str) -> Network:
    """The network, of which some adapters are to be fitted anew."""
    network = legonet.load(file)
    for name in categories or ("dog",):
        network.connect(name, "classify", {"kernel": 3, "method": {"name": "distillation", "steps": 6}})
    network.save(file)
    return network


def test_processes(own: Path, twin: Path, images: Tensor, device: str) -> None:
    """A worker is a process of its own, which has to find the device too."""
    samples = {"dog:classify": (images, None), "cow:classify": (images.to(device), None)}
    there, here = waiting(own, "dog", "cow"), waiting(twin, "dog", "cow")
    result = there.transplant(samples, device=device, options=RunOptions(workers=2))
    assert {each.path for each in result.results} == set(samples)
    here.transplant(samples)
    expect_close(there.compile()(images), here.compile()(images), "cpu")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_fit_that_was_cut_short(
    own: Path, twin: Path, images: Tensor, device: str, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on from the state that it left; from that of another device it does not."""
    samples = {DOG: (images, None)}
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)

    def stop(progress: Progress) -> None:
        if progress.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        waiting(own).transplant(samples, device="cpu" if elsewhere else device, progress=stop)
    steps: list[int] = []
    there, whole = legonet.load(own), waiting(twin)
    there.transplant(samples, device=device, progress=lambda each: steps.append(each.step))
    assert next(step for step in steps if step) == (1 if elsewhere else 4)
    whole.transplant(samples, device=device)
    if PRETEND:  # a GPU adds up in no fixed order
        assert there.lock == whole.lock
    expect_close(there.compile()(images), whole.compile()(images), "cpu")


@pytest.mark.parametrize("given", ["nothing", "images", "labels"])
def test_fine_tuning(own: Path, twin: Path, images: Tensor, device: str, given: str) -> None:
    tuning = Tuning(task="classify", steps=3, tolerance=10.0)
    labels = torch.arange(12) % 2 if given == "labels" else None
    there, here = legonet.load(own), legonet.load(twin)
    for network, place in ((there, device), (here, "cpu")):
        samples = None if given == "nothing" else {DOG: (images.to(place), labels)}
        assert network.finetune(tuning, samples, device=place).worse == ()
    if PRETEND:
        assert there.lock == here.lock
    expect_close(there.compile()(images), here.compile()(images), "cpu")


def test_memory_that_does_not_suffice(
    own: Path, images: Tensor, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr("legonet.run.execute.fit", fit)
    with pytest.raises(
        DistillError, match=f"dog:classify: fitting the adapter takes more memory than {device} has"
    ):
        waiting(own).transplant({DOG: (images, None)}, device=device)


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


def test_commands_that_fit(run: Run, own: Path, device: str) -> None:
    network = legonet.load(own)
    network.connect(
        "dog", "classify", {"kernel": 3, "method": {"name": "closed-form", "draws": 4, "matching": 2}}
    )
    network.save(own)
    assert DOG in run("transplant", own, "--device", device)
    tuning = ("--task", "classify", "--steps", 2, "--tolerance", 10)
    assert run("finetune", own, *tuning, "--device", device)


def test_the_accelerator_that_there_is(network: Network, images: Tensor, device: str) -> None:
    app = network.compile(DOG, device="auto")
    assert next(app.parameters()).device.type == device
    assert app(images.to(device)).device.type == device
