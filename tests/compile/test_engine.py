"""Recorded calls: what is replayed is what would be computed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from benchmarks.compile import images, make_zoo
from legonet.compile.engine import MOST, Compute, Recording, Replays, Values
from legonet.compile.options import CompileOptions

recorded: list[tuple[int, ...]] = []


def record(compute: Compute, given: Values) -> Recording:
    """As a CUDA graph is recorded: the same tensors are read and written each time."""
    static = {name: torch.full_like(each, float("nan")) for name, each in given.items()}
    outputs = {path: torch.empty_like(each) for path, each in compute(given).items()}
    recorded.append(tuple(given["images"].shape))

    def replay() -> None:
        for path, value in compute(static).items():
            outputs[path].copy_(value)

    return Recording(static, outputs, replay)


def twice(given: Values) -> Values:
    return {"a:t": given["images"] * 2}


@pytest.fixture
def replays() -> Replays:
    recorded.clear()
    return Replays(twice, lambda: True, record)


def test_each_shape_is_recorded_once(replays: Replays) -> None:
    for size in (1, 2, 1, 2):
        found = replays({"images": torch.full((size,), float(size))})
        assert torch.equal(found["a:t"], torch.full((size,), 2.0 * size))
    assert recorded == [(1,), (2,)]


def test_outputs_are_the_callers_own(replays: Replays) -> None:
    first = replays({"images": torch.ones(1)})["a:t"]
    replays({"images": torch.zeros(1)})
    assert first.item() == 2


def test_the_least_used_recording_goes(replays: Replays) -> None:
    for size in (*range(1, MOST + 1), 1, MOST + 1, 1, 2):
        replays({"images": torch.ones(size)})
    assert recorded == [(size,) for size in (*range(1, MOST + 2), 2)]


def test_inference_mode_and_others_mix(replays: Replays) -> None:
    with torch.inference_mode():
        replays({"images": torch.ones(1)})
    with torch.no_grad():
        assert replays({"images": torch.ones(1)})["a:t"].item() == 2


def test_where_gradients_are_wanted_nothing_is_recorded(replays: Replays) -> None:
    given = torch.ones(1, requires_grad=True)
    replays({"images": given})["a:t"].sum().backward()
    assert given.grad is not None
    assert recorded == []
    trained = Replays(twice, lambda: False, record)
    trained({"images": torch.ones(1)})
    assert recorded == []
    with torch.no_grad():
        trained({"images": torch.ones(1)})
    assert recorded == [(1,)]


def test_threads(replays: Replays) -> None:
    def run(number: int) -> Tensor:
        return replays({"images": torch.full((1000,), float(number))})["a:t"]

    with ThreadPoolExecutor(4) as pool:
        for number, found in enumerate(pool.map(run, range(40))):
            assert torch.equal(found, torch.full((1000,), 2.0 * number))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_cuda_graphs() -> None:
    zoo = make_zoo(3)
    wanted = make_zoo(3).compiled(options=CompileOptions("none", device="cuda"))
    app = zoo.compiled(options=CompileOptions(device="cuda", cuda_graphs=True))
    app.warm_up(1, 4)
    for size in (1, 4, 1):
        given = images(size).cuda()
        for path, value in wanted.by_path(given).items():
            torch.testing.assert_close(app.by_path(given)[path], value, rtol=1e-3, atol=1e-3)
