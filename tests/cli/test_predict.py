"""`legonet predict` on a small workspace."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import legonet
from legonet.cli.images import GivenImages

Run = Callable[..., Any]
ONE = ("--path", "dog:classify", "--jsonl")


@pytest.fixture
def masking(tmp_path: Path) -> Path:
    """A network whose one path gives masks."""
    network = legonet.Network("zoo", (3, 8, 8))
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    network.add_teacher("t", model, category="cat", task="mark", cut="1")
    return network.save(tmp_path / "zoo.yaml")


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put names on standard input."""

    def say(*names: object) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{name}\n" for name in names)))

    return say


def predicted(text: str) -> list[dict[str, Any]]:
    """The rows of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


class TestWhatItPrints:
    def test_lines(self, run: Run, graph_file: Path, photos: Path) -> None:
        lines = run("predict", graph_file, photos / "cat", "--path", "dog:classify").out.splitlines()
        assert len(lines) == 3
        assert re.fullmatch(r".*0\.png  dog:classify  (dog|other)  \d+\.\d%", lines[0])

    def test_json(self, run: Run, graph_file: Path, photos: Path) -> None:
        outcome = run("predict", graph_file, photos / "cat" / "0.png", photos / "dog", "--json")
        data = json.loads(outcome.out)
        found = data["predictions"]
        assert (len(found), data["problems"], outcome.status) == (4 * 3, 0, 0)
        assert set(found[0]) == {"image", "path", "label", "probability", "score"}
        assert found[0]["label"] == ("cat" if found[0]["score"] > 0 else "other")
        lines = run("predict", graph_file, photos / "cat" / "0.png", photos / "dog", "--jsonl").out
        assert predicted(lines) == found

    def test_numbers_by_name(self, run: Run, tmp_path: Path, photos: Path) -> None:
        network = legonet.Network("zoo", (3, 8, 8))
        network.add_task("pose", {"kind": "vector", "names": ["image", "path"]})
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
        network.add_teacher("t", model, category="cat", task="pose", cut="1")
        path, image = network.save(tmp_path / "zoo.yaml"), photos / "cat" / "0.png"
        row = predicted(run("predict", path, image, "--jsonl").out)[0]
        assert (row["image"], row["path"], set(row["values"])) == (str(image), "cat:pose", {"image", "path"})
        shown = run("predict", path, image).out
        assert shown.startswith(f"{image}  cat:pose  image {row['values']['image']:+.3f}  path ")

    def test_batches_change_nothing(self, run: Run, graph_file: Path, photos: Path) -> None:
        whole, single = (
            predicted(run("predict", graph_file, photos, "--batch", size, "--jsonl").out) for size in (32, 2)
        )
        assert len(whole) == 9 * 3
        assert [each["image"] for each in whole] == sorted(each["image"] for each in whole)
        for left, right in zip(whole, single, strict=True):
            assert left["score"] == pytest.approx(right["score"], abs=2e-4)


@pytest.mark.parametrize(
    "output",
    [
        {"kind": "keypoints", "names": ["nose", "tail"], "size": [8, 8]},
        {
            "kind": "boxes",
            "labels": ["cat"],
            "levels": [{"size": [8, 8], "stride": 1}],
            "keep": 0.01,
            "most": 1,
        },
    ],
    ids=lambda output: output["kind"],
)
def test_points_and_boxes_are_drawn_by_themselves(
    run: Run, output: dict[str, Any], tmp_path: Path, photos: Path
) -> None:
    network = legonet.Network("zoo", (3, 8, 8))
    network.add_task("find", output)
    boxes = output["kind"] == "boxes"
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5 if boxes else 2, 1))
    bias = model[-1].bias
    assert isinstance(bias, torch.Tensor)
    nn.init.constant_(bias, 2.0)
    form = "| flatten 2" if boxes else None
    network.add_teacher("t", model, category="cat", task="find", cut="1", output=form)
    image = photos / "cat" / "0.png"
    row = run("predict", network.save(tmp_path / "zoo.yaml"), image, "--masks", tmp_path / "out", "--jsonl")
    drawn = np.asarray(Image.open(json.loads(row.out)["mask"]))
    assert drawn.shape == (10, 12, 3)
    assert drawn.any()
    assert not drawn.all()


class TestMasks:
    def test_masks_and_overlays(self, run: Run, masking: Path, tmp_path: Path, photos: Path) -> None:
        images = (photos / "cat" / "0.png", photos / "dog" / "0.png")
        found = predicted(run("predict", masking, *images, "--masks", tmp_path / "masks", "--jsonl").out)
        for each in found:
            pixels = np.asarray(Image.open(each["mask"]))
            with Image.open(each["image"]) as image:
                assert pixels.shape == (image.height, image.width)
            assert set(np.unique(pixels)) <= {0, 255}
            assert each["share"] == pytest.approx((pixels == 255).mean(), abs=1e-4)
        assert run("predict", masking, images[0]).out.startswith(f"{images[0]}  cat:mark  cat  ")
        shown = run("predict", masking, images[0], "--overlays", tmp_path / "over", "--jsonl")
        overlay = np.asarray(Image.open(json.loads(shown.out)["overlay"]))
        image = np.asarray(Image.open(images[0]).convert("RGB")).astype(int)
        assert overlay.shape == image.shape == (10, 12, 3)  # at the photo's own size
        masked = np.asarray(Image.open(found[0]["mask"])) > 0
        assert np.abs(overlay[~masked] - image[~masked]).max(initial=0) <= 1
        assert (overlay[masked] != image[masked]).any() == masked.any()

    @pytest.mark.parametrize(
        ("given", "names"),
        [
            (["cat/0.png", "dog/0.png"], ["cat/0.png", "dog/0.png"]),
            (["cat", "dog/0.png"], ["cat/0.jpg", "cat/0.png", "cat/1.png", "cat/2.png", "dog/0.png"]),
            (["dog"], ["0.png", "1.png", "2.png"]),
            (["dog/1.png"], ["1.png"]),
        ],
    )
    def test_they_mirror_the_images(
        self, run: Run, masking: Path, tmp_path: Path, photos: Path, given: list[str], names: list[str]
    ) -> None:
        Image.open(photos / "cat" / "0.png").save(photos / "cat" / "0.jpg")  # another of the same stem
        arguments = (*(photos / each for each in given), "--masks", tmp_path / "masks", "--jsonl")
        for _ in range(2):  # a second run writes the same files
            found = predicted(run("predict", masking, *arguments).out)
            expected = [tmp_path / "masks" / f"{name}.cat.mark.png" for name in names]
            assert [Path(each["mask"]) for each in found] == expected
            assert [each for each in (tmp_path / "masks").rglob("*.png") if each not in expected] == []

    def test_names_on_standard_input(
        self,
        run: Run,
        masking: Path,
        tmp_path: Path,
        photos: Path,
        say: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(photos / "cat")
        whole = (photos / "dog" / "0.png").relative_to("/")
        say("0.png", photos / "dog" / "0.png", "../dog/1.png")
        found = predicted(run("predict", masking, "-", "--masks", tmp_path / "masks", "--jsonl").out)
        expected = [Path("0.png"), whole, whole.with_name("1.png")]
        masks = [tmp_path / "masks" / f"{each}.cat.mark.png" for each in expected]
        assert [Path(each["mask"]) for each in found] == masks

        repeated = photos / "cat" / whole
        repeated.parent.mkdir(parents=True)
        Image.open("0.png").save(repeated)
        say(repeated, photos / "dog" / "0.png", photos / "dog" / "1.png")
        outcome = run("predict", masking, "-", "--masks", tmp_path / "masks", "--jsonl")
        assert outcome.status == 1
        assert f"its mask would overwrite that of {repeated}" in outcome.err
        assert len(predicted(outcome.out)) == 2

    def test_folders_that_are_refused(self, run: Run, masking: Path, photos: Path, tmp_path: Path) -> None:
        inside = run("predict", masking, photos, "--masks", photos / "cat" / "masks")
        assert inside.status == 1
        assert f"masks: lies in {photos}, whose images are read" in inside.err
        both = run("predict", masking, photos, "--masks", tmp_path / "m", "--overlays", tmp_path / "m")
        assert "found one folder for masks and overlays" in both.err
        assert not (tmp_path / "m").exists()

    def test_paths_without_masks(self, run: Run, graph_file: Path, photos: Path, tmp_path: Path) -> None:
        outcome = run("predict", graph_file, photos, "--overlays", tmp_path / "m")
        assert (outcome.status, outcome.out) == (1, "")
        assert outcome.err.startswith(
            "--overlays: found paths of binary tasks; expected one that gives masks"
        )


class TestWhatItTakes:
    def test_names_on_standard_input(
        self, run: Run, graph_file: Path, photos: Path, say: Callable[..., None]
    ) -> None:
        names = [str(photos / "cat" / "0.png"), str(photos / "dog" / "1.png")]
        say(*names, "", photos / "cow")
        found = predicted(run("predict", graph_file, "-", *ONE).out)
        assert [each["image"] for each in found] == [
            *names,
            *(str(photos / f"cow/{n}.png") for n in range(3)),
        ]

    def test_a_name_that_is_no_text(
        self, run: Run, graph_file: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        strange = os.fsencode(photos) + b"/\xff.png"
        try:
            os.link(photos / "cat" / "0.png", strange)
        except OSError:
            pytest.skip("names are text here")
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(strange + b"\n"), encoding="utf-8"))
        outcome = run("predict", graph_file, "-", *ONE)
        assert outcome.status == 0, outcome.err
        assert predicted(outcome.out)[0]["image"].endswith("\udcff.png")

    def test_nothing(
        self, run: Run, graph_file: Path, tmp_path: Path, photos: Path, say: Callable[..., None]
    ) -> None:
        (tmp_path / "empty").mkdir()
        outcome = run("predict", graph_file, tmp_path / "empty", "--json")
        assert (outcome.status, json.loads(outcome.out)) == (1, {"predictions": [], "problems": 1})
        assert outcome.err.startswith(f"{tmp_path / 'empty'}: holds no image; expected files ending in ")
        outcome = run("predict", graph_file, tmp_path / "empty", photos / "cat", *ONE)
        assert (outcome.status, len(predicted(outcome.out))) == (1, 3)
        say()
        assert "standard input: names no image" in run("predict", graph_file, "-").err

    @pytest.mark.parametrize("form", ["--json", "--jsonl"])
    def test_a_bad_image_among_good_ones(self, run: Run, graph_file: Path, photos: Path, form: str) -> None:
        (photos / "dog" / "0.png").write_text("damaged")
        (photos / "dog" / "3.png").symlink_to("nowhere")
        arguments = ("predict", graph_file, photos, photos / "none.png", "--path", "dog:classify", form)
        for size in (1, 4, 32):
            outcome = run(*arguments, "--batch", size)
            assert outcome.status == 1
            third, first, second, last = outcome.err.splitlines()  # what is not there is told before all else
            assert first.startswith(f"{photos / 'dog' / '0.png'}: cannot be read as an image")
            assert second.startswith(f"{photos / 'dog' / '3.png'}: no such file")
            assert third.startswith(f"{photos / 'none.png'}: no such file")
            assert last == "3 not predicted, as told above; 8 predicted"
            found = json.loads(outcome.out)["predictions"] if form == "--json" else predicted(outcome.out)
            names = [str(Path(each["image"]).relative_to(photos)) for each in found]
            assert names == [f"{folder}/{n}.png" for folder in ("cat", "cow") for n in range(3)] + [
                "dog/1.png",
                "dog/2.png",
            ]

    def test_what_is_not_there_is_told_before_anything_is_compiled(
        self, run: Run, graph_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: object) -> None:
            raise AssertionError("nothing is to be loaded")

        monkeypatch.setattr(legonet, "load", fail)
        missing = [tmp_path / "none.png", tmp_path / f"{'x' * 300}.png"]
        outcome = run("predict", graph_file, *missing, "--json")
        assert (outcome.status, json.loads(outcome.out)) == (1, {"predictions": [], "problems": 2})
        first, second, last = outcome.err.splitlines()
        assert first.startswith(f"{missing[0]}: no such file; expected an image")
        assert second.startswith(f"{missing[1]}: cannot be read (File name too long)")
        assert last == "2 not predicted, as told above; 0 predicted"

    def test_names_are_asked_for_as_they_are_needed(
        self,
        run: Run,
        graph_file: Path,
        photos: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        shown: list[str] = []

        def names() -> Iterator[str]:
            for number in range(3):
                shown.append(capsys.readouterr().out)
                yield f"{photos / 'cat' / str(number)}.png\n"

        lines = names()
        monkeypatch.setattr("sys.stdin", SimpleNamespace(readline=lambda limit: next(lines, "")))
        run("predict", graph_file, "-", *ONE, "--batch", 1)
        assert [Path(json.loads(each)["image"]).name for each in shown[1:]] == ["0.png", "1.png"]


class TestBar:
    def test_predictions_go_past_it(
        self, run: Run, graph_file: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr("rich.console.Console.is_terminal", True)
        outcome = run("predict", graph_file, photos, *ONE)
        assert [each["path"] for each in predicted(outcome.out)] == ["dog:classify"] * 9
        assert "9 of 9" in outcome.err

    def test_it_knows_how_many_there_are(self, photos: Path) -> None:
        assert GivenImages([photos]).count() == 9
        assert GivenImages([photos / "cat", photos / "dog" / "0.png", Path("missing.png")]).count() == 3 + 2
        assert GivenImages([photos, Path("-")]).count() is None
