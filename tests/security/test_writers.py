"""Every command that changes files of a workspace holds its writers' lock while it does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image

import legonet
from legonet.cli import main
from legonet.graph.lock import lock_path
from legonet.run.finetune import Tuning
from legonet.run.samples import GivenSamples
from legonet.store import locks
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    from torch import nn

fcntl = pytest.importorskip("fcntl")
ZOO = "graphs/zoo.yaml"


def held(root: Path) -> bool:
    """Whether somebody has the lock, asked as another process would."""
    try:
        handle = os.open(root / ".legonet" / "writer.lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@pytest.fixture
def seen(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Files of the workspace that were written or deleted, and whether the lock was held each time.

    Blobs have no other bytes than their names say, and the folders of runs and inboxes are their owner's.
    """
    found: dict[str, bool] = {}

    def note(file: Path) -> None:
        path = file.parent.resolve() / file.name
        if path.is_relative_to(workspace) and path.relative_to(workspace).parts[0] in ("graphs", "blocks"):
            name = path.relative_to(workspace).as_posix()
            found[name] = found.get(name, True) and held(workspace)

    replace, unlink = Path.replace, Path.unlink

    def replaced(self: Path, target: Path) -> Path:
        note(Path(target))
        return replace(self, target)

    def unlinked(self: Path, missing_ok: bool = False) -> None:
        if not self.name.startswith("."):
            note(self)
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "replace", replaced)
    monkeypatch.setattr(Path, "unlink", unlinked)
    return found


def _saved(root: Path, make_model: Callable[..., nn.Module]) -> None:
    network = legonet.load(root / ZOO)
    network.add_teacher("hen-v1", make_model(5), category="hen", task="classify", cut="pool1")
    network.save(root / ZOO)


def _run(root: Path) -> None:
    os.remove(lock_path(root / ZOO))  # noqa: PTH107 - by the test, which is not watched
    legonet.load(root / ZOO).transplant()


def _tuned(root: Path) -> None:
    images = torch.rand(24, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    given: dict[str, GivenSamples] = {f"{each}:classify": (images, None) for each in ("cat", "dog", "cow")}
    legonet.load(root / ZOO).finetune(Tuning(task="classify", steps=2, tolerance=10.0), given)


def _recorded(root: Path) -> None:
    folder = root.parent / "photos" / "cat"
    folder.mkdir(parents=True)
    for number in range(4):
        Image.effect_noise((8, 8), 60).convert("RGB").save(folder / f"{number}.png")
    assert main(["teacher", "record", str(root / ZOO), "cat-v1", "--data", str(folder.parent)]) == 0


def _watched(root: Path, make_model: Callable[..., nn.Module]) -> None:
    inbox = root.parent / "inbox"
    inbox.mkdir()
    (block,) = {each.model for each in legonet.load(root / ZOO).graph.teachers.values()}
    (inbox / "hen-v1.yaml").write_text(f"{{category: hen, task: classify, model: {block}, cut: pool1}}")
    torch.save(make_model(6).state_dict(), inbox / "hen-v1.pt")
    for each in inbox.iterdir():
        os.utime(each, (1, 1))
    assert main(["watch", str(inbox), str(root / ZOO), "--once"]) == 0


def _unfinished(root: Path) -> None:
    """A save that was killed; what it had written is garbage."""
    left = root / "graphs" / "teachers" / "hen-v1.safetensors"
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    record = root / ".legonet" / "unfinished" / "1.json"
    record.parent.mkdir()
    record.write_text('{"graph": "graphs/zoo.yaml", "files": ["graphs/teachers/hen-v1.safetensors"]}')
    os.utime(record, (1, 1))
    assert main(["gc", str(root / ZOO), "--delete", "--age", "0"]) == 0
    assert not left.exists()


def _command(*arguments: str) -> Callable[[Path], None]:
    def use(root: Path) -> None:
        first, graph, *rest = arguments
        assert main([*first.split(), str(root / graph), *rest]) == 0

    return use


WRITERS: dict[str, tuple[Callable[..., None], set[str]]] = {
    "save": (_saved, {ZOO, "graphs/teachers/hen-v1.safetensors"}),
    "transplant": (_run, {"graphs/zoo.lock.json"}),
    "finetune": (_tuned, {"graphs/zoo.lock.json"}),
    "record": (_recorded, {"graphs/teachers/cat-v1.statistics.safetensors"}),
    "watch": (_watched, {ZOO, "graphs/teachers/hen-v1.safetensors", "graphs/zoo.lock.json"}),
    "gc": (_unfinished, {"graphs/teachers/hen-v1.safetensors"}),
    "rename": (_command("rename", ZOO, "categories.dog", "wolf"), {ZOO}),
    "remove": (_command("remove", ZOO, "teachers.dog-v1"), {ZOO}),
    "application": (_command("application set", ZOO, "pets", "cat:classify"), {ZOO}),
}


@pytest.mark.parametrize("what", WRITERS)
def test_a_writer_holds_the_lock(
    what: str, workspace: Path, seen: dict[str, bool], make_model: Callable[..., nn.Module]
) -> None:
    use, files = WRITERS[what]
    use(workspace, *([make_model] if what in ("save", "watch") else []))
    assert files <= seen.keys()
    assert all(seen.values()), "written without the lock"


def test_the_lock_is_seen_from_elsewhere(workspace: Path) -> None:
    assert locks.fcntl is not None
    assert not held(workspace)
    with Workspace(workspace).writing():
        assert held(workspace)
    assert not held(workspace)
