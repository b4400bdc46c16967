"""Small networks with random weights: a chain of layers on 3x8x8 images, three teachers of one task."""

from __future__ import annotations

import copy
import functools
import gc
import importlib.util
import os
import shutil
import sys
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import is_hypothesis_test, settings

from tests.order import Files, long_first

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright
    from torch import Tensor, nn

    from legonet.demo.table import Row
    from legonet.network import Network

# No test depends on how fast a machine is.
settings.register_profile("few", deadline=None, max_examples=30)
settings.register_profile("many", deadline=None)

SHAPE = (3, 8, 8)
CATEGORIES = ("cat", "dog", "cow")
MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own there
ROOM = 4 * 2**30  # bytes, of which tests that run take less than one


def _slow(config: pytest.Config) -> bool:
    return config.option.markexpr == "slow"


def in_memory() -> None:
    """Let tests write to memory, if the system has such a folder and room in it: networks are written so that
    they outlive a power cut, and for that a disk is waited for, a sixth of the time of all tests."""
    if not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK)) or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return  # a few tests run what they have written
    if shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_configure(config: pytest.Config) -> None:
    in_memory()
    settings.load_profile("many" if _slow(config) else "few")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is tried at random is tried a few times, and with `-m slow` as often as hypothesis would."""
    if _slow(config):
        for item in items:
            if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
                item.add_marker("slow")
    long_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files:
    config.option.loadscopereorder = False  # it would put files of many tests first, which are the quick ones
    return Files(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays: Python need not look for garbage among it, now or later, and
    seldom among what tests make, which a tenth of their time would go to."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(5_000, 10, 100)


def pytest_collection_finish() -> None:
    """Let autograd start before any test uses torch.export: after that it starts with threads, and a child
    that a test forks could not fit anything."""
    if "torch" in sys.modules:
        import torch

        torch.ones((), requires_grad=True).backward()


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's folder of what can be had again."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def make_model() -> Callable[..., nn.Sequential]:
    """A teacher with random weights; `pool1` is its cut. `outputs` of a head that ends in a vector."""
    import torch
    from torch import nn

    def make(seed: int, outputs: int = 1) -> nn.Sequential:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers: OrderedDict[str, nn.Module] = OrderedDict(
                conv1_1=nn.Conv2d(3, 4, 3, padding=1),
                relu1_1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2_1=nn.Conv2d(4, 6, 3, padding=1),
                relu2_1=nn.ReLU(),
                flatten=nn.Flatten(),
                fc1=nn.Linear(96, 128),
                relu3=nn.ReLU(),
                fc2=nn.Linear(128, outputs),
            )
        return nn.Sequential(layers)

    return make


@pytest.fixture(scope="session")
def images() -> Tensor:
    import torch

    return torch.rand(12, *SHAPE, generator=torch.Generator().manual_seed(7))


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Fit with little effort: what these networks are made for is not how good an adapter is."""
    for name, value in {
        "distill.synthesis.inversion.STEPS": 2,
        "distill.flops.refinement.STEPS": 20,
        "distill.flops.refinement.LEAST": 2,
        "methods.auto.IMAGINED": 160,
        "distill.fitting.estimate.ESTIMATED": 40,
        "distill.flops.work.ESTIMATED": 40,
    }.items():
        patch.setattr(f"legonet.{name}", value)


def zoo(make_model: Callable[..., nn.Sequential]) -> Network:
    """In memory, not transplanted; cat-v1 gives the task module."""
    import legonet

    network = legonet.Network("zoo", SHAPE, mean=[0.5, 0.5, 0.5], std=[0.25, 0.25, 0.25])
    for seed, category in enumerate(CATEGORIES):
        network.add_teacher(
            f"{category}-v1", make_model(seed), category=category, task="classify", cut="pool1"
        )
    return network


@pytest.fixture(scope="session")
def made_once(make_model: Callable[..., nn.Sequential]) -> Network:
    return zoo(make_model)


@pytest.fixture
def network(made_once: Network, monkeypatch: pytest.MonkeyPatch) -> Network:
    """In memory, not transplanted; cat-v1 gives the task module. A copy of its own."""
    hurry(monkeypatch)
    return copy.deepcopy(made_once)


@pytest.fixture(scope="session")
def fitted_once(made_once: Network) -> Network:
    network = copy.deepcopy(made_once)
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        network.transplant()
    return network


@pytest.fixture
def fitted(fitted_once: Network, monkeypatch: pytest.MonkeyPatch) -> Network:
    """The same network, transplanted; a copy of its own."""
    hurry(monkeypatch)
    return copy.deepcopy(fitted_once)


@pytest.fixture(scope="session")
def built(make_model: Callable[..., nn.Sequential], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the transplanted network in `graphs/zoo.yaml`; tests take `workspace`, a copy."""
    import legonet

    root = tmp_path_factory.mktemp("built")
    network = legonet.Network("zoo", SHAPE)
    for seed, category in enumerate(CATEGORIES):
        model = make_model(seed)
        network.add_teacher(f"{category}-v1", model, category=category, task="classify", cut="pool1")
    network.save(root / "graphs" / "zoo.yaml")
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        network.transplant()
    return root


@pytest.fixture
def workspace(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    hurry(monkeypatch)
    return Path(shutil.copytree(built, tmp_path / "workspace"))


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Row]]:
    """The folder of a demo of four teachers, which tests copy before they change it, and what it measured.

    Its adapters are good with a fifth of the demo's effort, and fewer test images show it.
    """
    from legonet.data import animals
    from legonet.demo.grow import run_demo

    folder = tmp_path_factory.mktemp("grown") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("legonet.distill.flops.refinement.STEPS", 60)
        patch.setattr("legonet.methods.auto.IMAGINED", 320)
        patch.setitem(animals.COUNTS, "test", 400)
        return folder, run_demo(folder, quiet=True, arrivals=4)


@functools.cache
def _words_of_onnx() -> Any:
    from onnxscript._framework_apis import torch_2_5

    return torch_2_5.get_torchlib_ops()


@pytest.fixture(scope="module")
def exports_once() -> Iterator[None]:
    """What exports would make anew is made once: torch's program of a network, and its exporter's table."""
    from legonet.compile.export import onnx, pt2

    exported_program = functools.cache(pt2.exported_program)
    with pytest.MonkeyPatch.context() as patch:
        for module in (pt2, onnx):
            patch.setattr(module, "exported_program", exported_program)
        if importlib.util.find_spec("onnxscript"):
            exporter = "torch.onnx._internal.exporter._registration.onnxscript_apis"
            patch.setattr(f"{exporter}.get_torchlib_ops", _words_of_onnx)
        yield


_open: list[tuple[Playwright, Browser]] = []


@pytest.fixture
def browser() -> Browser:
    """Chromium, without a window: one for all tests that follow each other and use it."""
    if not _open:
        _open.append(_started())
    return _open[0][1]


def _started() -> tuple[Playwright, Browser]:
    from playwright.sync_api import sync_playwright

    # Debian's come first: another one may be called so on PATH. The build that never has a window takes a
    # third of the time.
    debian = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
    names = (*debian, "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("needs Chromium")
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    options += [
        "--disable-component-update",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
    ]
    playwright = sync_playwright().start()
    return playwright, playwright.chromium.launch(executable_path=found, args=options)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """End the browser before a test that does not use it, which may have an event loop of its own."""
    try:
        return (yield)
    finally:
        if _open and "browser" not in getattr(nextitem, "fixturenames", ()):
            playwright, opened = _open.pop()
            opened.close()
            playwright.stop()


@pytest.fixture
def graph_file(workspace: Path) -> Path:
    return workspace / "graphs" / "zoo.yaml"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits with little effort."""
    hurry(monkeypatch)
