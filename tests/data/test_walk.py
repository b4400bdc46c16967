from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from legonet.data import walk as walk_module
from legonet.data.walk import count_images, walk_images
from legonet.errors import DataError

NAMES = ("a.png", "b/1.jpg", "b/2.JPG", "b/c/x.webp", "b-.bmp", "c.jpeg", "é.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    others = ("notes.txt", ".hidden.png", ".cache/1.png", "._a.png", ".png", "b/png")
    for name in (*reversed(NAMES), *others):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    return tmp_path


def walk(folder: Path) -> tuple[list[str], list[str]]:
    problems: list[DataError] = []
    found = [each.relative_to(folder).as_posix() for each in walk_images(folder, problems.append)]
    return found, [str(each) for each in problems]


@pytest.mark.parametrize("held", [1, 2, 3, 100])
def test_order_whatever_is_held(root: Path, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legonet.data.walk.HELD", held)
    assert walk(root) == (sorted(NAMES), [])
    assert count_images(root) == len(NAMES)


def test_few_names_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def spy(folder: Path, last: str) -> list[str]:
        sizes.append(len(found := following(folder, last)))
        return found

    following = walk_module._next
    monkeypatch.setattr(walk_module, "HELD", 4)
    monkeypatch.setattr(walk_module, "_next", spy)
    for number in range(10):
        (tmp_path / f"{number}.png").touch()
    assert walk(tmp_path)[0] == [f"{number}.png" for number in range(10)]
    assert sizes == [4, 4, 2]


def test_links(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "z.png").touch()
    for name, target in {"file.png": root / "a.png", "loop": root, "folder.png": elsewhere}.items():
        (root / name).symlink_to(target)
    (root / "lost.png").symlink_to("nowhere")
    found, _ = walk(root)
    assert set(found) == {*NAMES, "file.png", "lost.png"}
    (elsewhere / "link").symlink_to(root)
    assert walk(elsewhere / "link")[0] == found  # a link that is given itself is followed


def test_masks_beside_their_images_are_no_photos(tmp_path: Path) -> None:
    """Whatever the image's ending; what has no image beside it is one itself."""
    photos = ["1.png", "2.JPG", "3.mask.jpg", "3.png", "alone.mask.png", "b/1.webp"]
    for name in (*photos, "1.mask.png", "2.mask.png", "b/1.mask.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert walk(tmp_path) == (photos, [])
    assert count_images(tmp_path) == len(photos)


def test_no_image(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    found, problems = walk(tmp_path)
    assert found == []
    assert problems == [
        f"{tmp_path}: holds no image; expected files ending in .png, .jpg, .jpeg, .bmp, .webp; put some there"
    ]


def test_a_folder_that_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    found, problems = walk(root)
    assert found == ["a.png", "b-.bmp", "c.jpeg", "é.png"]
    assert problems == [
        f"{root / 'b'}: cannot be read (Permission denied); expected a folder of images; check its "
        "permissions"
    ]
    assert count_images(root) == 4


def test_folders_in_each_other_deeper_than_python_calls(tmp_path: Path) -> None:
    """A clone may hold such: a path may be long, and each of its names one letter."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("a", dir_fd=here)
        below = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("1.png", os.O_CREAT, dir_fd=here))
    os.close(here)
    try:
        assert count_images(tmp_path) == 1
        assert walk(tmp_path) == ([f"{'a/' * 1200}1.png"], [])
    finally:  # nor does Python delete them
        subprocess.run(["rm", "-r", str(tmp_path / "a")], check=True)
