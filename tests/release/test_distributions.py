"""Wheel and sdist: whole, without what is not theirs, and of use in an environment outside the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from packaging.metadata import Metadata
from trove_classifiers import classifiers
from twine.commands import check

import legonet
from readme import absolute

ROOT = Path(__file__).parents[2]
STUDIO = (ROOT / "legonet" / "cli" / "studio.py").is_file()
TOOLS = Path(sys.executable).parent  # of packages that are shared, such as graphviz-pure
BUILD = [sys.executable, "-m", "hatchling", "build"]


def run(*command: object, folder: Path) -> str:
    """Run a command with none of this process's paths, and return what it printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"XDG_CONFIG_HOME": str(folder / "config"), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{TOOLS}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both."""
    folder = tmp_path_factory.mktemp("dist")
    run(*BUILD, "-d", folder, folder=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    (found,) = built.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def outside(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own that holds the wheel; torch and the rest come from this one's."""
    folder = tmp_path_factory.mktemp("outside")
    venv.create(folder / "venv")
    packages = (
        folder / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    )
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")  # comes after what is here
    python = folder / "venv" / "bin" / "python"
    options = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, folder=folder)
    return folder


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


def test_the_wheel_holds_what_it_needs(wheel: Path) -> None:
    found = names(wheel)
    info = f"legonet-{legonet.__version__}.dist-info"
    assert {
        "legonet/__init__.py", "legonet/py.typed", "legonet/examples/graphs/animals.yaml",
        "legonet/examples/graphs/teachers/dog-classify.safetensors", "legonet/examples/blocks/vgg-slim.yaml",
        "legonet/examples/images/dog/1.png", "legonet/data/public_photos/README.md",
        f"{info}/licenses/LICENSE", f"{info}/entry_points.txt",
    } <= found  # fmt: skip
    listed = run("git", "ls-files", "legonet", folder=ROOT) if (ROOT / ".git").exists() else ""
    committed = listed.split()
    wanted = {name for name in committed if not name.startswith("legonet/studio/page/")}
    assert wanted <= found, "every committed file of the package is in the wheel"
    assert not STUDIO or "legonet/studio/static/index.html" in found


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    for name in names(wheel):
        assert name.startswith((f"legonet-{legonet.__version__}.dist-info/", "legonet/")), name
        assert not name.endswith((".ts", ".tsx", ".pyc", ".lock.json", ".map")), name
        assert not re.search(r"node_modules|__pycache__|\.legonet/|/page/", name), name


def test_the_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as file:
        assert not [name for name in file.getnames() if re.search(r"node_modules|\.venv/|/build/", name)]
        file.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    run(*BUILD, "-t", "wheel", "-d", tmp_path, folder=folder)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_metadata_are_whole(wheel: Path) -> None:
    info = f"legonet-{legonet.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as file:
        metadata = Metadata.from_email(file.read(f"{info}/METADATA"), validate=True)
    assert str(metadata.version) == legonet.__version__
    assert metadata.metadata_version == "2.4"  # which package indices take
    assert metadata.license_expression == "MIT"
    assert metadata.description_content_type == "text/markdown"
    assert metadata.description
    targets = re.findall(r"\]\(([^)\s]+)\)", metadata.description)
    assert [
        each for each in targets if not each.startswith(("https://", "#"))
    ] == []  # no files lie beside it
    assert "## Two commands" in metadata.description
    assert metadata.classifiers
    assert set(metadata.classifiers) <= classifiers
    assert metadata.project_urls
    assert {"serve", "studio", "remote", "site", "dev", "all"} <= set(metadata.provides_extra or ())


def test_an_index_takes_both(wheel: Path, sdist: Path) -> None:
    """What `twine check --strict` says before an upload: metadata are whole, and the README can be shown."""
    assert not check.check([str(wheel), str(sdist)], strict=True)


def test_where_the_repository_is_known_the_readme_leads_there(tmp_path: Path) -> None:
    text = ROOT.joinpath("README.md").read_text(encoding="utf-8")
    for name in ("README.md", "readme.py", "pyproject.toml", "LICENSE"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "legonet").mkdir()
    (tmp_path / "legonet" / "__init__.py").write_text(f'__version__ = "{legonet.__version__}"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEGONET_REPOSITORY", "https://forge.org/me/legonet/")
        found = ProjectMetadata(str(tmp_path), PluginManager()).core
    address = "https://forge.org/me/legonet"
    assert found.urls["Repository"] == address
    assert found.readme == absolute(text, address, legonet.__version__)
    assert (
        f"![The animals network, drawn by legonet]({address}/raw/v{legonet.__version__}/docs/" in found.readme
    )


def test_it_is_of_use_outside(outside: Path) -> None:
    command = outside / "venv" / "bin" / "legonet"
    python = outside / "venv" / "bin" / "python"
    assert run(command, "--version", folder=outside).strip() == legonet.__version__
    where = run(python, "-c", "import legonet; print(legonet.__file__)", folder=outside)
    assert Path(where.strip()).is_relative_to(outside / "venv")
    run(command, "init", "zoo", folder=outside)
    zoo = outside / "zoo"
    run(command, "validate", "graphs/animals.yaml", folder=zoo)
    said = run(
        command, "predict", "graphs/animals.yaml", "images/dog/1.png", "--path", "dog:classify", folder=zoo
    )
    assert re.search(r"images/dog/1\.png +dog:classify +dog", said)
    first = "from legonet.demo.grow import *; print(*run_demo(Path('demo'), True, 1))"
    assert "dog:classify" in run(python, "-c", first, folder=outside)
    assert (outside / "demo" / "animals.svg").is_file()


@pytest.fixture
def studio(outside: Path) -> Iterator[str]:
    """The address of a studio that runs from the wheel."""
    run(outside / "venv" / "bin" / "legonet", "init", "lego", folder=outside)
    command = [outside / "venv" / "bin" / "legonet", "studio", "graphs/animals.yaml", "--no-browser"]
    server = subprocess.Popen(
        [str(word) for word in command],
        cwd=outside / "lego",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert server.stdout
    with server, server.stdout:
        found = next(
            (re.search(r"http://[\d.]+:\d+", line) for line in server.stdout if "http://" in line), None
        )
        assert found
        yield found[0]
        server.terminate()


@pytest.mark.skipif(not STUDIO, reason="there is no studio in this checkout")
def test_the_studios_page_is_there(studio: str) -> None:
    with urllib.request.urlopen(f"{studio}/") as answer:  # noqa: S310 - on loopback
        page = answer.read().decode()
    assets = re.findall(r'(?:src|href)="\.?(/?assets/[^"]+)"', page)
    assert assets
    for asset in assets:
        with urllib.request.urlopen(f"{studio}/{asset.lstrip('/')}") as answer:  # noqa: S310
            assert answer.status == 200
            assert answer.read()
