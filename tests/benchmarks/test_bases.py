from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.bases import DROPPED, NARROWER, different_bases
from benchmarks.teacher_training import initial, plain
from benchmarks.train_teachers import CLASSIFY, Task, save_state
from legonet.distill.alignment import align
from legonet.distill.pullback import Pullback
from legonet.ir.lowering import lower
from legonet.ir.sizes import output_shape
from legonet.network import Network
from legonet.store.blobs import MemoryStore
from legonet.store.workspace import shipped_folder


@pytest.fixture(scope="module")
def network() -> Network:
    network = Network.load(shipped_folder("graphs") / "animals.yaml")
    network.store = MemoryStore()
    return network


def test_reordered_units_compute_the_same_and_are_found_again(network: Network) -> None:
    shipped, other = network.edge("cat:classify"), different_bases(network, "cat", "reordered")
    x = torch.rand(4, *shipped.source)
    torch.testing.assert_close(other.teacher_module(x), shipped.teacher_module(x), rtol=1e-4, atol=1e-4)
    assert shipped.statistics is not None
    assert other.statistics is not None
    found = align(other.teacher_module, shipped.task_module, shipped.source)
    assert found is not None
    first = next(iter(found.module.state_dict()))
    changed, kept = (each.teacher_module.state_dict()[first] for each in (other, shipped))
    assert not torch.equal(changed, kept)
    for name, tensor in found.module.state_dict().items():
        assert torch.equal(tensor, shipped.teacher_module.state_dict()[name])
    for mine, theirs in zip(
        found.reordered(other.statistics.activity), shipped.statistics.activity, strict=True
    ):
        assert torch.equal(mine, theirs)


def test_the_narrower_architecture(network: Network) -> None:
    layers = NARROWER.block.layers or {}
    assert output_shape(lower(layers), (3, 32, 32)) == (1,)
    assert set(CLASSIFY.block.layers or {}) - set(layers) == set(DROPPED)


@pytest.mark.parametrize(
    ("kind", "task", "source"),
    [
        ("initialisation", CLASSIFY, (64, 8, 8)),
        ("architecture", NARROWER, (48, 8, 8)),
    ],
)
def test_teachers_come_from_the_folder_with_statistics_of_their_own(
    network: Network, kind: str, task: Task, source: tuple[int, ...], tmp_path: Path
) -> None:
    net = initial(task.block, 1, torch.Generator().manual_seed(4)).eval()
    save_state(plain(net.state_dict()), tmp_path / kind / "cow-classify.safetensors")
    edge = different_bases(network, "cow", kind, tmp_path)  # type: ignore[arg-type]
    assert edge.source == source
    assert edge.target == (64, 8, 8)
    assert edge.statistics is not None
    assert tuple(edge.statistics.mean.shape) == source
    assert [tuple(each.shape) for each in edge.statistics.activity] == Pullback(
        edge.teacher_module, source
    ).relu_shapes
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(edge.teacher_module(edge.category_module(x)), net(x))
    assert edge.task_module is not edge.teacher_module
