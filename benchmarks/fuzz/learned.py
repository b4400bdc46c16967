"""What adapters learn from beside modules: statistics, as a fit uses them, and photos of anything."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from benchmarks.fuzz.format import Format
from benchmarks.fuzz.mutations import header_mutant, mutant
from benchmarks.fuzz.remotes import emptied
from legonet.distill.fitting.context import Edge
from legonet.store.workspace import Workspace

_CROPS = (2, 6, 6)


def formats() -> dict[str, Format]:
    """By name."""
    photos = [_photo("PNG"), _photo("JPEG")]
    return {
        "statistics-used": Format(".safetensors", [_statistics()], header_mutant, _use_statistics),
        "proxies.image": Format(".png", photos, mutant, _read_folder, 0.5),
        "proxies.blob": Format(".safetensors", [_bundle(photos)], header_mutant, _use_photos, 0.5),
    }


@cache
def _edge() -> Edge:
    """Two teachers of one architecture that a moment fits."""
    from legonet.blocks.build import lowered
    from legonet.graph.schema import Input
    from legonet.outputs.binary import BinaryOutput

    def g() -> nn.Sequential:
        layers = nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 1)
        return nn.Sequential(*layers).eval()

    torch.manual_seed(0)
    return Edge(
        path="cat:classify",
        category_module=lowered(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).eval()),
        task_module=lowered(g()),
        teacher_module=lowered(g()),
        source=_CROPS,
        target=_CROPS,
        meaning=BinaryOutput(kind="binary"),
        input=Input(shape=(1, 8, 8)),
    )


def _statistics() -> bytes:
    from legonet.teachers.statistics import record
    from legonet.teachers.statistics_file import dump_statistics

    edge, images = _edge(), torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return dump_statistics(record(edge.category_module, edge.teacher_module, [images], 5_000))


def _use_statistics(path: Path) -> None:
    """All that a fit does with them, on few features; a whole fit would take a second for each file."""
    from dataclasses import replace

    from legonet import foreign
    from legonet.distill.fitting.estimate import expect_of
    from legonet.distill.fitting.fit import remarks
    from legonet.distill.recorded import expect_own
    from legonet.distill.synthesis.activation_matching import ActivationMismatch
    from legonet.distill.synthesis.from_statistics import recoloured, synthesise
    from legonet.teachers.one_sided import one_sided
    from legonet.teachers.statistics_file import parse_statistics

    data = foreign.read(path, foreign.STATISTICS)
    one_sided(data, _edge().meaning)
    known = parse_statistics(data, str(path))
    expect_own(known, _edge().teacher_module, _CROPS, "cat:classify")
    edge = replace(_edge(), statistics=known, generic_statistics=known)
    with torch.no_grad():
        features = synthesise(known, 8, torch.Generator().manual_seed(0))
        recoloured(torch.rand(8, *_CROPS), known)
        loss = ActivationMismatch(features, edge.teacher_module, known)(features)
        wanted, found = edge.teacher_module(features), edge.task_module(features)
    if not all(bool(each.isfinite().all()) for each in (features, loss)):
        raise AssertionError("features that are not finite")
    remarks(edge, expect_of(edge, wanted, found, common=True), 0)


def _photo(kind: str) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((32, 24), 64).convert("RGB").save(file, kind)
    return file.getvalue()


def _read_folder(path: Path) -> None:
    """A graph names the folder that a file lies in, beside a good one; all is new to this machine."""
    import os

    from legonet.graph.load import load_graph
    from legonet.run.proxies import Proxies

    root = emptied(path)
    os.environ["XDG_CACHE_HOME"] = str(root / "cache")
    folder = root / "photos"
    folder.mkdir()
    (folder / "1.png").write_bytes(path.read_bytes())
    (folder / "2.png").write_bytes(_photo("PNG"))
    graph = root / "zoo.yaml"
    graph.write_text("{legonet: 1, name: zoo, input: {shape: [3, 8, 8]}, proxies: photos}")
    workspace = Workspace(root)
    proxies = Proxies(load_graph(graph).graph, root, workspace)
    if proxies.sha({}) != proxies.put(workspace.store):
        raise AssertionError("other photos")


def _bundle(photos: list[bytes]) -> bytes:
    import tempfile

    from legonet.data.proxies import proxy_photos

    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.png" for number in range(len(photos))]
        for file, data in zip(files, photos, strict=True):
            file.write_bytes(data)
        return proxy_photos(files)


def _use_photos(path: Path) -> None:
    from legonet import foreign
    from legonet.data.crops import crop_images
    from legonet.data.proxies import photos_of

    photos = photos_of(foreign.read(path, foreign.BLOB), "cat:classify")
    crop_images(2, (3, 8, 8), photos, torch.Generator().manual_seed(0))
