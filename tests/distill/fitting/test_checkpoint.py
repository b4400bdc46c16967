"""A fit that is cut short anywhere in a descent goes on there, and ends with the bits of one that was not."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from legonet.distill.fitting import checkpoint
from legonet.distill.fitting.checkpoint import Checkpoint, clear
from legonet.distill.fitting.context import Edge, StepCallback
from legonet.distill.fitting.fit import Fitted, Samples, fit
from legonet.distill.fitting.optimise import optimise
from legonet.distill.fitting.stitching import fit_stitched
from legonet.graph.schema import Adapter, Input
from tests.distill.conftest import chain

KEY = "k" * 64
STEPS = 8
METHODS: dict[str, dict[str, Any]] = {
    "auto": {"name": "auto", "steps": STEPS, "imagined": 32},
    "back-distillation": {"name": "back-distillation", "steps": STEPS, "batch": 2},
    "ordinary": {"name": "ordinary", "steps": STEPS},
    "distillation": {"name": "distillation", "steps": STEPS},
    "jacobian": {"name": "jacobian", "steps": STEPS},
    "inversion": {"name": "inversion", "steps": STEPS, "images": 8},
    "closed-form": {"name": "closed-form", "draws": 8, "matching": STEPS},
}


class Stopped(BaseException):
    """As a kill would: nothing after it is done."""


def stop_at(step: int | None) -> StepCallback:
    def progress(done: int, steps: int, loss: float, doing: str = "", part: float | None = None) -> None:
        if step is not None and done == step + 1:
            raise Stopped

    return progress


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a state after each step."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)


@pytest.fixture
def pictures() -> Samples:
    generator = torch.Generator().manual_seed(3)
    return Samples(torch.rand(8, 3, 16, 16, generator=generator), torch.arange(8) % 2)


Fit = Callable[[StepCallback, Checkpoint | None], Fitted]


def expect_the_same_bits(fitting: Fit, folder: Path, steps: tuple[int, ...] = (1, 5)) -> None:
    wanted = fitting(stop_at(None), None)
    for step in steps:
        with pytest.raises(Stopped):
            fitting(stop_at(step), Checkpoint(folder, KEY))
        assert list(folder.iterdir()) != []
    seen: list[int] = []
    again = fitting(lambda done, *_: seen.append(done) if done else None, Checkpoint(folder, KEY))
    assert again.quality == wanted.quality
    states = again.adapter.state_dict(), wanted.adapter.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])
    assert seen[0] == steps[-1] + 1  # what was done was not done again
    clear(folder, KEY)
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("method", METHODS)
def test_every_method(
    edge: Edge, pictures: Samples, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("legonet.methods.auto.EXACT", 0.0)  # the closed form is exact here
    spec = Adapter.model_validate({"kernel": 1, "method": METHODS[method]})
    known = Edge(**{**vars(edge), "input": Input(shape=(3, 16, 16))})

    def fitting(progress: StepCallback, kept: Checkpoint | None) -> Fitted:
        return fit(known, spec, pictures, progress=progress, checkpoint=kept)

    expect_the_same_bits(fitting, tmp_path)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    ("learned", "refined", "stops"),
    [
        # The tenth step is of the bridge's descent: the first one, of 8 steps, stands as it ended.
        (12, 4, (3, 9)),
        # Only the last descent, in which all is refined, has so many steps.
        (5, 14, (9, 11)),
    ],
)
def test_matching_at_the_image(
    edge: Edge,
    pictures: Samples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    learned: int,
    refined: int,
    stops: tuple[int, ...],
) -> None:
    monkeypatch.setattr("legonet.distill.fitting.stitching.STEPS", learned)
    monkeypatch.setattr("legonet.distill.fitting.stitching.refined_steps", lambda learned: refined)
    monkeypatch.setattr("legonet.distill.fitting.stitching.SYNTHESISED", 16)
    monkeypatch.setattr("legonet.distill.fitting.stitching.JOINED", 128)
    spec = Adapter.model_validate({"kernel": 1, "method": METHODS["ordinary"]})
    known = Edge(**{**vars(edge), "input": Input(shape=(3, 16, 16))})
    own = chain(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))

    def fitting(progress: StepCallback, kept: Checkpoint | None) -> Fitted:
        return fit_stitched(known, own, spec, pictures, "cpu", progress, kept)

    expect_the_same_bits(fitting, tmp_path, stops)


def line(state: Any = None, only: str = "", stop: int = STEPS) -> tuple[nn.Linear, list[float]]:
    """A descent of a line onto noise, whose schedule falls."""
    generator = torch.Generator().manual_seed(0)
    module = nn.Linear(3, 1)
    with torch.no_grad():
        module.weight.zero_()
        assert module.bias is not None
        module.bias.zero_()
    drawn = torch.rand(4, 3, generator=generator)
    kept = None if state is None else state.descent(generator)

    def loss() -> Tensor:
        return (module(drawn) - torch.rand(4, 1, generator=generator)).square().mean()

    losses = optimise(module, loss, STEPS, 0.1, decay=True, progress=stop_at(stop), only=only, state=kept)
    return module, losses


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("only", ["", "bias"])
def test_losses_and_learning_rate_go_on(tmp_path: Path, only: str) -> None:
    module, wanted = line(only=only)
    with pytest.raises(Stopped):
        line(Checkpoint(tmp_path, KEY), only, 3)
    again, losses = line(Checkpoint(tmp_path, KEY), only)
    assert losses == wanted
    assert torch.equal(again.weight, module.weight)
    assert torch.equal(again.bias, module.bias)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("place", [0, 70, -1])
def test_a_damaged_state_is_not_gone_on_from(tmp_path: Path, place: int) -> None:
    module, wanted = line()
    with pytest.raises(Stopped):
        line(Checkpoint(tmp_path, KEY), stop=3)
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(bytes(data))
    kept = Checkpoint(tmp_path, KEY)
    again, losses = line(kept)
    assert losses == wanted
    assert torch.equal(again.weight, module.weight)
    assert kept.notes == [f"{file}: the state of a descent was damaged; the descent began anew"]


def _forged(file: Path, change: Callable[[dict[str, Any], dict[str, Tensor]], object]) -> None:
    """A state as a stranger writes it: whole by its sha256, and of this job."""
    written = file.read_bytes()[64:]
    size = int.from_bytes(written[:8], "little")
    data = json.loads(json.loads(written[8 : 8 + size])["__metadata__"]["legonet"])
    tensors = safetensors.torch.load(written)
    change(data, tensors)
    forged = safetensors.torch.save(tensors, {"legonet": json.dumps(data)})
    file.write_bytes(hashlib.sha256(forged).hexdigest().encode() + forged)


FORGED: dict[str, Callable[[dict[str, Any], dict[str, Tensor]], object]] = {
    "steps": lambda data, tensors: data.update(steps=-1),
    "no steps": lambda data, tensors: data.pop("steps"),
    "losses": lambda data, tensors: data.update(losses=["low"] * data["steps"]),
    "measured": lambda data, tensors: data.update(measured=[[1.0]]),
    "rate": lambda data, tensors: data.update({"learning rate": 10**400}),
    "schedule": lambda data, tensors: data["schedule"].update(optimizer=5),
    "no schedule": lambda data, tensors: data.update(schedule=None),
    "tensors": lambda data, tensors: tensors.pop("exp_avg.0"),
    "another name": lambda data, tensors: tensors.update({"parameter.x": torch.zeros(1)}),
    "shape": lambda data, tensors: tensors.update({"exp_avg.0": torch.zeros(7)}),
    "type": lambda data, tensors: tensors.update({"parameter.0": torch.zeros(1, 3, dtype=torch.long)}),
    "generator": lambda data, tensors: tensors.update(generator=torch.zeros(5, dtype=torch.uint8)),
}


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_a_forged_state_is_not_gone_on_from(
    change: Callable[[dict[str, Any], dict[str, Tensor]], object], tmp_path: Path
) -> None:
    """And leaves nothing changed: the descent ends with the bits of one that found none."""
    module, wanted = line()
    with pytest.raises(Stopped):
        line(Checkpoint(tmp_path, KEY), stop=3)
    (file,) = tmp_path.iterdir()
    _forged(file, change)
    kept = Checkpoint(tmp_path, KEY)
    again, losses = line(kept)
    assert losses == wanted
    assert torch.equal(again.weight, module.weight)
    assert kept.notes == [f"{file}: holds another descent's state; this descent began anew"]


@pytest.mark.usefixtures("always")
def test_a_state_that_is_no_mapping(tmp_path: Path) -> None:
    _, wanted = line()
    with pytest.raises(Stopped):
        line(Checkpoint(tmp_path, KEY), stop=3)
    (file,) = tmp_path.iterdir()
    forged = safetensors.torch.save({"generator": torch.zeros(1)}, {"legonet": "[]"})
    file.write_bytes(hashlib.sha256(forged).hexdigest().encode() + forged)
    assert line(Checkpoint(tmp_path, KEY))[1] == wanted


@pytest.mark.usefixtures("always")
def test_a_state_of_something_else_is_not_gone_on_from(tmp_path: Path) -> None:
    _, wanted = line()
    with pytest.raises(Stopped):
        line(Checkpoint(tmp_path, KEY, "cuda"), stop=3)
    _, losses = line(Checkpoint(tmp_path, KEY))
    assert losses == wanted
    with pytest.raises(Stopped):
        line(Checkpoint(tmp_path, KEY), "bias", 3)  # another set of parameters
    _, losses = line(Checkpoint(tmp_path, KEY))
    assert losses == wanted


@pytest.mark.usefixtures("always")
def test_a_full_disk_is_no_reason_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "write_atomically", full)
    _, wanted = line()
    kept = Checkpoint(tmp_path, KEY)
    assert line(kept)[1] == wanted
    assert "the state of a descent cannot be written (No space left on device)" in kept.notes[0]
    assert len(kept.notes) == 1


def test_a_short_job_leaves_nothing(tmp_path: Path) -> None:
    line(Checkpoint(tmp_path / "none", KEY))
    assert not (tmp_path / "none").exists()
    clear(tmp_path / "none", KEY)
