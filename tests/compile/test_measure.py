"""Groups are taken where they are measured to be faster, and measured once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

import legonet
from benchmarks.compile import Zoo, images, make_zoo
from legonet.compile import measure
from legonet.compile.grouping_cache import GroupingCache
from legonet.compile.network import CompiledNetwork
from legonet.compile.options import CompileOptions
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    from legonet.network import Network

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def zoo() -> Zoo:
    return make_zoo(3, ("classify",))


def groups(app: CompiledNetwork) -> list[tuple[str, ...]]:
    return [call.bricks for call in app.program.calls if call.is_group]


@pytest.mark.parametrize(("found", "count"), [(0.5, 2), (0.97, 0), (2.0, 0)])
def test_a_group_is_taken_where_it_pays(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch, found: float, count: int
) -> None:
    monkeypatch.setattr(measure, "ratio", lambda reference, candidate, device: found)
    app = zoo.compiled(options=CompileOptions(grouping_cache=GroupingCache()))
    assert len(groups(app)) == count  # of categories, and of their adapters
    plain = zoo.compiled(options=CompileOptions("none"))
    for path, value in plain.by_path(images(2)).items():
        torch.testing.assert_close(app.by_path(images(2))[path], value, rtol=1e-4, atol=1e-5)


def test_what_is_timed_computes_the_same(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    def compare(reference: object, candidate: object, device: torch.device) -> float:
        many, one = reference(), candidate()  # type: ignore[operator]
        torch.testing.assert_close(torch.cat(many, 1), one, rtol=1e-4, atol=1e-5)
        compared.append(len(many))
        return 0.5

    compared: list[int] = []
    monkeypatch.setattr(measure, "ratio", compare)
    zoo.compiled(options=CompileOptions(grouping_cache=GroupingCache()))
    assert compared == [3, 2]


def test_it_is_measured_once(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    known = GroupingCache()
    first = zoo.compiled(options=CompileOptions(grouping_cache=known))
    monkeypatch.delattr(measure, "ratio")
    assert groups(zoo.compiled(options=CompileOptions(grouping_cache=known))) == groups(first)
    assert len(groups(zoo.compiled(options=CompileOptions(grouping="rule")))) == 2
    with pytest.raises(NameError):  # of another format the time is another one
        zoo.compiled(options=CompileOptions(memory_format="contiguous", grouping_cache=known))


def test_a_workspace_remembers(graph_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = legonet.load(graph_file).compile()
    kept = Workspace.find(graph_file).found_out("grouping.json")
    assert kept is not None
    assert kept.is_file()
    assert not kept.is_relative_to(graph_file.parents[1])
    monkeypatch.delattr(measure, "ratio")
    assert legonet.load(graph_file).compile().program == first.program


def test_a_network_in_memory_remembers(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    network.transplant()
    first = network.compile()
    monkeypatch.delattr(measure, "ratio")
    assert network.compile().program == first.program


def test_ratio() -> None:
    def wait(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    assert measure.ratio(lambda: wait(0.001), lambda: wait(0.004), CPU) > measure.CLEAR
    assert measure.ratio(lambda: wait(0.004), lambda: wait(0.001), CPU) < 1 / measure.CLEAR
