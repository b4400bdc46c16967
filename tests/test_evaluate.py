"""What evaluation measures, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import legonet
from legonet.data.source import Source
from legonet.errors import DataError, SelectError
from legonet.network import Network

LABELS = torch.tensor([1, 0] * 6)


def says_yes(model: nn.Module, images: Tensor) -> list[bool]:
    with torch.no_grad():
        return (model(images)[:, 0] > 0).tolist()


def error(model: nn.Module, images: Tensor) -> float:
    wrong = [yes != bool(label) for yes, label in zip(says_yes(model, images), LABELS, strict=True)]
    return sum(wrong) / len(wrong)


class Drawn(Source):
    """Images of noise, others for each category; it keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []

    def samples(self, category: str, *, mask: bool = False, split: Any = "test") -> tuple[Tensor, Tensor]:
        self.asked.append((category, mask))
        images = torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(len(category)))
        return images, (images.mean(1) > 0.5).long() if mask else LABELS


class TestNetwork:
    def test_every_figure_is_that_of_its_model(self, network: Network, images: Tensor) -> None:
        network.transplant()
        found = network.evaluate({"dog:classify": (images, LABELS)})
        (row,) = found.rows
        assert (row.path, row.images, row.measure) == ("dog:classify", 12, "error")
        expected = [
            error(network.compile("dog:classify"), images),
            error(network.teacher("dog-v1"), images),
            error(network.unadapted("dog:classify"), images),
        ]
        assert [row.transplanted, row.teacher, row.unadapted] == pytest.approx(expected)
        assert len(set(expected)) == 3  # else one could stand for another

    def test_a_path_says_yes_to_images_of_each_category(self, network: Network, images: Tensor) -> None:
        network.transplant()
        places = {"cat": 0, "dog": 4}
        data = {f"{name}:classify": (images[at : at + 4], LABELS[:4]) for name, at in places.items()}
        table = network.evaluate(data).says_yes["classify"]
        for name in ("cat", "dog"):
            model = network.compile(f"{name}:classify")
            for shown, at in places.items():
                yes = says_yes(model, images[at : at + 4 : 2])
                assert table[f"{name}:classify"][shown] == sum(yes) / 2

    def test_a_source_and_all_built_paths(self, network: Network) -> None:
        network.transplant()
        source = Drawn()
        found = network.evaluate(source)
        assert [row.path for row in found.rows] == ["cat:classify", "dog:classify", "cow:classify"]
        assert source.asked == [("cat", False), ("dog", False), ("cow", False)]
        for one in (["cow:classify"], "cow:classify"):
            assert [row.path for row in network.evaluate(source, one).rows] == ["cow:classify"]

    def test_masks(self) -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1))
        network = legonet.Network("zoo", (3, 8, 8))
        network.add_teacher("t", model, category="cat", task="mark", cut="1")
        source = Drawn()
        found = network.evaluate(source)
        assert [(row.path, row.measure) for row in found.rows] == [
            ("cat:mark", "pixel accuracy"),
            ("cat:mark", "IoU"),
        ]
        assert source.asked == [("cat", True)]
        assert found.says_yes == {}

    def test_without_a_positive_image_a_category_is_shown_to_nobody(
        self, network: Network, images: Tensor
    ) -> None:
        network.transplant()
        none = torch.zeros(12).long()
        data = {"cat:classify": (images, LABELS), "dog:classify": (images, none)}
        table = network.evaluate(data).says_yes["classify"]
        assert [list(values) for values in table.values()] == [["cat"], ["cat"]]

    def test_it_prints_as_a_table_and_is_plain_data(self, network: Network, images: Tensor) -> None:
        network.transplant()
        found = network.evaluate({"dog:classify": (images, LABELS)})
        (row,) = found.rows
        lines = repr(found).splitlines()
        assert lines[0].split() == ["path", "measure", "teacher", "no", "adapter", "transplanted", "images"]
        figures = [f"{value:.1%}" for value in (row.teacher, row.unadapted, row.transplanted)]
        assert lines[1].split() == ["dog:classify", "error", *figures, "12"]
        assert lines[3].startswith("classify: how often each path (row) says yes")
        data = found.data()
        assert data["rows"][0]["transplanted"] == row.transplanted
        assert data["says yes"] == found.says_yes

    @pytest.mark.parametrize(
        ("labels", "paths", "error", "message"),
        [
            (None, None, DataError, "no labels; expected (images, labels)"),
            (LABELS, ["dog:classify"], DataError, "no images of dog:classify"),
            (LABELS, ["dog:clasify"], SelectError, "Did you mean 'classify'"),
            (LABELS[:5], None, DataError, "expected (12,)"),
        ],
    )
    def test_refusals(
        self,
        network: Network,
        images: Tensor,
        labels: Tensor | None,
        paths: list[str] | None,
        error: type[Exception],
        message: str,
    ) -> None:
        network.transplant()
        with pytest.raises(error) as caught:
            network.evaluate({"cat:classify": (images, labels)}, paths)
        assert message in str(caught.value)

    def test_a_vector_is_measured_by_own_labels(
        self, make_model: Callable[..., nn.Module], images: Tensor
    ) -> None:
        network = legonet.Network("zoo", (3, 8, 8))
        network.add_teacher("t", make_model(0, 3), category="cat", task="pose", cut="pool1")
        with pytest.raises(
            SelectError, match=r"zoo: cat:pose: not measured: .* of kind 'vector'; expected .*; leave"
        ):
            network.evaluate(Drawn())
        found = network.evaluate({"cat:pose": (images, torch.zeros(12, 3))})
        (row,) = found.rows
        assert row.measure == "RMSE"
        assert row.transplanted == pytest.approx(float(network.teacher("t")(images).square().mean().sqrt()))
        assert repr(found).splitlines()[1].split()[3] == f"{row.transplanted:.3g}"

    def test_what_cannot_be_measured_is_told(
        self, network: Network, make_model: Callable[..., nn.Module]
    ) -> None:
        network.add_teacher("t", make_model(0, 3), category="ant", task="pose", cut="pool1")
        network.transplant()
        found = network.evaluate(Drawn())
        assert "ant:pose" not in {row.path for row in found.rows}
        assert found.data()["unmeasured"] == {"ant:pose": "vector"}
        assert (
            repr(found).splitlines()[-1].startswith("ant:pose: not measured: images by category say nothing")
        )
        with pytest.raises(SelectError, match="ant:pose: not measured"):
            network.evaluate(Drawn(), ["cat:classify", "ant:pose"])
