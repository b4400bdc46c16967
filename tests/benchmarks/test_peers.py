"""What people would do instead: each peer on the animals, briefly."""

import copy

import pytest
import torch
from torch import Tensor, nn

from benchmarks.peers import PEERS, amalgamation, stitching, tuning
from benchmarks.peers.run import Row, table
from benchmarks.peers.setting import ORDER, Setting, bytes_of
from benchmarks.peers.zipping import zipped
from benchmarks.teacher_training import normalise


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (amalgamation, stitching):
        monkeypatch.setattr(each, "STEPS", 3)
    for what, (_, rate) in tuning.HOW.items():
        monkeypatch.setitem(tuning.HOW, what, (3, rate))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("peer", [each for each in PEERS if "legonet" not in each.name], ids=lambda x: x.name)
def test_each_gives_a_score_for_each_category(peer, images: Tensor) -> None:
    whole = peer.make(Setting()).eval()
    scores = whole(images)
    assert scores.shape == (4, len(ORDER))
    assert not scores.requires_grad
    assert scores.std() > 0


def test_what_is_shared_counts_once() -> None:
    made = (bytes_of(make(Setting())) for make in (tuning.tuned, tuning.low_rank, tuning.biases))
    copies, added, biases = made
    f, g = Setting().halves("dog")
    own = sum(4 * each.numel() for each in f.parameters()), sum(4 * each.numel() for each in g.parameters())
    assert copies == len(ORDER) * sum(own)
    assert len(ORDER) * own[0] + own[1] < biases < added < copies


def test_low_rank_begins_with_the_module_itself(images: Tensor) -> None:
    setting = Setting()
    f, g = setting.halves("dog")
    own = copy.deepcopy(g)
    layer = own[1]
    assert isinstance(layer, nn.Conv2d)
    nn.utils.parametrize.register_parametrization(layer, "weight", tuning._LowRank(layer.weight))
    assert torch.equal(own(f(images)), g(f(images)))


class Permuted(Setting):
    """One teacher, five times, its hidden units in another order each."""

    def halves(self, category: str) -> tuple[nn.Sequential, nn.Sequential]:
        f, g = super().halves("dog")
        generator = torch.Generator().manual_seed(ORDER.index(category))
        convs = [each for each in f if isinstance(each, nn.Conv2d)]
        first = g[1]
        assert isinstance(first, nn.Conv2d)
        for below, above in zip(convs, [*convs[1:], first], strict=True):
            order = torch.randperm(below.out_channels, generator=generator)
            below.weight.data, above.weight.data = below.weight[order].clone(), above.weight[:, order].clone()
            assert below.bias is not None
            below.bias.data = below.bias[order].clone()
        return f, g


def test_models_that_differ_by_order_are_zipped_exactly(images: Tensor) -> None:
    scores = zipped(Permuted())(images)
    expected = Setting().teacher("dog")(normalise(images))
    torch.testing.assert_close(scores, expected.expand_as(scores), rtol=1e-3, atol=1e-3)


def test_a_table_has_means_and_spreads() -> None:
    rows = [
        Row("one", 100, 0, seed, dict.fromkeys(ORDER, 1.0) | {"cat": 5.0 + 4 * seed}, 2.0, 2048, 0.5)
        for seed in range(2)
    ]
    assert table(rows).splitlines()[-1] == "| one | 100 labelled | 2.5 ± 0.7 % | 1.0 % | 2 | 2 | 0.50 x |"
