"""A .pt2 with weights of 8 bits: they are whole numbers, and what it computes is what they give."""

from __future__ import annotations

import copy
import json
import zipfile
from pathlib import Path

import pytest
import torch
from torch import fx

from legonet.compile.export import Exported, export, int8_pt2
from legonet.compile.export.pt2 import CARD, load_pt2, write_pt2
from legonet.compile.network import CompiledNetwork
from legonet.errors import ExportError

pytestmark = pytest.mark.usefixtures("exports_once")


@pytest.fixture(scope="module")
def plain(large: CompiledNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert large.signature is not None
    file = tmp_path_factory.mktemp("plain") / "app.pt2"
    write_pt2(large, large.signature, file)
    return file


@pytest.fixture(scope="module")
def done(large: CompiledNetwork, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(large, tmp_path_factory.mktemp("int8") / "app.pt2", int8=True)


def test_it_is_smaller_and_says_what_it_costs(done: Exported, plain: Path) -> None:
    assert done.beside is not None
    state = torch.export.load(done.path).state_dict
    whole = {name: each for name, each in state.items() if each.dtype is torch.int8}
    assert len(whole) >= 4
    assert all(each.abs().max() == 127 for each in whole.values())
    saved = plain.stat().st_size - done.size
    assert saved > 2 * sum(each.numel() for each in whole.values()) > 40_000  # of 4 bytes each
    assert done.beside.agreement.keys() == {"cat:kind", "dog:mark"}
    assert all(0.8 < each <= 1 for each in done.beside.agreement.values())
    assert 0 < done.difference < 0.1


def test_weights_are_those_of_the_plain_form_to_half_a_step(done: Exported, plain: Path) -> None:
    before, after = (torch.export.load(file).state_dict for file in (plain, done.path))
    for name, weight in before.items():
        if name in after:
            assert torch.equal(after[name], weight)
        else:
            step = after[f"{name}_step"]
            assert ((after[f"{name}_int8"] * step - weight).abs() <= step / 2 * 1.001).all()


def test_photos_of_any_size(done: Exported, large: CompiledNetwork) -> None:
    run = load_pt2(done.path)
    for shape in ((1, 3, 16, 16), (2, 3, 21, 40), (3, 3, 9, 12)):
        photos = torch.rand(shape)
        found = run(photos)
        for path, value in large.by_path(photos).items():
            assert found[path].shape == value.shape
            assert float((found[path] - value).abs().max()) < 0.1 * max(1.0, float(value.abs().max()))


def test_the_card_travels(done: Exported, plain: Path) -> None:
    cards = []
    for file in (plain, done.path):
        extra = {CARD: ""}
        torch.export.load(file, extra_files=extra)
        cards.append(json.loads(extra[CARD]))
    assert cards[0] == cards[1]


def test_a_file_that_is_not_what_its_weights_give(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = int8_pt2._store

    def wrong(module: fx.GraphModule, rounded: fx.GraphModule, name: str, axis: int) -> None:
        store(module, rounded, name, axis)
        for key, buffer in module.named_buffers():
            if key.endswith("_step"):
                buffer.mul_(2)

    monkeypatch.setattr(int8_pt2, "_store", wrong)
    with pytest.raises(ExportError, match="are not those of its weights, rounded to 8 bits"):
        int8_pt2.write_int8_pt2(plain, tmp_path / "app.pt2")


def test_nothing_of_this_machine_travels(done: Exported, plain: Path) -> None:
    for file in (plain, done.path):
        with zipfile.ZipFile(file) as archive:
            texts = [archive.read(each) for each in archive.namelist()]
        assert not any(str(Path(__file__).parents[3]).encode() in each for each in texts)


def test_one_of_aot_and_int8(large: CompiledNetwork, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="found aot and int8; expected one of them"):
        export(copy.copy(large), tmp_path / "app.pt2", aot=True, int8=True)
