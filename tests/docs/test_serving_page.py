"""What docs/serving.md says, done to the letter."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import legonet

DOCS = Path(__file__).parents[2] / "docs" / "serving.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def url(graph_file: Path) -> Iterator[str]:
    """The first command of the page, on any free port."""
    command, said = blocks("console")[0].splitlines()
    arguments = shlex.split(command.removeprefix("$ legonet "))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "legonet", *arguments, "--port", "0"],
        cwd=graph_file.parents[1],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert re.sub(r"\d+$", "8000", line) == said
    yield line.split(" at ")[1]
    process.terminate()
    assert process.communicate(timeout=60)[0] == "stopped\n"
    assert process.returncode == 0


def test_the_client_says_what_the_network_says(url: str, graph_file: Path) -> None:
    file = io.BytesIO()
    Image.effect_noise((40, 30), 60).save(file, "JPEG")
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)  # noqa: S102 - our own
    found = names["predict"](file.getvalue(), url)
    (wanted,) = legonet.load(graph_file).predict(Image.open(file), "dog:classify", progress=None)
    assert found == {"dog:classify": wanted.result.data()}
    (shown,) = blocks("json")
    (prediction,) = json.loads(shown)["predictions"]
    assert prediction["results"].keys() == found.keys()
    assert prediction["results"]["dog:classify"].keys() == found["dog:classify"].keys()


def test_every_option_that_is_named_exists(capsys: pytest.CaptureFixture[str]) -> None:
    from legonet.cli import main

    assert main(["serve", "--help"]) == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert set(re.findall(r"`(--[a-z-]+)", DOCS.read_text(encoding="utf-8"))) <= known


def test_every_metric_that_is_named_exists() -> None:
    from legonet.serve.metrics import Metrics

    text = Metrics("zoo", lambda: 0).text().decode()
    for name in re.findall(r"`(legonet_[a-z_]+)", DOCS.read_text(encoding="utf-8")):
        assert f"# TYPE {name} " in text, name
