"""Weights in the forms that people keep them in; no code of a file is run."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import fractions
import pickle
import sys
import types
import uuid
import warnings
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from legonet.errors import TeacherError
from legonet.ir.graph import ModelGraph
from legonet.ir.interpreter import build_graph
from legonet.teachers.tracing.outputs import Chosen
from legonet.teachers.tracing.trace import trace
from legonet.teachers.weights.checkpoints import OtherModelError, fill, read_checkpoint
from legonet.teachers.weights.pickles import read_pickle
from legonet.teachers.weights.torch_files import _table


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in model().state_dict().items()}


@pytest.mark.parametrize(
    "content",
    [
        prefixed(""),
        prefixed("module."),
        prefixed("module.model."),
        {"state_dict": prefixed("module."), "epoch": 3},
        {"model": prefixed(""), "optimizer": {"lr": 0.1}},
    ],
    ids=["plain", "data-parallel", "two prefixes", "lightning", "with an optimiser"],
)
@pytest.mark.parametrize("new", [True, False], ids=["zip", "old"])
def test_forms_of_a_checkpoint(content: Any, new: bool, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pt", _use_new_zipfile_serialization=new)
    empty = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    fill(empty, read_checkpoint(tmp_path / "w.pt"))
    for name, value in model().state_dict().items():
        assert torch.equal(empty.state_dict()[name], value)


def test_safetensors_and_other_precision(tmp_path: Path) -> None:
    half = {name: value.half() for name, value in prefixed("").items() if value.is_floating_point()}
    safetensors.torch.save_file(half, tmp_path / "w.safetensors")
    filled = model()
    fill(filled, read_checkpoint(tmp_path / "w.safetensors"))
    assert filled.state_dict()["0.weight"].dtype == torch.float32
    assert torch.equal(filled.state_dict()["0.weight"], half["0.weight"].float())


def test_counters_of_batches_are_no_weights() -> None:
    """What a traced model does not have, since no evaluation reads it."""
    traced = trace(model().eval(), (1, 3, 3), output=Chosen("0")).graph
    assert isinstance(traced, ModelGraph)
    filled = build_graph(traced)
    assert "1.num_batches_tracked" not in filled.state_dict()
    fill(filled, prefixed("module."))
    assert torch.equal(filled.state_dict()["0.weight"], prefixed("")["0.weight"])


class Code:
    """Would run when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('code was run')",))


def test_code_is_not_run(tmp_path: Path) -> None:
    for new in (True, False):
        torch.save({"state_dict": Code()}, tmp_path / "w.pt", _use_new_zipfile_serialization=new)
        with pytest.raises(
            TeacherError, match=r"holds more than weights .*, and reading that would run code"
        ):
            read_checkpoint(tmp_path / "w.pt")


def test_cut_short_at_any_byte(tmp_path: Path) -> None:
    torch.save(prefixed(""), tmp_path / "new.pt")
    torch.save(prefixed(""), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(prefixed(""), tmp_path / "w.safetensors")
    for name in ("new.pt", "old.pt", "w.safetensors"):
        whole = (tmp_path / name).read_bytes()
        part = tmp_path / "part"
        for length in [*range(0, len(whole), 61), len(whole) - 1]:
            part.write_bytes(whole[:length])
            with pytest.raises(TeacherError):
                read_checkpoint(part)


def test_what_is_no_weights(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "w.pt")
    with pytest.raises(TeacherError, match="holds the keys epoch, lr; expected tensors by name"):
        read_checkpoint(tmp_path / "w.pt")
    with pytest.raises(TeacherError, match="none: no such file; expected a file of weights"):
        read_checkpoint(tmp_path / "none")


def test_files_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("<!DOCTYPE html><title>Not found</title>")
    np.savez(tmp_path / "numpy", weight=np.zeros(3), bias=np.zeros(3))
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), tmp_path / "program.pt2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of TorchScript's age
        torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), tmp_path / "script")
    for name, message in {
        "page": "is a web page; expected a safetensors file, or a checkpoint of torch.save",
        "numpy.npz": "it is a zip file of something else; expected a whole checkpoint of torch.save",
        "program.pt2": "it is a file of torch.export, which is a model: give it as that",
        "script": "it is a TorchScript archive: load it where you trust",
    }.items():
        with pytest.raises(TeacherError, match=message):
            read_checkpoint(tmp_path / name)


def test_weights_of_another_model_are_listed() -> None:
    state = prefixed("")
    del state["0.bias"]
    state["0.weight"], state["extra"] = torch.zeros(2, 1, 5, 5), torch.zeros(3)
    filled, before = model(), model().state_dict()
    with pytest.raises(TeacherError) as caught:
        fill(filled, state, "teachers.cat")
    assert str(caught.value).split("\n") == [
        "teachers.cat: the weights are of another model: 1 missing, 1 not expected, 1 of another shape; "
        "expected those of Sequential; choose the model that they were trained in",
        "  missing: 0.bias [2]",
        "  not expected: extra [3]",
        "  shape: 0.weight [2, 1, 5, 5]; the model has [2, 1, 3, 3]",
    ]
    assert all(torch.equal(value, before[name]) for name, value in filled.state_dict().items())


def test_a_head_of_another_width_needs_arguments() -> None:
    state = prefixed("") | {"1.bias": torch.zeros(5)}
    with pytest.raises(OtherModelError, match=r"such as torchvision:net\(num_classes=5\)\n") as caught:
        fill(model(), state, model="torchvision:net")
    assert caught.value.width == 5
    with pytest.raises(OtherModelError, match="choose the model that they were trained in\n") as caught:
        fill(model(), state | {"0.bias": torch.zeros(7)}, model="torchvision:net")
    assert caught.value.width is None
    with pytest.raises(TeacherError, match="those of mynet:make; choose the model that they were trained in"):
        fill(model(), state, model="mynet:make")


def test_one_of_several_sets_of_weights(tmp_path: Path) -> None:
    plain, average = prefixed("module."), {name: value + 1 for name, value in prefixed("").items()}
    torch.save({"epoch": 3, "model_ema": {"module": average}, "state_dict": plain}, tmp_path / "w.pt")
    told: list[str] = []
    assert set(read_checkpoint(tmp_path / "w.pt", tell=told.append)) == set(plain)
    assert told == [
        f"{tmp_path / 'w.pt'}: has state_dict and model_ema.module; state_dict was taken; --key chooses"
    ]
    for key in ("model_ema", "model_ema.module"):
        found = read_checkpoint(tmp_path / "w.pt", key=key)
        assert all(torch.equal(found[name], value) for name, value in average.items())
    with pytest.raises(TeacherError, match=r"has no 'model_emo'; its sets of weights are .* Did you mean"):
        read_checkpoint(tmp_path / "w.pt", key="model_emo")
    torch.save({"model_ema": average}, tmp_path / "w.pt")
    assert set(read_checkpoint(tmp_path / "w.pt")) == set(average)


@pytest.mark.parametrize("form", ["zip", "safetensors"])
def test_weights_whose_names_begin_with_a_key(form: str, tmp_path: Path) -> None:
    both = {**prefixed("online."), **{name: value + 1 for name, value in prefixed("ema.").items()}}
    if form == "zip":
        torch.save(both, tmp_path / "w")
    else:
        safetensors.torch.save_file(both, tmp_path / "w")
    found = read_checkpoint(tmp_path / "w", key="ema")
    assert set(found) == set(prefixed(""))
    assert torch.equal(found["0.bias"], both["ema.0.bias"])
    with pytest.raises(TeacherError, match="has no 'average'; it is one set of weights"):
        read_checkpoint(tmp_path / "w", key="average")


@pytest.mark.parametrize("form", ["zip", "old", "safetensors"])
def test_a_file_that_ends_early_at_any_byte(form: str, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    weights = {"a.weight": torch.arange(3.0)}
    if form == "safetensors":
        safetensors.torch.save_file(weights, whole)
    else:
        torch.save(weights, whole, _use_new_zipfile_serialization=form == "zip")
    data = whole.read_bytes()
    for length in range(len(data)):
        part.write_bytes(data[:length])
        with pytest.raises(TeacherError, match="expected"):
            read_checkpoint(part)


def test_a_directory_that_begins_before_the_file(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), file := tmp_path / "cut.pth")
    file.write_bytes(file.read_bytes()[:4] + file.read_bytes()[-40:])
    with pytest.raises(TeacherError, match="cut short or damaged"):
        read_checkpoint(file)


class Run:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("1 + 1",)


class DictConfig(dict[str, Any]):
    """As options of omegaconf are pickled: by a name, a state, and that of its parts."""

    __module__, __qualname__ = "omegaconf.dictconfig", "DictConfig"

    def __init__(self) -> None:
        self._content = {"lr": 0.1}


@pytest.fixture
def _omegaconf(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name that a pickle is written with; there is nothing of it when it is read."""
    package, module = types.ModuleType("omegaconf"), types.ModuleType("omegaconf.dictconfig")
    module.DictConfig = DictConfig  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "omegaconf", package)
    monkeypatch.setitem(sys.modules, "omegaconf.dictconfig", module)


@pytest.mark.usefixtures("_omegaconf")
@pytest.mark.parametrize("new", [True, False], ids=["zip", "old"])
def test_what_people_save_beside_weights_is_read_without_their_code(new: bool, tmp_path: Path) -> None:
    extras = {
        "args": argparse.Namespace(lr=0.1, out=Path("runs/1"), best=np.float64(0.93)),
        "options": types.SimpleNamespace(depth=3),
        "path": Path("runs") / "1",
        "windows": PureWindowsPath("C:/runs/1"),
        "numbers": [np.float32(0.5), np.int64(-3), np.bool_(True), np.float16(2)],
        "text": np.str_("cat"),
        "dtype": np.dtype("float32"),
        "ended": [datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), datetime.timedelta(hours=3)],
        "kinds": [complex(1, 2), slice(0, 3), range(4), frozenset({1}), bytearray(b"a"), torch.Size([2])],
        "exact": [decimal.Decimal("0.1"), fractions.Fraction(1, 3), uuid.uuid4()],
        "losses": collections.deque([0.5], 3),
        "types": [int, float, str, bool, list, dict, Any],
        "config": DictConfig(),
    }
    content = {"state_dict": prefixed("module."), **extras}
    torch.save(content, tmp_path / "w.pt", _use_new_zipfile_serialization=new)
    filled = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    fill(filled, read_checkpoint(tmp_path / "w.pt"))
    assert torch.equal(filled.state_dict()["0.weight"], model().state_dict()["0.weight"])


def test_the_values_of_what_lies_beside_weights() -> None:
    content = [
        np.float64(0.1), np.float32(0.5), np.int64(-3), np.uint8(7), np.bool_(True), np.str_("größe"),
        np.dtype("int16"),
        Path("a/b"), argparse.Namespace(a=1),
    ]  # fmt: skip
    for protocol in (2, 4, 5):
        data = memoryview(pickle.dumps(content, protocol))
        found, _ = read_pickle(data, _table(), lambda _: None)
        assert found == [0.1, 0.5, -3, 7, True, "größe", "i2", "a/b", {}]


ARRAYS = {
    "rows": np.arange(6, dtype="f4").reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6, dtype="f8").reshape(2, 3)),
    "other order": np.arange(6, dtype=">i4"),
    "truth": np.array([True, False]),
    "half": np.array([1.5], "f2"),
    "none": np.zeros((0, 3), "f4"),
    "one": np.array(2.5),
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_the_values_of_arrays(protocol: int) -> None:
    found, _ = read_pickle(memoryview(pickle.dumps(ARRAYS, protocol)), _table(), lambda _: None)
    assert found.keys() == ARRAYS.keys()
    for name, array in found.items():
        values = array.values(name)
        np.testing.assert_array_equal(values, ARRAYS[name])
        assert values.dtype == ARRAYS[name].dtype.newbyteorder("=")
        assert values.flags.c_contiguous
    scalar, _ = read_pickle(
        memoryview(pickle.dumps(np.array([3], ">i4")[0], protocol)), _table(), lambda _: None
    )
    assert scalar == 3


@pytest.mark.parametrize("new", [True, False], ids=["zip", "old"])
def test_arrays_as_weights_and_beside_them(new: bool, tmp_path: Path) -> None:
    state = {name: value.numpy() for name, value in model().state_dict().items()}
    torch.save(state, tmp_path / "arrays.pt", _use_new_zipfile_serialization=new)
    content = {"state_dict": prefixed(""), "means": ARRAYS["rows"], "names": np.array(["a", "b"])}
    torch.save(content, tmp_path / "beside.pt", _use_new_zipfile_serialization=new)
    for file in ("arrays.pt", "beside.pt"):
        filled = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        fill(filled, read_checkpoint(tmp_path / file))
        assert all(
            torch.equal(filled.state_dict()[name], each) for name, each in model().state_dict().items()
        )


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ((1, (9,), np.dtype("f4"), False, b"\0" * 8), "damaged"),
        ((1, (2**40, 2**40), np.dtype("f4"), False, b""), "damaged"),
        ((1, (-1,), np.dtype("f4"), False, b""), "damaged"),
        ((1, (2,), np.dtype("f4"), False, [1.0, 2.0]), "damaged"),
        ((1, (1,) * 33, np.dtype("f4"), False, b"\0" * 4), "damaged"),
        ((1, (2,), np.dtype("O"), False, [1, 2]), "without plain numbers"),
        ((1, (2,), "f4", False, b"\0" * 8), "without plain numbers"),
    ],
)
def test_arrays_that_lie(state: tuple[object, ...], words: str, tmp_path: Path) -> None:
    class Lying:
        def __reduce__(self) -> tuple[object, ...]:
            return (*np.zeros(1).__reduce__()[:2], state)

    torch.save({"0.weight": Lying()}, tmp_path / "w.pt")
    with pytest.raises(
        TeacherError, match=f"0.weight is a .*{words}.* NumPy array|0.weight is a NumPy array {words}"
    ):
        read_checkpoint(tmp_path / "w.pt")


def test_arrays_of_code_are_refused(tmp_path: Path) -> None:
    torch.save({"0.weight": torch.zeros(1), "run": np.array([Run()], dtype=object)}, tmp_path / "w.pt")
    with pytest.raises(TeacherError, match="eval"):
        read_checkpoint(tmp_path / "w.pt")


def test_names_that_are_code_are_still_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": prefixed(""), "args": Run()}, tmp_path / "w.pt")
    with pytest.raises(TeacherError, match="eval"):
        read_checkpoint(tmp_path / "w.pt")
