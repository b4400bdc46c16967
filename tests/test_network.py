"""`Network`: built in code, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import legonet
from legonet.errors import DataError, GraphError, LegonetError, SelectError, TeacherError
from legonet.graph.lock import lock_path
from legonet.network import Network
from legonet.outputs.mask import MaskOutput


class Functional(nn.Module):
    """As people write them: functions between the layers."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.conv = nn.Conv2d(4, 6, 3, padding=1)
        self.fc = nn.Linear(96, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu(self.conv(self.features(x)))
        return self.fc(torch.flatten(x, 1))


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) + x


def state(network: Network) -> tuple[Any, ...]:
    return network.graph, network.lock, dict(network._sources)


class TestAddTeacher:
    def test_a_sequential(self, make_model: Callable[..., nn.Module], images: torch.Tensor) -> None:
        network, model = legonet.Network("zoo", (3, 8, 8)), make_model(0)
        expected = model(images)
        network.add_teacher("cat-v1", model, category="cat", task="classify", cut="pool1")
        for parameter in model.parameters():
            parameter.data.zero_()  # it was copied
        assert torch.equal(network.teacher("cat-v1")(images), expected)
        app = network.compile("cat:classify", memory_format="contiguous")
        assert torch.equal(app(images), expected)
        assert network.graph.tasks["classify"].output.kind == "binary"

    def test_functions_between_layers(self, images: torch.Tensor) -> None:
        torch.manual_seed(0)
        network = legonet.Network("zoo", (3, 8, 8))
        for category in ("cat", "dog"):
            model = Functional()
            network.add_teacher(f"{category}-v1", model, category=category, task="classify", cut="features.2")
            assert torch.equal(network.teacher(f"{category}-v1")(images), model(images))
        assert [each.path for each in network.transplant().results] == ["dog:classify"]
        assert network.compile("dog:classify")(images).shape == (12, 1)

    def test_with_statistics_nothing_is_lacking(
        self, make_model: Callable[..., nn.Module], images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("legonet.distill.flops.refinement.STEPS", 20)
        network = legonet.Network("zoo", (3, 8, 8))
        for seed, category in enumerate(("cat", "dog")):
            network.add_teacher(
                f"{category}-v1", make_model(seed), category=category, task="t", cut="pool1", images=images
            )
        result = network.transplant()
        assert any(note.startswith("dog:t: auto keeps the ") for note in result.notes)
        assert not any("no statistics" in note or "not set" in note for note in result.notes)
        assert {"residual", "disagreement"} <= set(network.lock.adapters["dog:t"].quality)

    def test_without_statistics_it_says_what_is_lacking(self, network: Network) -> None:
        notes = network.transplant().notes
        assert any("cow:classify" in note and "legonet teacher record" in note for note in notes)

    @pytest.mark.parametrize(("outputs", "meaning"), [(1, "binary"), (3, "vector")])
    def test_a_new_task_takes_its_meaning_from_the_output(
        self, make_model: Callable[..., nn.Module], outputs: int, meaning: str
    ) -> None:
        network = legonet.Network("zoo", (3, 8, 8))
        network.add_teacher("t", make_model(0, outputs), category="cat", task="new", cut="pool1")
        assert network.graph.tasks["new"].output.kind == meaning

    @pytest.mark.parametrize(
        ("outputs", "labels", "said"),
        [(1, ("healthy", "{category}"), ("healthy", "cat")), (3, ("x", "y", "z"), ("x", "y", "z"))],
    )
    def test_labels_name_the_outputs_of_a_new_task(
        self,
        make_model: Callable[..., nn.Module],
        outputs: int,
        labels: tuple[str, ...],
        said: tuple[str, ...],
    ) -> None:
        network = legonet.Network("zoo", (3, 8, 8))
        network.add_teacher(
            "t", make_model(0, outputs), category="cat", task="new", cut="pool1", labels=labels
        )
        assert network.graph.tasks["new"].output.channels("cat") == said
        more: dict[str, Any] = {"category": "dog", "task": "new", "cut": "pool1"}
        with pytest.raises(GraphError, match=r"teachers\.u: labels: found a; task new has "):
            network.add_teacher("u", make_model(1, outputs), labels=["a"], **more)
        network.add_teacher("u", make_model(1, outputs), labels=labels, **more)

    def test_labels_that_do_not_fit(self, make_model: Callable[..., nn.Module]) -> None:
        network = legonet.Network("zoo", (3, 8, 8))
        with pytest.raises(GraphError, match=r"tasks\.new\.output\.labels"):
            network.add_teacher(
                "t", make_model(0), category="cat", task="new", cut="pool1", labels=["a", "b", "c"]
            )
        assert not network.graph.tasks

    def test_masks(self, images: torch.Tensor) -> None:
        for channels, labels in (
            (1, ("{category}",)),
            (2, ("other", "{category}")),
            (3, ("label 0", "label 1", "label 2")),
        ):
            model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, channels, 1))
            network = legonet.Network("zoo", (3, 8, 8))
            network.add_teacher("t", model, category="cat", task="mark", cut="1")
            output = network.graph.tasks["mark"].output
            assert isinstance(output, MaskOutput)
            assert output.labels == labels
            assert network.compile("cat:mark")(images).shape == (12, channels, 8, 8)

    @pytest.mark.parametrize(
        ("changes", "error", "message"),
        [
            ({"name": "cat-v1"}, GraphError, "teachers.cat-v1: is there already"),
            ({"category": "cat"}, GraphError, "cat:classify has the teacher cat-v1 already"),
            ({"cut": "pool"}, TeacherError, "cut 'pool' is neither a module nor .* Did you mean 'pool1'"),
            ({"cut": "fc2"}, TeacherError, "cut 'fc2' is the model's output"),
            ({"name": "a b"}, GraphError, "teachers"),
            ({"category": "a:b", "task": "new"}, GraphError, "categories"),
            ({"category": "fox", "task": "a/b"}, GraphError, "tasks"),
            ({"module": nn.Linear(3, 1)}, TeacherError, "teachers.fox-v1"),
            ({"module": nn.Sequential()}, TeacherError, "teachers.fox-v1"),
            ({"module": Branching()}, TeacherError, "teachers.fox-v1"),
            (
                {"module": nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 4, 1)), "cut": "0", "task": "new"},
                TeacherError,
                r"its output has shape \(4, 4, 4\); expected a score \(1\), a vector \(size\), or maps of",
            ),
            (
                {"module": nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(192, 2)), "cut": "0"},
                TeacherError,
                r"its output has shape \(2\); task classify \(binary\) expects \(1\)",
            ),
            (
                {"images": torch.rand(4, 2, 9, 9)},
                DataError,
                r"teachers.fox-v1: found images of shape \(4, 2, 9, 9\)",
            ),
            ({"images": torch.full((4, 3, 8, 8), 255)}, DataError, "values from 255 to 255"),
            ({"images": torch.rand(0, 3, 8, 8)}, DataError, "no image"),
        ],
    )
    def test_a_refusal_changes_nothing(
        self,
        network: Network,
        make_model: Callable[..., nn.Module],
        changes: dict[str, Any],
        error: type[LegonetError],
        message: str,
    ) -> None:
        before = state(network)
        given: dict[str, Any] = {
            "name": "fox-v1",
            "category": "fox",
            "task": "classify",
            "cut": "pool1",
        } | changes
        name: Any = given.pop("name")
        module: Any = given.pop("module") if "module" in changes else make_model(5)
        with pytest.raises(error, match=message):
            network.add_teacher(name, module, **given)
        assert state(network) == before


class TestBuilding:
    def test_parts(self) -> None:
        network = legonet.Network("zoo", (1, 16, 16), mean=(0.5,), std=[0.25])
        network.add_category("cat", "House cat")
        network.add_category("dog")
        network.add_task("classify", {"kind": "binary"}, {"kernel": 1})
        network.connect("cat", "classify", {"depth": 2, "method": {"name": "closed-form", "draws": 8}})
        graph = network.graph
        assert graph.input.shape == (1, 16, 16)
        assert graph.input.mean == (0.5,)
        assert graph.categories["cat"].label == "House cat"
        assert graph.tasks["classify"].adapter.kernel == 1
        assert graph.adapters["cat:classify"].depth == 2
        assert [(edge.path, edge.action) for edge in network.plan()] == [
            ("cat:classify", "open"),
            ("dog:classify", "open"),
        ]
        network.add_category("cat", "Cat")
        assert network.graph.categories["cat"].label == "Cat"

    def test_a_plan_tells_of_statistics_of_one_side(
        self, make_model: Callable[..., nn.Sequential], images: torch.Tensor
    ) -> None:
        network = legonet.Network("zoo", (3, 8, 8))
        for seed, shift in ((0, 0.0), (1, 50.0)):
            model = make_model(seed)
            with torch.no_grad():
                model[-1].get_parameter("bias").add_(shift)
            name = f"animal-{seed}"
            network.add_teacher(f"{name}-v1", model, category=name, task="t", cut="pool1", images=images)
        (note,) = network.plan().notes
        assert note.startswith("animal-1-v1: its statistics are of images that it calls positive alone")
        assert f"! {note}" in str(network.plan())

    def test_connect_takes_the_adapter_of_the_task(self, network: Network) -> None:
        network.add_task("mark", {"kind": "mask"}, {"kernel": 5, "activation": "none"})
        network.connect("dog", "mark")
        spec = network.graph.adapters["dog:mark"]
        assert (spec.kernel, spec.activation) == (5, "none")

    def test_connect_by_keywords_changes_nothing_else(self, network: Network) -> None:
        network.add_task("mark", {"kind": "mask"}, {"kernel": 5, "activation": "none"})
        network.connect("dog", "mark", method="closed-form")
        spec = network.graph.adapters["dog:mark"]
        assert (spec.method, spec.kernel, spec.activation) == ("closed-form", 5, "none")
        network.connect("dog", "mark", kernel=1, depth=2, seed=7, method={"name": "closed-form", "draws": 4})
        spec = network.graph.adapters["dog:mark"]
        assert (spec.settings.name, spec.kernel, spec.depth, spec.seed, spec.activation) == (
            "closed-form",
            1,
            2,
            7,
            "none",
        )
        network.connect("dog", "mark", {"kernel": 3}, method="ordinary")
        spec = network.graph.adapters["dog:mark"]
        assert (spec.method, spec.kernel, spec.depth, spec.activation) == ("ordinary", 3, 1, None)
        network.connect("dog", "classify", method="closed-form")
        assert network.plan().by_path["dog:classify"].method == "closed-form"
        with pytest.raises(GraphError, match="Did you mean 'closed-form'"):
            network.connect("dog", "mark", method="closed-from")

    def test_connect_changes_the_adapter(self, network: Network, images: torch.Tensor) -> None:
        network.transplant()
        cow = network.lock.adapters["cow:classify"]
        network.connect("dog", "classify", {"kernel": 1, "depth": 3})
        assert [each.path for each in network.transplant().results] == ["dog:classify"]
        assert network.lock.adapters["cow:classify"] == cow
        app = network.compile("dog:classify")
        weights = app.adapters["dog:classify"].parameters()
        assert [tuple(weight.shape[2:]) for weight in weights if weight.ndim == 4] == [(1, 1)] * 3
        assert app(images).isfinite().all()

    @pytest.mark.parametrize(
        ("build", "error", "message"),
        [
            (lambda _: legonet.Network("a b"), GraphError, "Network: name"),
            (lambda _: legonet.Network("zoo", (3, 8)), GraphError, "Network: input.shape"),
            (lambda _: legonet.Network("zoo", (3, 8, 0)), GraphError, "Network: input.shape"),
            (lambda _: legonet.Network("zoo", mean=[0.5]), GraphError, "Network: input.mean: found 1 value"),
            (lambda _: legonet.Network("zoo", std=[0, 1, 1]), GraphError, "Network: input.std"),
            (lambda net: net.add_category("a/b"), GraphError, "zoo: categories"),
            (lambda net: net.add_category("fox", ""), GraphError, "zoo: categories.fox.label"),
            (lambda net: net.add_task("t", {"kind": "binray"}), GraphError, "Did you mean 'binary'"),
            (lambda net: net.add_task("t", {}), GraphError, "zoo: tasks.t.output"),
            (lambda net: net.add_task("t", {"kind": "binary"}, {"kernel": 2}), GraphError, "adapter.kernel"),
            (lambda net: net.connect("dog", "clasify"), SelectError, "Did you mean 'classify'"),
            (lambda net: net.connect("dgo", "classify"), SelectError, "Did you mean 'dog'"),
            (lambda net: net.connect("dog", "classify", {"kernle": 1}), GraphError, "Did you mean 'kernel'"),
            (lambda net: net.connect("cat", "classify"), GraphError, "the teacher cat-v1 gives both modules"),
            (lambda net: net.teacher("cat"), SelectError, "no teacher 'cat'; .* Did you mean 'cat-v1'"),
            (lambda net: net.record("cat-v1", lambda _: None), SelectError, "is in memory"),
            (lambda net: net.unadapted("pets"), SelectError, "'pets': not a path"),
            (lambda net: net.edge("pets"), SelectError, "'pets': not a path"),
        ],
    )
    def test_refusals(
        self, network: Network, build: Callable[[Network], Any], error: type[Exception], message: str
    ) -> None:
        before = state(network)
        with pytest.raises(error, match=message):
            build(network)
        assert state(network) == before

    def test_an_edge_joins_the_category_to_the_generic_task_module(
        self, network: Network, images: torch.Tensor
    ) -> None:
        dog, own, generic = (
            network.edge("dog:classify"),
            network.teacher("dog-v1"),
            network.teacher("cat-v1"),
        )
        features = dog.category_module((images - 0.5) / 0.25)
        assert tuple(features.shape[1:]) == dog.source == dog.target
        assert torch.equal(dog.teacher_module(features), own(images))
        assert torch.equal(dog.task_module(features), nn.Sequential(*list(generic.children())[2:])(features))
        native = network.edge("cat:classify")
        assert torch.equal(native.task_module(features), native.teacher_module(features))

    def test_modules_of_other_shapes_have_no_unadapted_path(
        self, network: Network, make_model: Callable[..., nn.Module]
    ) -> None:
        model = make_model(0)
        model.conv1_1, model.conv2_1 = nn.Conv2d(3, 7, 3, padding=1), nn.Conv2d(7, 6, 3, padding=1)
        network.add_teacher("fox-v1", model, category="fox", task="classify", cut="pool1")
        with pytest.raises(SelectError, match=r"fox:classify: task module.*without an adapter"):
            network.unadapted("fox:classify")
        network.transplant()
        assert network.compile("fox:classify")(torch.rand(1, 3, 8, 8)).shape == (1, 1)


class TestFiles:
    def test_load(self, graph_file: Any, images: torch.Tensor) -> None:
        network = legonet.load(graph_file)
        assert network.path == graph_file
        assert legonet.load(str(graph_file)).graph == network.graph
        assert [edge.action for edge in network.plan()] == ["native", "keep", "keep"]
        assert network.compile("dog:classify")(images).shape == (12, 1)

    def test_a_change_of_the_working_folder(
        self, graph_file: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        monkeypatch.chdir(graph_file.parent)
        network = legonet.load(graph_file.name)
        monkeypatch.chdir(tmp_path)
        assert len(network.compile().paths) == 3

    def test_record(self, graph_file: Any, images: torch.Tensor) -> None:
        network = legonet.load(graph_file)
        asked: list[str] = []

        def owner(category: str) -> torch.Tensor:
            asked.append(category)
            return images

        path, count = network.record("dog-v1", owner)
        assert (path.name, count, asked) == ("dog-v1.statistics.safetensors", 12, ["dog"])
        changed = {edge.path: edge.reason for edge in network.plan().changes}
        assert list(changed) == ["dog:classify"]
        assert changed["dog:classify"].startswith("statistics changed from none to ")
        network.transplant()
        assert not legonet.load(graph_file).plan().changes

    @pytest.mark.parametrize("file", ["zoo.svg", "zoo.dot", "zoo.mmd"])
    def test_render(self, graph_file: Any, file: str) -> None:
        picture = legonet.load(graph_file).render(graph_file.with_name(file))
        assert b"dog" in picture.read_bytes()

    def test_missing_weights(self, graph_file: Any) -> None:
        (graph_file.parent / "teachers" / "dog-v1.safetensors").unlink()
        with pytest.raises(
            TeacherError, match=r"teachers\.dog-v1\.weights: .*dog-v1\.safetensors: no such file"
        ):
            legonet.load(graph_file).plan()

    def test_a_broken_lock_file(self, graph_file: Any) -> None:
        lock_path(graph_file).write_text("{")
        with pytest.raises(GraphError, match=r"zoo\.lock\.json"):
            legonet.load(graph_file)

    def test_without_a_lock_file_everything_is_new(self, graph_file: Any) -> None:
        text = lock_path(graph_file).read_bytes()
        lock_path(graph_file).unlink()
        network = legonet.load(graph_file)
        assert [edge.action for edge in network.plan()] == ["native", "add", "add"]
        network.transplant()
        assert lock_path(graph_file).read_bytes() == text


def test_an_edge_looks_at_nothing_else(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("another teacher's files")

    monkeypatch.setitem(network._sources, "cow-v1", type("Refuses", (), {"locked": refuse})())
    edge = network.edge("dog:classify")
    assert edge.path == "dog:classify"
    assert network.unadapted("dog:classify").paths[0].name == "dog:classify"
    with pytest.raises(AssertionError):
        network.plan()


def test_what_it_is_in_a_line(network: Network) -> None:
    assert repr(network) == "<Network zoo: 3 categories, 1 task, 3 teachers; in memory>"
