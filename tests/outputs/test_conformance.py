"""What every kind of output does, whatever it means."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from legonet.compile.photos import ending_of
from legonet.errors import DataError
from legonet.graph.output import OUTPUTS, Output
from legonet.graph.result import Result
from legonet.graph.schema import Input
from tests.outputs.kinds import EXAMPLES

IMAGE = (3, 6, 8)
BATCH = 5


@pytest.fixture(params=OUTPUTS.names())
def kind(request: pytest.FixtureRequest) -> Output:
    return EXAMPLES[request.param]


def outputs(kind: Output, seed: int) -> torch.Tensor:
    return torch.randn(BATCH, *kind.shape(IMAGE), generator=torch.Generator().manual_seed(seed))


def finished(kind: Output, seed: int) -> torch.Tensor:
    """As a compiled network gives them for images of the size that it sees."""
    ending = ending_of(kind, Input(shape=IMAGE))
    return outputs(kind, seed) if ending is None else ending(outputs(kind, seed), torch.zeros(BATCH, *IMAGE))


def labels(kind: Output) -> torch.Tensor:
    shape, most = (BATCH, *kind.label_shape(IMAGE)), kind.largest_label()
    generator = torch.Generator().manual_seed(2)
    if kind.places == "pixels":
        corners = torch.tensor([1.0, 0, 2, 1]) + torch.rand((*shape[:-1], 4), generator=generator)
        return torch.cat([corners * 2, torch.ones((*shape[:-1], 1))], -1)
    if most is None:
        return torch.randn(shape, generator=generator)
    return torch.randint(min(most, 2) + 1, shape, generator=generator)  # few, so that some are the same


def test_settings_are_plain_data(kind: Output) -> None:
    data = json.loads(json.dumps(kind.model_dump(mode="json")))
    assert OUTPUTS.read(data) == kind
    assert OUTPUTS.read(data).key_text() == kind.key_text()


def test_shapes(kind: Output) -> None:
    assert all(size >= 1 for size in (*kind.shape(IMAGE), *kind.label_shape(IMAGE)))
    expected = {"category": (), "mask": IMAGE[1:], "class": ()}
    annotation = kind.annotation()
    if annotation is not None:
        assert kind.label_shape(IMAGE) == expected[annotation]
        assert kind.largest_label() is not None


def test_losses_against_the_teacher_are_nothing_where_both_agree(kind: Output) -> None:
    teacher, scale = outputs(kind, 0), torch.tensor(2.0)
    for compare in (
        lambda student: kind.soft_loss(student, teacher, 4.0),
        lambda student: kind.disagreement(student, teacher, scale),
    ):
        assert float(compare(teacher).detach()) == pytest.approx(0, abs=1e-6)
        student = outputs(kind, 1).requires_grad_()
        loss = compare(student)
        assert loss.shape == ()
        assert loss.detach() > 0
        loss.backward()
        assert student.grad is not None
        assert student.grad.isfinite().all()
        assert student.grad.any()


def test_agreement_is_whole_with_itself_and_a_part_with_others(kind: Output) -> None:
    student, teacher = outputs(kind, 0), outputs(kind, 1)
    scale = torch.tensor(1.0)
    torch.testing.assert_close(kind.agreement(teacher, teacher, scale), torch.ones(BATCH))
    found = kind.agreement(student, teacher, scale)
    assert found.shape == (BATCH,)
    assert 0 <= found.min() <= found.mean() < 1


def test_disagreement_is_in_units_of_the_teachers_spread(kind: Output) -> None:
    if kind.decoder(Input(shape=IMAGE)) is not None:
        pytest.skip("what is decoded has units of its own; test_boxes.py has that of its scores")
    student, teacher = outputs(kind, 0), outputs(kind, 1)
    found = kind.disagreement(1000 * student, 1000 * teacher, torch.tensor(1000.0))
    torch.testing.assert_close(found, kind.disagreement(student, teacher, torch.tensor(1.0)))


def test_descent_on_the_task_loss_improves_it(kind: Output) -> None:
    output = outputs(kind, 0).requires_grad_()
    loss = kind.task_loss(output, labels(kind))
    (gradient,) = torch.autograd.grad(loss, output)
    with torch.no_grad():
        assert kind.task_loss(output - 0.1 * gradient, labels(kind)) < loss


def test_labels_of_another_shape_are_refused(kind: Output) -> None:
    for wrong in (labels(kind)[:-1], labels(kind)[..., None]):
        with pytest.raises(DataError, match="labels: shape"):
            kind.task_loss(outputs(kind, 0), wrong)


def test_measures_are_numbers_by_name(kind: Output) -> None:
    measured = kind.measures(finished(kind, 0), labels(kind))
    assert measured
    assert all(name and type(value) is float for name, value in measured.items())
    assert not kind.fractions or all(0 <= value <= 1 for value in measured.values())


def test_results_are_said_to_programs_and_people(kind: Output) -> None:
    result = kind.read(finished(kind, 0)[0], "cat")
    assert isinstance(result, Result)
    assert json.loads(json.dumps(result.data())) == result.data()
    assert result.text()
    assert "\n" not in result.text()


def test_what_is_found_is_counted_by_right_channel(kind: Output) -> None:
    counts = kind.confusion(outputs(kind, 0), labels(kind))
    if counts is not None:
        assert tuple(counts.shape) == (len(kind.channels("cat")),) * 2
        assert int(counts.sum()) == BATCH
        assert counts.sum(1).tolist() == torch.bincount(labels(kind), minlength=len(counts)).tolist()


def test_a_kind_says_what_teachers_share(kind: Output) -> None:
    assert "task of its own" in kind.sharing()
    assert kind.of("elephant") == kind


def test_words_for_people(kind: Output) -> None:
    names = kind.channels("cat")
    assert names
    assert any("cat" in name for name in names)
    assert not any("{" in name for name in names)
    assert 0 < len(kind.words()) < 30
    assert kind.legend()
    assert not kind.legend().endswith(".")


def test_a_guess_has_the_shape_that_it_was_made_from(kind: Output) -> None:
    shape = kind.shape(IMAGE)
    guess = type(kind).guess(shape, IMAGE)
    assert (guess is not None) == bool(kind.guessed_from)
    if guess is not None:
        assert OUTPUTS.read(guess).shape(IMAGE) == shape
        assert guess["kind"] == kind.kind
        assert kind.guessed_from.format(height=6, width=8)


def test_no_kind_needs_torch_until_it_computes() -> None:
    code = (
        "import sys, legonet.graph.schema\n"
        "from legonet.graph.output import OUTPUTS\n"
        "for kind in OUTPUTS: kind.guess((1,), (3, 8, 8))\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
