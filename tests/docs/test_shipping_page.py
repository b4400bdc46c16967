"""What docs/shipping.md says, done to the letter where that takes no compiler."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

import legonet
from legonet.cli import main
from legonet.data.walk import count_images
from legonet.store.workspace import shipped_folder

DOCS = Path(__file__).parents[2] / "docs" / "shipping.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.usefixtures("exports_once")
def test_weights_of_8_bits(
    graph_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.effect_noise((20, 18 + number), 60).save(tmp_path / "photos" / f"{number}.png")
    network = legonet.load(graph_file)
    compiled = SimpleNamespace(compile=lambda _: network.compile("cat:classify"))
    names: dict[str, Any] = {"legonet": legonet, "network": compiled}
    exec(blocks("python")[1], names)  # noqa: S102 - our own
    assert names["done"].path == Path("cat.onnx")
    assert capsys.readouterr().out.startswith("{'cat:classify': ")


def test_it_counts_the_sample_images_without_their_masks() -> None:
    assert "its five sample images" in DOCS.read_text(encoding="utf-8")
    assert count_images(shipped_folder("images")) == 5


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_machine_code(
    graph_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command, *said = blocks("console")[0].splitlines()
    arguments = command.removeprefix("$ legonet ").replace("graphs/animals.yaml", str(graph_file)).split()
    assert main(arguments) == 0
    shown = capsys.readouterr().out.splitlines()

    def words(lines: list[str]) -> list[str]:
        return [re.sub(r"[\d.,e+-]+", "N", each) for each in lines]

    assert words(shown) == words(said)
    images = torch.rand(2, 3, 8, 8)
    names: dict[str, Any] = {"images": images}
    exec(blocks("python")[0], names)  # noqa: S102 - our own
    torch.testing.assert_close(names["scores"], legonet.load(graph_file).compile("cat:classify")(images))
    assert list(names["card"]["outputs"]) == ["cat:classify"]


def test_every_option_that_is_named_exists(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--help"]) == 0
    known = set(re.findall(r"--[a-z0-9-]+", capsys.readouterr().out))
    assert set(re.findall(r"`(--[a-z0-9-]+)", DOCS.read_text(encoding="utf-8"))) <= known
