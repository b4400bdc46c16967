"""A misspelled name is told, and no code is run to find it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from legonet.errors import TeacherError
from legonet.teachers.models.names import find_module
from legonet.teachers.models.table import find_model

CODE = """
open("ran", "w").close()
def make(): ...
def make_small(): ...
class Net: ...
alias = Net
try:
    from math import tau as turn
except ImportError:
    pass
"""


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`zoonets`, with `zoonets.models`, in the working folder."""
    folder = tmp_path / "zoonets"
    folder.mkdir()
    (folder / "__init__.py").write_text("open('ran', 'w').close()")
    (folder / "models.py").write_text(CODE)
    (folder / "open.py").write_text(CODE + "from math import *")
    (folder / "broken.py").write_text("def make(: pass")
    (tmp_path / "bare").mkdir()  # a package without __init__.py
    (tmp_path / "bare" / "nets.py").write_text(CODE)
    (folder / "needy.py").write_text("import no_such_package\ndef make(): ...")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    return tmp_path


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("zoonet.models:make", "no module 'zoonet'; expected .* Did you mean 'zoonets'?"),
        ("zoonets.model:make", "zoonets has no module 'model'; expected .* Did you mean 'models'?"),
        ("zoonets.models.py:make", "'zoonets.models.py' is a file; .* Did you mean 'zoonets.models'?"),
        ("zoonets.models:mak", "zoonets.models has no function 'mak'; expected .* Did you mean 'make'?"),
        ("zoonets.models:Nett", "zoonets.models has no function 'Nett'; .* Did you mean 'Net'?"),
        ("torchvison:resnet18", "no module 'torchvison'; .* Did you mean 'torchvision'?"),
        (
            "zoonets.models:alias",
            "would run code of zoonets.models; .* --allow-code zoonets.models:alias",
        ),
        ("zoonets.models:turn", "would run code"),
        ("bare.nets:make", "would run code of bare.nets"),
        ("bare.nets:mak", "bare.nets has no function 'mak'; expected .* Did you mean 'make'?"),
        ("bare.net:make", "bare has no module 'net'; expected .* Did you mean 'nets'?"),
        ("zoonets.open:mak", "would run code"),
        ("zoonets.broken:make", "would run code"),
        ("_json:mak", "would run code"),
    ],
)
def test_what_is_not_allowed_is_not_run(reference: str, message: str, package: Path) -> None:
    with pytest.raises(TeacherError, match=message.replace("?", r"\?")):
        find_model(reference, [])
    assert not (package / "ran").exists()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("zoonets.models:mak", "has no function 'mak'; expected .* Did you mean 'make'?"),
        ("zoonets.models:make", "gave a NoneType; expected an nn.Module"),
        ("zoonets.open:mak", "AttributeError: module 'zoonets.open' has no attribute 'mak'"),
        ("zoonets.broken:make", "cannot be made: SyntaxError: "),
        (
            "zoonets.needy:make",
            "cannot be made at .*needy.py:1: ModuleNotFoundError: No module named 'no_such",
        ),
    ],
)
def test_what_is_allowed(reference: str, message: str) -> None:
    with pytest.raises(TeacherError, match=message.replace("?", r"\?")):
        find_model(reference, [], [reference])


def test_places_of_modules() -> None:
    assert find_module("legonet.teachers.models.names") is not None
    assert find_module("legonet.teachers.none") is None
    assert find_module("none.at.all") is None
