"""A bad drop is set aside with its reason, whatever it is, and `watch` goes on."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
import torch

from legonet.errors import TeacherError
from legonet.run.inbox import Drop, Inbox

SAID = "{category: cat, task: classify, model: vgg-slim, cut: pool2}"


@pytest.fixture
def box(tmp_path: Path) -> Inbox:
    (tmp_path / "blocks").mkdir()
    (tmp_path / "inbox").mkdir()
    (tmp_path / "zoo.yaml").write_text("legonet: 1\nname: zoo\ninput: {shape: [3, 8, 8]}\n")
    return Inbox(tmp_path / "inbox", tmp_path / "zoo.yaml")


def dropped(box: Inbox, weights: Path | bytes) -> Drop:
    drop = Drop("cat-v1", box.folder / "cat-v1.yaml")
    drop.entry.write_text(SAID)
    if isinstance(weights, Path):
        (box.folder / "cat-v1.pt").symlink_to(weights)
    else:
        (box.folder / "cat-v1.pt").write_bytes(weights)
    return drop


def nested() -> bytes:
    content: dict = {}
    for _ in range(40):
        content = {"state_dict": content, "model": content, "net": content}
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@pytest.mark.parametrize("what", ["nested", "nonsense", "link"])
def test_bad_weights(what: str, box: Inbox, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(nested())
    weights = {"nested": nested(), "nonsense": b"\x80" * 100, "link": tmp_path / "elsewhere"}[what]
    drop = dropped(box, weights)
    graph = box.graph.read_bytes()
    with pytest.raises(TeacherError):
        box.take(drop)
    assert {each.name for each in (box.folder / "rejected").iterdir()} == {
        "cat-v1.yaml",
        "cat-v1.pt",
        "cat-v1.reason.txt",
    }
    assert "Traceback" not in (box.folder / "rejected" / "cat-v1.reason.txt").read_text()
    assert list(box.ready()) == []
    assert box.graph.read_bytes() == graph
    assert (tmp_path / "elsewhere").read_bytes() == nested()


def test_an_entry_that_is_a_fifo(box: Inbox) -> None:
    drop = dropped(box, b"weights")
    drop.entry.unlink()
    os.mkfifo(drop.entry)
    with pytest.raises(TeacherError, match="not a regular file; expected a drop's YAML file"):
        box.take(drop)
    assert list(box.ready()) == []
    assert (box.folder / "rejected" / "cat-v1.reason.txt").is_file()


def test_statistics_that_are_a_link(box: Inbox, tmp_path: Path) -> None:
    """Of weights that are good, so that they are looked at."""
    from legonet.blocks.build import build_block
    from legonet.blocks.files import find_block
    from legonet.store.workspace import Workspace

    block = find_block("vgg-slim", Workspace.find(box.graph).block_folders)
    file = io.BytesIO()
    torch.save(build_block(block).state_dict(), file)
    drop = dropped(box, file.getvalue())
    box.graph.write_text(f"legonet: 1\nname: zoo\ninput: {{shape: {list(block.input)}}}\n")
    (tmp_path / "elsewhere").write_bytes(b"secret")
    drop.statistics.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TeacherError, match=r"cat-v1\.statistics\.safetensors: a link"):
        box.take(drop)
