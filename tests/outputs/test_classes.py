from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import legonet
from legonet.cli import main
from legonet.errors import GraphError, TeacherError
from legonet.outputs.classes import Classes, ClassesOutput
from tests.conftest import SHAPE

LABELS = ("left", "right", "front")
KIND = ClassesOutput(kind="classes", labels=LABELS, labels_of={"dog": ("l", "r", "f")}, top=2)


def test_accuracies() -> None:
    output = torch.tensor([[3.0, 1.0, 2.0], [0.0, 1.0, 2.0], [5.0, 1.0, 0.0], [1.0, 0.0, 2.0]])
    found = KIND.measures(output, torch.tensor([0, 1, 2, 2]))
    assert found == {"accuracy": 0.5, "top-2 accuracy": 0.75}
    one = KIND.model_copy(update={"top": 3})  # all of three hold the right one in any case
    assert list(one.measures(output, torch.tensor([0, 1, 2, 2]))) == ["accuracy"]


def test_confusion_has_the_right_class_in_the_row() -> None:
    output = torch.eye(3)[[0, 2, 2, 1]]
    assert KIND.confusion(output, torch.tensor([0, 0, 2, 1])).tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]


def test_the_most_likely_comes_first() -> None:
    found = KIND.read(torch.tensor([0.0, math.log(6.0), math.log(3.0)]), "Cat")
    assert list(found.probabilities) == ["right", "front", "left"]
    assert list(found.probabilities.values()) == pytest.approx([0.6, 0.3, 0.1])
    assert (found.label, found.probability) == ("right", pytest.approx(0.6))
    assert found.text() == "right 60.0%  front 30.0%"
    assert found.data() == {
        "label": "right",
        "probability": 0.6,
        "probabilities": {"right": 0.6, "front": 0.3},
    }


def test_one_scale_for_all_scores_keeps_the_answer() -> None:
    """Scores divided by scales of their own would have another largest one."""
    teacher, scale = torch.tensor([[4.0, 1.0, 0.0]]), torch.tensor([[8.0, 0.5, 0.5]])
    apart = teacher.flip(1)
    assert float(KIND.disagreement(teacher + 3, teacher, scale)) == pytest.approx(0, abs=1e-6)
    assert KIND.agreement(9 * teacher + 3, teacher, scale).tolist() == [1.0] * len(
        teacher
    )  # the same choices
    one = torch.full_like(scale, float(scale.square().mean().sqrt()))
    assert float(KIND.disagreement(apart, teacher, scale)) == pytest.approx(
        float(KIND.disagreement(apart, teacher, one))
    )


def test_a_category_has_its_own_words() -> None:
    assert KIND.of("dog").channels("Dog") == KIND.of("dog@2").channels("Dog") == ("l", "r", "f")
    assert KIND.of("cat").channels("Cat") == LABELS
    assert KIND.key_text() == "classes"


@pytest.fixture
def network(make_model: Callable[..., nn.Module], quick: None) -> legonet.Network:
    made = legonet.Network("sides", SHAPE)
    made.add_task("side", {"kind": "classes", "labels": list(LABELS), "labels_of": {"dog": ["l", "r", "f"]}})
    for seed, category in enumerate(("cat", "dog")):
        made.add_teacher(f"{category}-v1", make_model(seed, 3), category=category, task="side", cut="pool1")
    return made


def test_other_classes_are_refused_with_what_can_be_shared(
    network: legonet.Network, make_model: Callable[..., nn.Module]
) -> None:
    with pytest.raises(TeacherError) as error:
        network.add_teacher("cow-v1", make_model(2, 5), category="cow", task="side", cut="pool1")
    for part in (
        "(5)",
        "(3)",
        "3 classes is shared by teachers of as many",
        "a task of its own",
        "labels_of",
    ):
        assert part in str(error.value)
    network.add_task("other-side", {"kind": "classes", "labels": ["a", "b", "c", "d", "e"]})
    network.add_teacher("cow-v1", make_model(2, 5), category="cow", task="other-side", cut="pool1")


def test_as_many_words_for_each_category(tmp_path: Path) -> None:
    network = legonet.Network("sides", SHAPE)
    with pytest.raises(GraphError, match=r"labels_of\.dog: found 2 labels; expected 3, as many as `labels`"):
        network.add_task(
            "side", {"kind": "classes", "labels": list(LABELS), "labels_of": {"dog": ["l", "r"]}}
        )
    labels = ["{categry}", "r", "f"]
    with pytest.raises(GraphError, match=r"labels_of\.dog\[0\]: found '\{categry\}'"):
        network.add_task("side", {"kind": "classes", "labels": list(LABELS), "labels_of": {"dog": labels}})


def test_words_of_an_unknown_category_are_found(
    network: legonet.Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = network.save(tmp_path / "graphs" / "sides.yaml")
    file.write_text(file.read_text().replace("labels_of: {dog:", "labels_of: {dgo:"))
    assert main(["validate", str(file)]) == 1
    assert "labels_of.dgo: no category 'dgo'" in capsys.readouterr().err


def test_it_goes_all_the_way(
    network: legonet.Network, images: Tensor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = torch.arange(len(images)) % 3
    network.transplant({"dog:side": (images, labels)})
    result = network.compile().results(images)["dog:side"][0]
    assert isinstance(result, Classes)
    assert set(result.probabilities) == {"l", "r", "f"}
    assert sum(result.probabilities.values()) == pytest.approx(1)

    found = network.evaluate({"dog:side": (images, labels)})
    assert [row.measure for row in found.rows] == ["accuracy"]
    counts = found.confusion["dog:side"]
    assert sum(sum(row.values()) for row in counts.values()) == len(images)
    right = sum(counts[name][name] for name in ("l", "r", "f"))
    assert right / len(images) == pytest.approx(found.rows[0].transplanted)
    assert "dog:side: images by right class (row) and found one (column)" in repr(found)
    assert found.data()["confusion"]["dog:side"] == counts

    file = network.save(tmp_path / "graphs" / "sides.yaml")
    for category in ("cat", "dog"):
        for index, name in enumerate(("l", "r", "f") if category == "dog" else LABELS):
            folder = tmp_path / "photos" / category / name
            folder.mkdir(parents=True)
            Image.new("RGB", SHAPE[1:], (index * 90, 0, 90)).save(folder / "one.png")
    assert main(["evaluate", str(file), "--data", str(tmp_path / "photos")]) == 0
    assert "cat:side" in capsys.readouterr().out
    assert main(["predict", str(file), str(tmp_path / "photos" / "dog" / "l" / "one.png")]) == 0
    assert "%" in capsys.readouterr().out
    (tmp_path / "photos" / "dog" / "x").mkdir()
    Image.new("RGB", SHAPE[1:]).save(tmp_path / "photos" / "dog" / "x" / "one.png")
    assert main(["evaluate", str(file), "--data", str(tmp_path / "photos")]) == 1
    assert (
        "x: no class of the task; expected folders named as the classes, l, r, f" in capsys.readouterr().err
    )
