"""What holds for any network, any choice of paths and any set of passes."""

from __future__ import annotations

import copy
import io
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from legonet.compile.assemble import join
from legonet.compile.grouping_cache import GroupingCache
from legonet.compile.network import CompiledNetwork
from legonet.compile.options import CompileOptions
from legonet.compile.passes import PASSES, TOLERANCE
from tests.compile.modules import SHAPE, Parts, parts

FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
MANY = settings(FEW, max_examples=50)
some_passes = st.one_of(
    st.sampled_from(["all", "exact", "training"]), st.lists(st.sampled_from(list(PASSES)), unique=True)
)
formats = st.sampled_from(["contiguous", "channels-last"])
devices = st.sampled_from([("cpu",), ("cpu", "cpu"), ("cpu", "cpu", "cpu")])


class Drawn(GroupingCache):
    """As if groups had been measured, with any outcome."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    def get(self, key: str) -> bool:
        return self._random.random() < 0.5


grouping_cache = st.builds(Drawn, st.integers(0, 9))


def joined(made: Parts, options: CompileOptions) -> CompiledNetwork:
    copied = copy.deepcopy(made)  # layers keep a memory format
    return join(copied.paths, copied.input, copied.categories, copied.adapters, copied.tasks, options, SHAPE)


def run(app: nn.Module, images: Tensor, made: Parts) -> dict[str, Tensor]:
    output = app(images)
    return {made.paths[0].name: output} if isinstance(output, Tensor) else output


def expect_close(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert list(found) == list(wanted)
    for path, value in wanted.items():
        assert found[path].shape == value.shape
        largest = max(1.0, float(value.abs().max()))
        assert float((found[path] - value).abs().max()) <= TOLERANCE * largest, path


def images(batch: int = 2) -> Tensor:
    return torch.rand(batch, *SHAPE, generator=torch.Generator().manual_seed(1))


@MANY
@given(parts(), some_passes, formats, st.sampled_from([1, 3]), devices, grouping_cache)
def test_any_passes_give_what_the_modules_give(
    made: Parts,
    passes: str | list[str],
    memory_format: str,
    batch: int,
    device: tuple[str, ...],
    measured: Drawn,
) -> None:
    options = CompileOptions(passes, device=device, memory_format=memory_format, grouping_cache=measured)
    app = joined(made, options)
    expect_close(run(app, images(batch), made), made.naive(images(batch)))


@FEW
@given(parts(), st.sampled_from(["none", "exact"]))
def test_exact_passes_keep_every_bit(made: Parts, passes: str) -> None:
    app = joined(made, CompileOptions(passes, memory_format="contiguous"))
    for path, value in made.naive(images()).items():
        assert torch.equal(run(app, images(), made)[path], value)


@FEW
@given(parts(), some_passes)
def test_no_pass_writes_to_a_shared_module(made: Parts, passes: str | list[str]) -> None:
    modules = nn.ModuleList([*made.categories.values(), *made.adapters.values(), *made.tasks.values()])
    before = copy.deepcopy(modules.state_dict())
    app = join(
        made.paths,
        made.input,
        made.categories,
        made.adapters,
        made.tasks,
        CompileOptions(passes, memory_format="contiguous"),
    )
    app(images())
    after = modules.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@FEW
@given(parts(), some_passes)
def test_in_training_mode_only_adapters_change_mode(made: Parts, passes: str | list[str]) -> None:
    app = joined(made, CompileOptions(passes))
    app.train()
    assert app.training
    expect_close(run(app, images(), made), made.naive(images()))
    assert not any(each.training for each in app.tasks.modules())
    assert not app.eval().training


@FEW
@given(parts())
def test_gradients_reach_adapters(made: Parts) -> None:
    app = joined(made, CompileOptions("training"))
    copied = copy.deepcopy(made)
    for adapter in (app.adapters, *copied.adapters.values()):
        adapter.requires_grad_(True)
    if not copied.adapters:
        return
    for outputs in (run(app, images(), made), copied.naive(images())):
        sum(each.square().sum() for each in outputs.values()).backward()  # type: ignore[union-attr]
    expected = {
        f"{path}.{name}": each.grad
        for path, adapter in copied.adapters.items()
        for name, each in adapter.named_parameters()
    }
    found = dict(app.adapters.named_parameters())
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name].grad, gradient, rtol=1e-3, atol=1e-4)


@FEW
@given(parts(), some_passes)
def test_copies(made: Parts, passes: str | list[str]) -> None:
    app = joined(made, CompileOptions(passes))
    output = run(app, images(), made)
    pickled = [pickle.loads(pickle.dumps(app, each)) for each in range(pickle.HIGHEST_PROTOCOL + 1)]
    saved = io.BytesIO()
    torch.save(app.state_dict(), saved)
    saved.seek(0)
    empty = copy.deepcopy(app)
    for each in empty.state_dict().values():
        each.zero_()
    empty.load_state_dict(torch.load(saved, weights_only=True))
    for twin in (copy.deepcopy(app), *pickled, empty):
        for path, value in run(twin, images(), made).items():
            assert torch.equal(value, output[path])


@settings(FEW, max_examples=5)
@given(parts())
def test_threads(made: Parts) -> None:
    app = joined(made, CompileOptions())
    batches = [images(number) for number in range(1, 9)]
    expected = [run(app, each, made) for each in batches]
    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(lambda each: run(app, each, made), batches), expected, strict=True):
            expect_close(found, wanted)


@FEW
@given(parts(), some_passes)
def test_images_by_category(made: Parts, passes: str | list[str]) -> None:
    app = joined(made, CompileOptions(passes, separate_inputs=True))
    given = {name: images(number + 1) + number for number, name in enumerate(made.categories)}
    output = app(given)
    found = {made.paths[0].name: output} if isinstance(output, Tensor) else output
    wanted = {
        path.name: replace(made, paths=(path,)).naive(given[path.category])[path.name] for path in made.paths
    }
    expect_close(found, wanted)
