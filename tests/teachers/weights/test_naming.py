"""Names of weights as scripts, wrappers, folders and older versions write them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from legonet.errors import TeacherError
from legonet.teachers.weights.checkpoints import fill, fill_from, read_checkpoint


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), nn.Linear(2, 2)


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Net()


def net(seed: int = 0) -> Net:
    torch.manual_seed(seed)
    return Net()


def state(prefix: str = "", seed: int = 0) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in net(seed).state_dict().items()}


EXTRA = torch.ones(2)
FORMS: dict[str, tuple[dict[str, Tensor], list[str]]] = {
    "a loss beside it": (
        state("model.") | {"criterion.pos_weight": EXTRA},
        ["of the names the prefix 'model.' was removed", "criterion.pos_weight left out, no part of Net"],
    ),
    "a count of averages": (
        state("module.") | {"n_averaged": torch.tensor(3)},
        ["of the names the prefix 'module.' was removed", "n_averaged left out, no part of Net"],
    ),
    "an odd prefix": (state("trainer.net_1."), ["of the names the prefix 'trainer.net_1.' was removed"]),
    "compiled inside": (
        {name.replace("stem.", "stem._orig_mod."): value for name, value in state().items()},
        ["of the names `_orig_mod` was dropped"],
    ),
    "parallel inside": (
        {name.replace("stem.", "stem.module."): value for name, value in state().items()},
        ["of the names `.module.` was read as `.`"],
    ),
    "sharded": (
        {
            name.replace("stem.", "_fsdp_wrapped_module.stem._checkpoint_wrapped_module."): value
            for name, value in state().items()
        },
        [
            f"of the names `{each}` was dropped"
            for each in ("_checkpoint_wrapped_module", "_fsdp_wrapped_module")
        ],
    ),
    "another head": (state() | {"aux.weight": EXTRA}, ["aux.weight left out, no part of Net"]),
    "buffers of the library": (
        state() | {"stem.attn_mask": EXTRA},
        ["stem.attn_mask left out, no part of Net"],
    ),
    "older names": (
        {name.replace("1.weight", "1.gamma").replace("1.bias", "1.beta"): v for name, v in state().items()},
        [
            "of the names `.gamma` was read as `.weight`",
            "of the names `.beta` was read as `.bias`",
        ],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_people_have(form: str) -> None:
    weights, notes = FORMS[form]
    filled = net(1)
    assert list(fill(filled, weights)) == notes
    for name, value in state().items():
        assert torch.equal(filled.state_dict()[name], value)


def test_student_and_teacher() -> None:
    """The one that learned is taken; the other by its name."""
    filled, both = net(2), state("teacher.", 1) | state("student.", 0)
    notes = fill(filled, both)
    assert notes[0] == "of the names the prefix 'student.' was removed"
    assert notes[1].startswith("teacher.stem.0.weight, ")
    assert torch.equal(filled.head.weight, net(0).head.weight)


def test_a_model_that_wraps_the_one_of_the_file() -> None:
    filled = Wrapped()
    assert fill(filled, state("backbone.")) == (
        "of the names the prefix 'backbone.' was removed",
        "of the names the prefix 'inner.' was added",
    )
    assert torch.equal(filled.inner.head.weight, net().head.weight)


@pytest.mark.parametrize(
    "extra",
    ["stem.2.weight", "head.extra.bias"],
)
def test_a_part_that_the_model_lacks_is_another_model(extra: str) -> None:
    with pytest.raises(TeacherError, match="0 missing, 1 not expected"):
        fill(net(), state() | {extra: EXTRA})


def test_weight_norm_under_both_names() -> None:
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)))
    given = {name: value.clone() + 1 for name, value in model.state_dict().items()}
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): value
        for name, value in given.items()
    }
    fill(model, old)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in given.items())


def test_patterns_that_a_class_knows() -> None:
    class Renamed(Net):
        _checkpoint_conversion_mapping: ClassVar = {r"\bfeatures\b": "stem"}

    given = {name.replace("stem", "features"): value for name, value in state().items()}
    filled = Renamed()
    with pytest.raises(TeacherError, match="not expected: features"):
        fill(net(), given)
    fill(filled, given)
    assert torch.equal(filled.get_parameter("stem.0.weight"), state()["stem.0.weight"])


def test_other_names_in_the_same_order() -> None:
    given = {f"a{number}": value for number, value in enumerate(state().values()) if value.ndim}
    filled = net(1)
    with pytest.raises(TeacherError, match="in which all shapes are the model's: --by-order"):
        fill(filled, given)
    assert torch.equal(filled.head.weight, net(1).head.weight)
    assert fill(filled, given, by_order=True) == (
        "tensors were taken in the file's order, whatever their names",
    )
    assert torch.equal(filled.head.weight, net().head.weight)
    with pytest.raises(TeacherError, match="do not have the shapes of Net in its order"):
        fill(filled, {"a": EXTRA}, by_order=True)


def test_a_key_with_a_prefix_inside(tmp_path: Path) -> None:
    torch.save({"nets": {**state("small.", 1), **state("large.", 2)}, "epoch": 3}, tmp_path / "w.pt")
    filled = net()
    fill(filled, read_checkpoint(tmp_path / "w.pt", key="nets.large"))
    assert torch.equal(filled.head.weight, net(2).head.weight)


def test_sets_and_numbers_that_no_script_is_known_for(tmp_path: Path) -> None:
    momenta = {"state": {0: {"exp_avg": EXTRA}}}
    for content in (
        {**state(), "epoch": 3, "best": 0.5},
        {"generator": state(), "optimizer": momenta, "epoch": 3},
        {"generator": state(), "discriminator": {"a": EXTRA}, "lr_scheduler": {"x": EXTRA}},
    ):
        torch.save(content, tmp_path / "w.pt")
        told, filled = list[str](), net(1)
        fill_from(filled, tmp_path / "w.pt", "teachers.cat", "mynet:make", tell=told.append)
        assert torch.equal(filled.head.weight, net().head.weight)
    assert told == [
        f"{tmp_path / 'w.pt'}: has generator and discriminator; generator was taken; --key chooses"
    ]


@pytest.mark.parametrize("form", ["folder", "index", "single"])
def test_folders_and_shards(form: str, tmp_path: Path) -> None:
    names = list(state())
    shards = {"a.safetensors": names[:3], "b.safetensors": names[3:]}
    if form == "single":
        safetensors.torch.save_file(state(), tmp_path / "model.safetensors")
    else:
        for file, part in shards.items():
            safetensors.torch.save_file({name: state()[name] for name in part}, tmp_path / file)
        places = {name: file for file, part in shards.items() for name in part}
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    path = tmp_path / "model.safetensors.index.json" if form == "index" else tmp_path
    filled = net(1)
    fill_from(filled, path, "teachers.cat", "mynet:make")
    assert torch.equal(filled.head.weight, net().head.weight)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"weight_map": {"a": "gone.safetensors"}}, "names gone.safetensors, which are not there"),
        ({"weight_map": {"a": "../up.safetensors"}}, "is not an index of weights"),
        ({"weight_map": 3}, "is not an index of weights"),
        ({"weight_map": {"a": "x" * 5000}}, "is not an index of weights"),
        ([], "is not an index of weights"),
    ],
)
def test_an_index_that_is_none(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps(content))
    with pytest.raises(TeacherError, match=message):
        read_checkpoint(path)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(
        TeacherError, match=r"is a folder without weights; expected one of model\.safetensors"
    ):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a pointer of Git LFS.*git lfs pull"),
        (b"\x1f\x8b\x08\x00rest", "is compressed by gzip.*gunzip"),
        (b"<HTML><body>", "is a web page.*download the file itself"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (b"\xef\xbb\xbf\n <!DOCTYPE html>", "is a web page"),
        (b'\n{"error": "not found"}', "is a JSON text"),
        (b"<?xml version='1.0'?><Error>", "is an XML page, as servers send for errors"),
        (b"BZh91AY", "compressed by bzip2; .*bunzip2"),
        (b"\xfd7zXZ\0", "compressed by xz; .*unxz"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd; .*unzstd"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; .*unpack it"),
        (b"net.pt".ljust(257, b"\0") + b"ustar\0", "is a tar archive; .*unpack it"),
        (b"\x89PNG\r\n\x1a\n", "is a picture; .*name the file of weights"),
        (b"\x93NUMPY\x01\0", r"is a single NumPy array; .*state_dict\(\)"),
        (pickle.dumps({"a": np.zeros(2)}), "a pickle, but not one that torch.save wrote"),
    ],
)
def test_what_a_file_really_is(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(TeacherError, match=message):
        read_checkpoint(tmp_path / "w.pt")
