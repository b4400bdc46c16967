"""How good a path is whose teacher stands on another category module than its category has (`keep`).

    python -m benchmarks.keep             trains the teachers if need be, prints a table, writes it down

The animals' own modules are there: a category's f, and the generic task module of the dog. Then a teacher of
the same category arrives whose base has another random initialisation and saw other images, so that its f'
and g_T have nothing in common with them. The category keeps its f; teacher and student are matched at the
image (`legonet.distill.fitting.stitching`). Beside it stands what `on_conflict: variant` gives, which takes
f' in as a category of its own.

Errors are on test images. What was measured before stays in the file until it is measured again. Same seed,
same machine, same number of threads: same figures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.bases import FOLDER, different_bases
from benchmarks.experiments import TARGETS
from legonet.compile.normalise import normalisation
from legonet.data import animals
from legonet.distill.fitting.fit import Samples, fit
from legonet.distill.fitting.stitching import fit_stitched
from legonet.evaluate import scores
from legonet.graph.schema import Adapter
from legonet.network import Network
from legonet.store.blobs import MemoryStore
from legonet.store.plain_files import write_file
from legonet.store.workspace import shipped_folder

KEEP = "keep.json"
IMAGES: tuple[int, ...] = (0, 100)


@dataclass(frozen=True)
class Row:
    """One arrival.

    Attributes:
        category: that has its module already.
        images: unlabelled, that the path was fitted from.
        seed: of the fit.
        teacher: error of the teacher that arrived, on test images, 0 to 1.
        keep: of the category's own module joined to the generic task module.
        variant: of the teacher's module joined to it.
        bridge: part of f''s features that the bridge misses, on held-out images.
    """

    category: str
    images: int
    seed: int
    teacher: float
    keep: float
    variant: float
    bridge: float


def arrive(network: Network, category: str, images: int, seed: int = 0, folder: Path = FOLDER) -> Row:
    """Let a teacher on another base arrive for a category that has its module.

    Args:
        network: the animals network.
        category: one of its categories, not the one that gives the task module.
        images: how many unlabelled images of the category are given.
        seed: of the fits and the images.
        folder: of the teachers that are not shipped.
    """
    own, stranger = network.edge(f"{category}:classify"), different_bases(network, category, folder=folder)
    edge = replace(own, teacher_module=stranger.teacher_module, statistics=stranger.statistics)
    normalise, test = normalisation(network.graph.input), animals.single_category(category, "test")
    given = normalise(animals.single_category(category, seed=seed).images[:images])
    samples, spec = (Samples(given) if images else None), Adapter(seed=seed)
    joined = fit(stranger, spec, samples)
    kept = fit_stitched(edge, stranger.category_module, spec, samples, upper=joined)
    shown = normalise(test.images)

    def error(*parts: nn.Module) -> float:
        return own.meaning.measures(_through(parts, shown), test.labels)["error"]

    return Row(
        category,
        images,
        seed,
        teacher=error(stranger.category_module, stranger.teacher_module),
        keep=error(own.category_module, kept.adapter, own.task_module),
        variant=error(stranger.category_module, joined.adapter, own.task_module),
        bridge=kept.quality["bridge"],
    )


def _through(parts: tuple[nn.Module, ...], images: Tensor) -> Tensor:
    for part in parts:
        images = scores(part, images)
    return images


def rows(categories: Sequence[str], images: Sequence[int], seeds: int, folder: Path) -> Iterator[Row]:
    """One arrival after the other."""
    network = Network.load(shipped_folder("graphs") / "animals.yaml")
    network.store = MemoryStore()
    for category in categories:
        for count in images:
            for seed in range(seeds):
                yield arrive(network, category, count, seed, folder)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, fit, print and write the table; the exit code."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.keep", description="Known categories, other category modules."
    )
    parser.add_argument("--category", choices=TARGETS, action="append", help="default: all")
    parser.add_argument("--images", type=int, action="append", help="default: 0 and 100")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where teachers are kept")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="where the table goes")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    file = options.results / KEEP
    known = [Row(**each) for each in json.loads(file.read_text())] if file.exists() else []
    found = {(each.category, each.images, each.seed): each for each in known}
    categories, images = options.category or list(TARGETS), options.images or list(IMAGES)
    heads = f"{'teacher':>9}{'keep':>8}{'variant':>9}{'bridge misses':>15}"
    print(f"{'category':<10}{'images':>6}{heads}", flush=True)
    for row in rows(categories, images, options.seeds, options.folder):
        found[row.category, row.images, row.seed] = row
        errors = f"{row.teacher:>9.1%}{row.keep:>8.1%}{row.variant:>9.1%}{row.bridge:>15.0%}"
        print(f"{row.category:<10}{row.images:>6}{errors}", flush=True)
        text = json.dumps([asdict(found[key]) for key in sorted(found)], indent=2)
        write_file(file, f"{text}\n".encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
