"""Models cut where several maps cross: taken in, joined, kept in files, compiled, exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import legonet
from legonet.blocks.adapter import build_adapter_of, chains_of, convolutions
from legonet.compile.export import export as export_network
from legonet.distill.least_squares import Draw, solve_adapter
from legonet.distill.pullback import Pullback
from legonet.distill.synthesis.from_statistics import recoloured, synthesise
from legonet.errors import LegonetError, TeacherError
from legonet.graph.schema import Adapter
from legonet.ir.graph import graph_from_data
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.rows import in_a_row, taken_apart
from legonet.ir.several import maps_given, maps_taken
from legonet.ir.split import Cut
from legonet.network import Network
from legonet.teachers.cut_points import at_fraction, list_cut_points
from legonet.teachers.cutting import resolve
from legonet.teachers.statistics import record
from legonet.teachers.statistics_file import dump_statistics, parse_statistics
from legonet.teachers.tracing.export import export

SHAPE = (3, 16, 16)
MAPS = ((4, 16, 16), (6, 8, 8), (8, 4, 4))


def _conv(source: int, target: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(source, target, 3, padding=1), nn.ReLU())


class UNet(nn.Module):
    """Skips of two sizes; with them all that crosses behind `low` are three maps."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.high, self.mid, self.low = _conv(3, 4), _conv(4, 6), _conv(6, 8)
        self.up2, self.up1, self.head = _conv(14, 6), _conv(10, 4), nn.Conv2d(4, 1, 1)
        generator = torch.Generator().manual_seed(seed)
        for each in self.modules():
            if isinstance(each, nn.Conv2d) and each.bias is not None:
                nn.init.kaiming_normal_(each.weight, nonlinearity="relu", generator=generator)
                nn.init.zeros_(each.bias)

    def forward(self, images: Tensor) -> Tensor:
        high = self.high(images)
        mid = self.mid(functional.max_pool2d(high, 2))
        low = self.low(functional.max_pool2d(mid, 2))
        x = self.up2(torch.cat([functional.interpolate(low, scale_factor=2.0), mid], 1))
        return self.head(self.up1(torch.cat([functional.interpolate(x, scale_factor=2.0), high], 1)))


def reordered(model: UNet) -> UNet:
    """The same function, but for the order of channels in all three maps."""
    other, orders = UNet(), [torch.randperm(n, generator=torch.Generator().manual_seed(n)) for n in (4, 6, 8)]
    other.load_state_dict(model.state_dict())
    high, mid, low = orders
    with torch.no_grad():
        for name, rows, columns in (("high", high, None), ("mid", mid, high), ("low", low, mid)):
            weight = getattr(model, name)[0].weight[rows]
            getattr(other, name)[0].weight.copy_(weight if columns is None else weight[:, columns])
        for name, (upper, skip) in {"up2": (low, mid), "up1": (torch.arange(6), high)}.items():
            order = torch.cat([upper, skip + len(upper)])
            getattr(other, name)[0].weight.copy_(getattr(model, name)[0].weight[:, order])
    return other


class Pyramid(nn.Module):
    """Levels of a feature pyramid, a head on each, a vector and tokens beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = _conv(3, 4), _conv(4, 4), nn.Conv2d(4, 5, 1)
        self.tokens, self.vector = nn.Linear(4, 5), nn.Linear(4, 5)

    def forward(self, images: Tensor) -> Tensor:
        a = self.a(functional.max_pool2d(images, 2))
        b = self.b(functional.max_pool2d(a, 2))
        tokens, vector = b.flatten(2).transpose(1, 2), b.mean((2, 3))
        levels = [self.head(each).flatten(2).mean(2) for each in (a, b)]
        return torch.stack([*levels, self.tokens(tokens).mean(1), self.vector(vector)]).sum(0)


class Image(nn.Module):
    """The image itself crosses everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(6, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.b(torch.cat([self.a(images), images], 1))


def parts_of(model: nn.Module, cut: str) -> tuple[Cut, GraphModule, GraphModule]:
    found = export(model.eval(), SHAPE)
    made = resolve(found.graph, cut, SHAPE, "teacher")
    f, g = (build_graph(part) for part in made.parts)
    for part in (f, g):
        part.load_state_dict({name: model.state_dict()[name] for name in part.graph.tensors})
    return made, f, g


def test_what_crosses_is_one_row_and_the_whole_gives_the_same_bits() -> None:
    model = UNet()
    cut, f, g = parts_of(model, "low")
    assert maps_given(f.graph) == maps_taken(g.graph) == MAPS
    for graph in (f.graph, g.graph):  # as files keep them
        read = graph_from_data(graph.data())
        assert (maps_given(read), maps_taken(read)) == (maps_given(graph), maps_taken(graph))
    images = torch.randn(2, *SHAPE)
    with torch.no_grad():
        row = f(images)
        assert row.shape == (2, 4 * 256 + 6 * 64 + 8 * 16)
        assert torch.equal(g(row), model(images))
        high, mid, low = taken_apart(row, MAPS)
        assert torch.equal(high, model.high(images))
        assert low.shape == (2, 8, 4, 4)
        assert torch.equal(mid, model.mid(functional.max_pool2d(high, 2)))
    assert torch.equal(in_a_row([high, mid, low], MAPS), row)
    assert cut.note.startswith("3 tensors cross at 'low': high, mid, low; each has an adapter of its own")


def test_tokens_and_vectors_cross_beside_maps() -> None:
    model = Pyramid()
    _, f, g = parts_of(model, "mean_1")
    assert maps_given(f.graph) == ((4, 8, 8), (4, 4, 4), (4, 4, 4), (4, 1, 1))
    images = torch.randn(3, *SHAPE)
    with torch.no_grad():
        # Rounding: tokens of a row lie elsewhere in memory than the model's own.
        torch.testing.assert_close(g(f(images)), model(images), rtol=1e-6, atol=1e-6)


def test_the_image_itself_is_nothing_to_adapt() -> None:
    with pytest.raises(TeacherError, match=r"2 tensors cross at 'a': input, a; .* one tensor crosses"):
        parts_of(Image(), "a")


def test_places_of_several_maps_are_listed_where_others_are_far() -> None:
    graph = export(UNet().eval(), SHAPE).graph
    found = {cut.module: cut for cut in list_cut_points(graph, SHAPE)}
    assert found["low"].several == MAPS
    assert not found["high"].several
    place, note = at_fraction(graph, SHAPE, 0.3, "teacher")
    assert found[place].several
    assert not note


def test_the_closed_form_finds_each_maps_order_in_float64() -> None:
    model = UNet(1)
    _, _, teacher = parts_of(reordered(model), "low")
    cut, _, student = parts_of(model, "low")
    shape = cut.shape(SHAPE)
    adapter = build_adapter_of(Adapter(kernel=3, activation="none"), MAPS, MAPS).double()
    pulls = Pullback(student.double(), shape), Pullback(teacher.double(), shape)
    generator = torch.Generator().manual_seed(0)

    def draw(count: int) -> Draw:
        gradient = torch.rand(count, 1, 16, 16, generator=generator, dtype=torch.float64) * 2 - 1
        masks = [
            (torch.rand(count, *each, generator=generator) < 0.5).double() for each in pulls[0].relu_shapes
        ]
        return Draw(gradient, masks)

    assert solve_adapter(adapter, pulls[0], pulls[1], draw, 64, [0.0]).residual < 1e-9
    for chain, count in zip(chains_of(adapter), (4, 6, 8), strict=True):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(count))
        weight = convolutions(chain)[0].weight
        middle = torch.zeros_like(weight)
        middle[order, torch.arange(count), 1, 1] = 1
        torch.testing.assert_close(weight, middle, rtol=0, atol=1e-8)


def test_pullbacks_through_a_row_are_autograds() -> None:
    model = UNet(1)
    cut, _, g = parts_of(model, "low")
    shape = cut.shape(SHAPE)
    linear = replace(g.graph, steps={
        name: replace(step, function="alias") if step.function == "relu" else step
        for name, step in g.graph.steps.items()
    })  # fmt: skip
    module = build_graph(linear).double()
    module.load_state_dict(g.state_dict())
    row = torch.randn(2, *shape, dtype=torch.float64, requires_grad=True)
    seed = torch.randn(2, 1, 16, 16, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(module(row), row, seed)
    torch.testing.assert_close(Pullback(g.double(), shape)(seed), wanted)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("method", ["closed-form", "auto", "back-distillation"])
def test_two_teachers_are_joined_without_an_image(method: str, tmp_path: Path) -> None:
    model = UNet(1)
    other = reordered(model)
    images = torch.rand(8, *SHAPE)
    network = Network("zoo", input_shape=SHAPE)
    network.add_task("segment", {"kind": "mask"})
    for name, each in {"cat": model, "dog": other}.items():
        network.add_teacher(name, each, category=name, task="segment", cut="low")
    descends = method == "back-distillation"
    settings = {"name": method} | ({"steps": 200, "learning_rate": 0.03} if descends else {})
    network.connect("dog", "segment", {"kernel": 1, "activation": "none", "method": settings})
    (result,) = network.transplant().results
    assert result.quality["residual"] < (0.5 if descends else 1e-4)
    with torch.no_grad():
        found, wanted = network.compile("dog:segment")(images), other(images)
    if not descends:
        assert float((found - wanted).std() / wanted.std()) < 1e-4
    path = network.save(tmp_path / "zoo.yaml")
    again = legonet.load(path)
    assert {edge.action for edge in again.plan()} == {"native", "keep"}
    app = again.compile("dog:segment", "cat:segment", passes="none", memory_format="contiguous")
    with torch.no_grad():
        assert torch.equal(app(images)["cat:segment"], model(images))
        torch.testing.assert_close(app(images)["dog:segment"], found)


@pytest.mark.usefixtures("quick")
def test_a_folder_of_python_has_the_row(tmp_path: Path) -> None:
    model = UNet(1)
    network = Network("zoo", input_shape=SHAPE)
    for name, each in {"cat": model, "dog": reordered(model)}.items():
        network.add_teacher(name, each, category=name, task="segment", cut="low")
    network.connect("dog", "segment", {"method": "closed-form"})
    network.transplant()
    assert export_network(network.compile("dog:segment", "cat:segment"), tmp_path / "zoo").difference < 1e-6


def test_what_does_not_fit_is_told() -> None:
    network = Network("zoo", input_shape=SHAPE)
    network.add_teacher("cat", UNet(1), category="cat", task="segment", cut="low")
    network.add_teacher("dog", UNet(2), category="dog", task="segment", cut="high")
    with pytest.raises(LegonetError, match=r"expected as many.* cut both"):
        network.transplant()


def test_teachers_that_no_bridge_joins_are_refused_when_they_are_added() -> None:
    network = Network("zoo", input_shape=SHAPE)
    network.add_teacher("cat-a", UNet(1), category="cat", task="segment", cut="low")
    words = (
        "teachers.cat-b: .* differs from that of cat-a, "
        "and 3 maps cross at 'low' of cat-b; .*--on-conflict variant"
    )
    with pytest.raises(TeacherError, match=words):
        network.add_teacher("cat-b", UNet(2), category="cat", task="mark", cut="low")
    assert list(network.graph.teachers) == ["cat-a"]
    with pytest.raises(TeacherError, match="3 maps cross at 'low' of cat-a"):
        network.add_teacher("cat-b", UNet(2), category="cat", task="mark", cut="high")
    network.add_teacher("cat-b", UNet(2), category="cat", task="mark", cut="low", on_conflict="variant")
    assert list(network.graph.categories) == ["cat", "cat@2"]
    assert network.plan().by_path["cat@2:mark"].action == "native"


def test_in_a_file_they_are_refused_before_anything_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network("zoo", input_shape=SHAPE)
    network.add_teacher("dog", UNet(0), category="dog", task="mark", cut="low")
    network.add_teacher("cat-a", UNet(1), category="cat", task="segment", cut="low")
    monkeypatch.setattr("legonet.teachers.arrival.expect_bridge", lambda *_: None)  # a file is not added to
    network.add_teacher("cat-b", UNet(2), category="cat", task="mark", cut="low")
    network.connect("dog", "segment")
    done: list[str] = []
    with pytest.raises(LegonetError, match=r"cat:mark: .* one map .*variant"):
        network.transplant(progress=lambda each: done.append(each.path))
    assert done == []


def test_statistics_of_rows(tmp_path: Path) -> None:
    _, f, g = parts_of(UNet(1), "low")
    images = torch.rand(64, *SHAPE)
    found = record(f, g, images.split(16), 10**6)
    assert found.maps == MAPS
    assert found.quantiles.shape[0] == 18
    with torch.no_grad():
        row = f(images)
    torch.testing.assert_close(found.mean, row.mean(0))
    spread = torch.cat([
        (each - each.mean(0)).square().mean((0, 2, 3)) for each in taken_apart(row, MAPS)
    ])  # fmt: skip
    torch.testing.assert_close(found.variance, spread, rtol=1e-3, atol=1e-6)
    read = parse_statistics(dump_statistics(found), "file")
    assert read.maps == MAPS
    drawn = synthesise(read, 32, torch.Generator().manual_seed(0))
    assert drawn.shape == (32, row.shape[1])
    for drawn_map, real in zip(taken_apart(drawn, MAPS), taken_apart(row, MAPS), strict=True):
        mean = real.mean((0, 2, 3))
        assert float((drawn_map.mean((0, 2, 3)) - mean).abs().max()) < 0.1 * float(mean.max()) + 0.05
    assert recoloured(row, read).shape == row.shape
    damaged = dump_statistics(replace(found, maps=((4, 16, 16), (6, 8, 8), (8, 4, 5))))
    with pytest.raises(TeacherError, match="not a statistics file"):
        parse_statistics(damaged, "file")


def test_a_fit_with_statistics_and_images(tmp_path: Path) -> None:
    model = UNet(1)
    other = reordered(model)
    images = torch.rand(24, *SHAPE)
    network = Network("zoo", input_shape=SHAPE)
    for name, each in {"cat": model, "dog": other}.items():
        network.add_teacher(name, each, category=name, task="segment", cut="low", images=images)
    (result,) = network.transplant(samples={"dog:segment": (images, None)}).results
    assert result.quality["agreement"] > 0.99
