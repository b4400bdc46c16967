"""Each pass on small programs: what it changes, and what it leaves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from legonet.compile.passes import CHOICES, PASSES, choose_passes
from legonet.compile.passes.batch import batch
from legonet.compile.passes.drop import drop
from legonet.compile.passes.fold_batch_norm import fold_batch_norm
from legonet.compile.passes.fold_rescale import fold_rescale
from legonet.compile.passes.group import group
from legonet.compile.passes.in_place import in_place
from legonet.compile.passes.join import join
from legonet.compile.passes.place import place
from legonet.compile.passes.share import share
from legonet.compile.passes.stems import stems
from legonet.compile.program import (
    Brick,
    Call,
    Computed,
    Program,
    Ref,
    in_order,
    naive_program,
)
from legonet.errors import SelectError
from legonet.ir.graph import INPUT, ModelGraph, Operation
from legonet.ir.lowering import lower
from legonet.ir.notation import layer

RELU: dict[str, Any] = {"type": "relu"}


def conv(below: int, above: int, kernel: int = 3, **more: Any) -> dict[str, Any]:
    padding = more.pop("padding", kernel // 2)
    return {"type": "conv", "in": below, "out": above, "kernel": kernel, "padding": padding, **more}


def brick(kind: str, name: str, *layers: dict[str, Any], weights: str = "") -> Brick:
    """A brick whose weights are labelled by it, or by `weights`, and the layer's number."""
    owner = weights or f"{kind}.{name}"
    graph = lower({f"l{number}": layer(data) for number, data in enumerate(layers)}).without_notation()
    return Brick(kind, name, graph, {each: f"{owner}/{each[1:]}" for each in graph.tensors})


def stacked(kind: str, name: str, *bricks: Brick) -> Brick:
    """A brick of others, one above the other."""
    steps: dict[str, Operation] = {}
    tensors, weights, below = {}, {}, INPUT
    for number, each in enumerate(bricks):
        for step in each.steps:
            arguments = [
                {"tensor": f"{number}.{value['tensor']}"}
                if isinstance(value, dict) and "tensor" in value
                else value
                for value in step.arguments
            ]
            steps[f"{number}.{step.name}"] = Operation(
                f"{number}.{step.name}", step.function, ({"ref": below}, *arguments[1:]), {}
            )
            below = f"{number}.{step.name}"
        tensors |= {f"{number}.{key}": spec for key, spec in each.graph.tensors.items()}
        weights |= {f"{number}.{key}": weight for key, weight in each.weights.items()}
    return Brick(kind, name, ModelGraph(steps, below, tensors), weights)


def names(program: Program, brick: str) -> list[str]:
    return [step.name for step in program.bricks[brick].steps]


def zoo(*adapter: dict[str, Any], names: str = "abc", task: tuple[dict[str, Any], ...] = ()) -> Program:
    """Categories a, b, c with adapters to one task; the first path is native."""
    bricks = [brick("categories", name, conv(3, 4), RELU) for name in names]
    bricks += [brick("adapters", f"{name}:t", *adapter) for name in names[1:]]
    bricks.append(brick("tasks", "t", *(task or (conv(4, 8), RELU))))
    return naive_program(bricks, [(name, "t", name != names[0]) for name in names])


def called(program: Program) -> list[tuple[str, ...]]:
    return [call.bricks for call in program.calls]


ADAPTER = ({"type": "rescale"}, conv(4, 4), RELU)


def test_the_documentation_has_a_row_for_each() -> None:
    page = (Path(__file__).parents[2] / "docs" / "compiler.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| .+ \| (the same bits|rounding) \|$", page, re.MULTILINE)
    assert rows == [(each.name, "the same bits" if each.exact else "rounding") for each in PASSES.values()]


def test_the_naive_program() -> None:
    program = zoo(*ADAPTER)
    assert called(program)[:2] == [("categories.a",), ("tasks.t",)]
    assert called(program)[2:5] == [("categories.b",), ("adapters.b:t",), ("tasks.t",)]
    assert list(program.outputs) == ["a:t", "b:t", "c:t"]


class TestShare:
    def test_a_module_runs_once_per_value(self) -> None:
        bricks = [brick("categories", "a", conv(3, 4)), *(brick("tasks", each, RELU) for each in "tu")]
        program = share(naive_program(bricks, [("a", "t", False), ("a", "u", False)]))
        assert called(program) == [("categories.a",), ("tasks.t",)]  # t and u compute the same
        assert program.outputs["a:t"] == program.outputs["a:u"]

    def test_equal_modules_are_one(self) -> None:
        bricks = [brick("categories", each, conv(3, 4), weights="w") for each in "ab"]
        program = share(
            naive_program([*bricks, brick("tasks", "t", RELU)], [("a", "t", False), ("b", "t", False)])
        )
        assert called(program) == [("categories.a",), ("tasks.t",)]

    def test_others_are_not(self) -> None:
        assert len(share(zoo(*ADAPTER)).calls) == len(zoo(*ADAPTER).calls)


class TestDrop:
    def test_dropout_and_identities(self) -> None:
        program = drop(zoo({"type": "dropout"}, {"type": "identity"}, conv(4, 4)))
        assert names(program, "adapters.b:t") == ["l2"]

    def test_a_brick_of_nothing_else_is_passed_by(self) -> None:
        program = drop(zoo({"type": "identity"}))
        assert not any(name.startswith("adapters") for name in program.bricks)
        assert Ref("categories.b of b:t") in [call.reads[0] for call in program.calls]


class TestFold:
    def test_rescale(self) -> None:
        brick = fold_rescale(zoo(*ADAPTER)).bricks["adapters.b:t"]
        assert [step.name for step in brick.steps] == ["l1", "l2"]
        assert brick.weights == {
            "l1.weight": Computed("scaled", ("adapters.b:t/1.weight", "adapters.b:t/0.beta")),
            "l1.bias": "adapters.b:t/1.bias",
        }

    def test_a_rescale_below_something_else_stays(self) -> None:
        program = zoo({"type": "rescale"}, RELU, conv(4, 4))
        assert fold_rescale(program) == program

    @pytest.mark.parametrize("kind", ["conv", "conv-transpose"])
    def test_batch_norm(self, kind: str) -> None:
        below = {**conv(4, 6, bias=False), "type": kind}
        program = fold_batch_norm(zoo(below, {"type": "batch-norm", "channels": 6}, RELU))
        brick = program.bricks["adapters.b:t"]
        whole = lower({"l0": layer({**below, "bias": True}), "l2": layer(RELU)})
        assert brick.graph == whole
        gamma, delta, mean, variance = (
            f"adapters.b:t/1.{each}" for each in ("weight", "bias", "running_mean", "running_var")
        )
        how = "normed" if kind == "conv" else "normed-inputs"
        assert brick.weights == {
            "l0.weight": Computed(how, ("adapters.b:t/0.weight", gamma, variance), 1e-5),
            "l0.bias": Computed("normed-bias", (None, mean, gamma, variance, delta), 1e-5),
        }

    def test_a_batch_norm_above_something_else_stays(self) -> None:
        program = zoo(conv(4, 4), RELU, {"type": "batch-norm", "channels": 4})
        assert fold_batch_norm(program) == program


class TestJoin:
    @pytest.mark.parametrize(
        ("below", "above", "kernel", "stride"),
        [
            (conv(4, 4, 3), conv(4, 4, 1), (3, 3), (1, 1)),
            (conv(4, 4, 3, stride=2), conv(4, 3, 1, stride=2), (3, 3), (4, 4)),
            (conv(4, 4, 1), conv(4, 8, 3, padding=0), (3, 3), (1, 1)),
            (conv(4, 4, 1, bias=False), conv(4, 8, 3), (3, 3), (1, 1)),
            (conv(4, 4, 1), conv(4, 8, 3), None, None),  # zeros around the upper one's input are no offset
            (conv(4, 4, 3), conv(4, 8, 3, padding=0), None, None),
            (conv(4, 2, 1), conv(2, 64, 3, padding=0), None, None),  # more work
            (conv(4, 4, 1, groups=2), conv(4, 4, 1), None, None),
            (RELU, conv(4, 4, 1), None, None),
        ],
    )
    def test_which_layers(
        self, below: dict[str, Any], above: dict[str, Any], kernel: Any, stride: Any
    ) -> None:
        program = join(zoo(below, task=(above, RELU)))
        brick = program.bricks["adapters.b:t"]
        assert (brick.steps[-1].name == "l0+l0") == (kernel is not None)
        if kernel is not None:
            assert brick.graph.tensors["l0.weight"].shape[2:] == kernel
            assert tuple(brick.steps[-1].arguments[3]) == stride

    def test_linear_layers(self) -> None:
        few, many = ({"type": "linear", "in": 8, "out": out} for out in (2, 99))
        program = join(zoo({"type": "linear", "in": 4, "out": 8}, task=(few, RELU)))
        assert program.bricks["adapters.b:t"].graph.tensors["l0.weight"].shape == (2, 4)
        apart = zoo({"type": "linear", "in": 99, "out": 8}, task=(many, RELU))  # together they are more work
        assert join(apart) == apart

    def test_the_task_module_stays_shared(self) -> None:
        program = join(zoo(conv(4, 4), task=(conv(4, 2, 1), RELU, conv(2, 1))))
        assert called(program) == [
            ("categories.a",),
            ("tasks.t-first",),
            ("tasks.t",),
            ("categories.b",),
            ("adapters.b:t",),
            ("tasks.t",),
            ("categories.c",),
            ("adapters.c:t",),
            ("tasks.t",),
        ]
        assert names(program, "adapters.b:t") == ["l0+l0"]
        lower_weight, upper_weight = "adapters.b:t/0.weight", "tasks.t/0.weight"
        assert program.bricks["adapters.b:t"].weights == {
            "l0.weight": Computed("joined", (lower_weight, upper_weight)),
            "l0.bias": Computed("joined-bias", ("adapters.b:t/0.bias", upper_weight, "tasks.t/0.bias")),
        }
        assert names(program, "tasks.t") == ["l1", "l2"]

    def test_an_activation_between_forbids_it(self) -> None:
        program = zoo(conv(4, 4), RELU, task=(conv(4, 2, 1), RELU))
        assert join(program) == program


class TestStems:
    def test_what_category_modules_begin_with(self) -> None:
        bricks = [
            stacked("categories", each, brick("categories", "x", conv(3, 4), RELU), own)
            for each, own in ((each, brick("categories", each, conv(4, 5))) for each in "ab")
        ]
        bricks.append(brick("tasks", "t", RELU))
        program = stems(naive_program(bricks, [("a", "t", False), ("b", "t", False)]))
        assert called(program)[0] == ("stems.a+b",)
        assert sorted(called(program)[1:3]) == [("categories.a",), ("tasks.t",)]
        assert [len(names(program, name)) for name in ("stems.a+b", "categories.a", "categories.b")] == [
            2,
            1,
            1,
        ]

    def test_a_module_that_is_another_ones_beginning(self) -> None:
        start = brick("categories", "a", conv(3, 4), RELU)
        longer = stacked("categories", "b", start, brick("categories", "b", conv(4, 4)))
        program = stems(
            naive_program([start, longer, brick("tasks", "t", RELU)], [("a", "t", False), ("b", "t", False)])
        )
        assert set(program.bricks) == {"stems.a+b", "categories.b", "tasks.t"}

    def test_nothing_in_common(self) -> None:
        assert stems(share(zoo(*ADAPTER))) == share(zoo(*ADAPTER))


class TestGroup:
    def test_categories_then_their_adapters(self) -> None:
        program = group(share(zoo(*ADAPTER)))
        assert ("categories.a", "categories.b", "categories.c") in called(program)
        assert ("adapters.b:t", "adapters.c:t") in called(program)

    def test_wide_layers_are_left_apart(self) -> None:
        wide = [brick("categories", each, conv(3, 8), RELU, conv(8, 64), RELU) for each in "ab"]
        program = group(
            share(naive_program([*wide, brick("tasks", "t", RELU)], [("a", "t", False), ("b", "t", False)]))
        )
        assert called(program)[0] == ("stems.a", "stems.b")
        assert names(program, "stems.a") == ["l0", "l1"]

    def test_a_group_that_does_not_pay(self) -> None:
        asked: list[tuple[tuple[str, ...], str]] = []

        def pays(program: Program, calls: Sequence[Call], place: str) -> bool:
            asked.append((tuple(call.bricks[0] for call in calls), place))
            return calls[0].bricks[0].startswith("adapters")

        program = share(zoo(*ADAPTER))
        assert group(program, pays) == program  # adapters are proposed above a group of categories only
        assert asked == [(("categories.a", "categories.b", "categories.c"), "l1")]

    def test_devices_are_left_apart(self) -> None:
        program = share(zoo(*ADAPTER, names="abcd"))
        spread = place(program, dict.fromkeys(program.bricks, 1), 2)
        assert [call.bricks for call in group(spread).calls if call.is_group] == [
            ("categories.a", "categories.c"),
            ("categories.b", "categories.d"),
            ("adapters.b:t", "adapters.d:t"),
        ]
        wide = [brick("categories", each, conv(3, 8), RELU, conv(8, 64), RELU) for each in "ab"]
        two = naive_program([*wide, brick("tasks", "t", RELU)], [("a", "t", False), ("b", "t", False)])
        moved = {
            name: replace(each, device=1 if each.kind == "categories" else 0)
            for name, each in two.bricks.items()
        }
        stems_of_two = group(replace(share(two), bricks=moved))
        assert {name: each.device for name, each in stems_of_two.bricks.items()} == {
            "stems.a": 1,
            "stems.b": 1,
            "categories.a": 1,
            "categories.b": 1,
            "tasks.t": 0,
        }

    @pytest.mark.parametrize("first", [conv(3, 3, groups=3), conv(3, 64), {"type": "flatten"}])
    def test_what_cannot_be_grouped(self, first: dict[str, Any]) -> None:
        program = share(zoo(*ADAPTER))
        bricks = {
            name: brick("categories", each.name, first) if each.kind == "categories" else each
            for name, each in program.bricks.items()
        }
        program = Program(bricks, program.calls, program.outputs)
        assert not any(call.is_group for call in group(program).calls)


class TestPlace:
    def test_the_largest_goes_where_least_is(self) -> None:
        program = share(zoo(*ADAPTER, names="abcd"))
        weights = dict.fromkeys(program.bricks, 1) | {"categories.c": 50, "categories.b": 20}
        placed = place(program, weights | {"tasks.t": 30}, 2)
        devices = {name: each.device for name, each in placed.bricks.items()}
        # With their adapters: c (51) goes where no task is, b (21) beside the task (30), then d and a.
        categories = [devices[f"categories.{name}"] for name in "abcd"]
        assert (devices["tasks.t"], *categories) == (0, 1, 0, 1, 0)
        assert [devices[f"adapters.{name}:t"] for name in "bcd"] == categories[1:]
        assert placed.calls == program.calls

    def test_an_adapter_of_two_categories_is_with_the_first(self) -> None:
        bricks = [brick("categories", each, conv(3, 4), RELU) for each in "ab"]
        bricks += [brick("adapters", f"{each}:t", conv(4, 4), weights="w") for each in "ab"]
        paths = [("a", "t", True), ("b", "t", True)]
        program = share(naive_program([*bricks, brick("tasks", "t", RELU)], paths))
        placed = place(program, dict.fromkeys(program.bricks, 1), 3)
        devices = {name: each.device for name, each in placed.bricks.items()}
        assert devices == {"categories.a": 1, "adapters.a:t": 1, "categories.b": 2, "tasks.t": 0}

    def test_one_device(self) -> None:
        program = share(zoo(*ADAPTER))
        assert place(program, dict.fromkeys(program.bricks, 1), 1) == program


class TestBatch:
    def test_one_task_module(self) -> None:
        program = batch(share(zoo(*ADAPTER)))
        (task,) = [call for call in program.calls if call.bricks == ("tasks.t",)]
        assert len(task.reads) == 3
        assert list(program.outputs.values()) == list(task.refs)
        assert in_order(program.calls) == program.calls

    def test_a_module_that_reads_itself(self) -> None:
        twice = brick("categories", "a", conv(3, 3))
        calls = (
            Call("1", ("categories.a",), (Ref("images"),)),
            Call("2", ("categories.a",), (Ref("1"),)),
        )
        program = Program({"categories.a": twice}, calls, {"a:t": Ref("2")})
        assert batch(program) == program


def test_in_place() -> None:
    brick = in_place(zoo(RELU, conv(4, 4), RELU, RELU)).bricks["adapters.b:t"]
    assert brick.in_place == {"l2"}


class TestChoosing:
    def test_sets(self) -> None:
        assert [each.name for each in choose_passes("all")] == list(PASSES)
        assert choose_passes("none") == choose_passes([]) == ()
        assert all(each.exact for each in choose_passes("exact"))
        assert [each.name for each in choose_passes(["batch", "share"])] == ["share", "batch"]
        assert set(CHOICES) & set(PASSES) == set()

    @pytest.mark.parametrize("wanted", ["shar", ["share", "shar"]])
    def test_a_name_that_is_none(self, wanted: Any) -> None:
        with pytest.raises(SelectError, match=r"no pass 'shar'.*Did you mean 'share'"):
            choose_passes(wanted)


def test_calls_in_a_circle() -> None:
    with pytest.raises(ValueError, match="read each other"):
        in_order([Call("1", ("x",), (Ref("2"),)), Call("2", ("x",), (Ref("1"),))])
