from __future__ import annotations

import json

import pytest
import safetensors.torch
import torch
from torch import nn

from legonet.blocks.build import lowered
from legonet.distill.synthesis.from_statistics import synthesise
from legonet.errors import TeacherError
from legonet.ir.interpreter import GraphModule
from legonet.store.tensors import read_tensors
from legonet.teachers import statistics as statistics_module
from legonet.teachers.statistics import Statistics, record
from legonet.teachers.statistics_file import dump_statistics, parse_statistics

LIMIT = 40_000


def modules() -> tuple[GraphModule, GraphModule]:
    torch.manual_seed(0)
    f = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    g = nn.Sequential(
        nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 5), nn.ReLU(), nn.Linear(5, 2)
    )
    return lowered(f), lowered(g)


def images(count: int = 300) -> torch.Tensor:
    """Smooth random images: neighbouring pixels and channels agree, as in photographs."""
    coarse = torch.randn(count, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    return nn.functional.interpolate(coarse, size=(16, 16), mode="bilinear")


def recorded(limit: int = LIMIT) -> Statistics:
    f, g = modules()
    return record(f, g, images().split(50), limit)


def test_they_are_the_moments_of_the_features() -> None:
    f, g = modules()
    statistics = recorded()
    with torch.no_grad():
        x = f(images())
        y = g(x)
        hidden = nn.functional.conv2d(x, g.tensor("0.weight"), g.tensor("0.bias")).relu()
    assert statistics.images == 300
    assert statistics.norm == pytest.approx(float(x.flatten(1).norm(dim=1).mean()), rel=1e-5)
    torch.testing.assert_close(statistics.mean, x.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(statistics.variance, x.var((0, 2, 3), correction=0), rtol=0.5, atol=0)
    torch.testing.assert_close(statistics.output_mean, y.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(statistics.output_std, y.std(0, correction=0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(statistics.activity[0], (hidden > 0).float().mean(0), rtol=0, atol=1e-5)
    assert [tuple(each.shape) for each in statistics.activity] == [(6, 6, 6), (5,)]


def test_batches_do_not_matter() -> None:
    f, g = modules()
    whole, parts = record(f, g, [images()], LIMIT), recorded()
    torch.testing.assert_close(whole.mean, parts.mean)
    torch.testing.assert_close(whole.activity[0], parts.activity[0])


def test_the_file_keeps_to_its_limit_and_uses_it() -> None:
    for limit in (8_000, 20_000, 60_000):
        size = len(dump_statistics(recorded(limit)))
        assert limit / 3 < size <= limit


def test_a_small_teacher_has_its_means_and_few_factors() -> None:
    """Of a mean no image can be read; the other maps take at most a tenth of what the features would."""
    whole, small = recorded(), recorded(1000)
    torch.testing.assert_close(small.mean, whole.mean)
    maps = small.means.numel() + small.factors.numel()
    assert 0 < maps <= 2 * 300 * small.mean.numel() / 10
    assert len(dump_statistics(small)) < 2**16
    f, g = modules()
    few = record(f, g, [images(5)], 1000)
    assert (len(few.means), len(few.factors)) == (1, 0)
    generator = torch.Generator().manual_seed(0)
    kept = parse_statistics(dump_statistics(few), "cat")
    assert synthesise(kept, 4, generator).isfinite().all()


def test_no_component_shows_a_single_image() -> None:
    """Even where most images are one and the same, and a few are unlike all others."""
    f, g = modules()
    same = images(1).expand(190, -1, -1, -1)
    found = record(f, g, [torch.cat([same, 50 * images(10)])], 10**6)
    assert (found.shares * 200).round().min() >= 8
    assert len(found.factors) <= 200 // 2


def test_a_stream_of_any_length_fits_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of features that are too many, a random choice is kept; counts and outputs are of all."""
    whole = recorded()
    monkeypatch.setattr(statistics_module, "KEPT", 0)
    monkeypatch.setattr(statistics_module, "COMPONENTS", 4)
    part = recorded()
    assert part.images == 300
    torch.testing.assert_close(part.output_mean, whole.output_mean)
    torch.testing.assert_close(part.mean, whole.mean, rtol=0.5, atol=0.1)
    assert not torch.equal(part.mean, whole.mean)


def test_older_files_are_read() -> None:
    """Version 1 had one Gaussian, a cross-spectrum that is left out now, and no quantiles."""
    statistics = recorded()
    tensors = {
        "mean": statistics.mean.half(),
        "variance": statistics.variance,
        "factors": statistics.factors[:3].half().contiguous(),
        "spectrum": torch.zeros(1, 4, 8, 5, 2).half(),
        "output.mean": statistics.output_mean,
        "output.std": statistics.output_std,
        "activity.0": (statistics.activity[0] * 255).round().to(torch.uint8),
        "activity.1": (statistics.activity[1] * 255).round().to(torch.uint8),
    }
    header = {"format": "legonet-statistics", "version": 1, "images": 300, "norm": statistics.norm}
    old = parse_statistics(safetensors.torch.save(tensors, {"legonet": json.dumps(header)}), "cat")
    torch.testing.assert_close(old.mean, statistics.mean, rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(old.variance, statistics.variance, rtol=1e-2, atol=1e-2)
    drawn = synthesise(old, 500, torch.Generator().manual_seed(0))
    assert drawn.min() >= 0
    torch.testing.assert_close(drawn.mean((0, 2, 3)), statistics.mean.mean((1, 2)), rtol=0.2, atol=0.05)


def test_no_image_is_told() -> None:
    f, g = modules()
    with pytest.raises(TeacherError, match="no image"):
        record(f, g, [], LIMIT)


def test_the_file_is_read_back() -> None:
    statistics = recorded()
    data = dump_statistics(statistics)
    assert data == dump_statistics(recorded())
    again = parse_statistics(data, "cat")
    assert again.images == statistics.images
    assert again.norm == statistics.norm
    for mine, theirs in ((again.means, statistics.means), (again.factors, statistics.factors)):
        step = theirs.flatten(1).abs().amax(1).view(-1, 1, 1, 1) / 127  # one byte a number
        assert ((mine - theirs).abs() <= 0.51 * step).all()
    torch.testing.assert_close(again.quantiles, statistics.quantiles, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(again.shares, statistics.shares)
    for mine, theirs in zip(again.activity, statistics.activity, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1 / 255)


def test_other_files_are_refused() -> None:
    other = safetensors.torch.save({"a": torch.ones(1)}, metadata={"legonet": "{}"})
    data = dump_statistics(recorded())
    mixed = safetensors.torch.load(data) | {"mixing.0": torch.zeros(3, 4).to(torch.int8)}
    header = {"legonet": read_tensors(data, "cat").metadata["legonet"]}
    for bad in (b"", b"{}", other, data[:-1], data[:100], safetensors.torch.save(mixed, header)):
        with pytest.raises(TeacherError, match="cat: not a statistics file"):
            parse_statistics(bad, "cat")


def test_synthesised_features_look_like_the_real_ones() -> None:
    f, _ = modules()
    with torch.no_grad():
        real = f(images())
    made = synthesise(recorded(), 2000, torch.Generator().manual_seed(0))
    assert made.shape == (2000, *real.shape[1:])
    assert made.min() >= 0
    for channel in range(4):
        assert float(made[:, channel].mean()) == pytest.approx(
            float(real[:, channel].mean()), rel=0.25, abs=0.05
        )
        assert float(made[:, channel].std()) == pytest.approx(float(real[:, channel].std()), rel=0.25)
    # Neighbours and channels are correlated as in the real ones, which independent noise would miss.
    assert abs(_neighbours(made) - _neighbours(real)) < 0.15
    assert (torch.corrcoef(_channels(made)) - torch.corrcoef(_channels(real))).abs().max() < 0.25


def _neighbours(x: torch.Tensor) -> float:
    pairs = torch.stack([x[..., :-1].flatten(), x[..., 1:].flatten()])
    return float(torch.corrcoef(pairs)[0, 1])


def _channels(x: torch.Tensor) -> torch.Tensor:
    return x.transpose(0, 1).flatten(1)


def test_a_wide_cut_has_no_room_for_the_mixing() -> None:
    assert recorded(20_000).mixing
    assert not recorded(1000).mixing
    assert len(dump_statistics(recorded(1000))) < 2**16


def test_same_generator_same_features() -> None:
    first = synthesise(recorded(), 6, torch.Generator().manual_seed(3))
    again = synthesise(recorded(), 6, torch.Generator().manual_seed(3))
    assert torch.equal(first, again)
