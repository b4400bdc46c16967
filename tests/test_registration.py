"""The record of modules that users' parts come from."""

import sys

import pytest

from legonet import registration
from legonet.errors import LegonetError
from legonet.registration import import_modules, record, registered_modules


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(registration, "_MODULES", {})


def test_each_module_is_named_once_in_order():
    for part, module in (("method 'a'", "mine"), ("output kind 'b'", "others"), ("method 'c'", "mine")):
        record(part, module)
    assert registered_modules() == ("mine", "others")


def test_nothing_registered_needs_no_module():
    assert registered_modules() == ()


def test_a_part_of_the_running_script_is_refused():
    record("output kind 'level'", "__main__")
    with pytest.raises(LegonetError, match="output kind 'level': found it defined in the script that runs"):
        registered_modules()


def test_importing_runs_the_modules_registration(tmp_path, monkeypatch):
    (tmp_path / "registering_part.py").write_text(
        "from legonet.registration import record\nrecord(\"method 'mine'\", __name__)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import_modules(["registering_part"])
    assert registered_modules() == ("registering_part",)
    del sys.modules["registering_part"]


@pytest.mark.parametrize("text", [None, "1 / 0\n"])
def test_a_module_that_cannot_be_imported_is_named(tmp_path, monkeypatch, text):
    if text is not None:
        (tmp_path / "nowhere_to_be_found.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LegonetError, match="nowhere_to_be_found: a worker cannot import it"):
        import_modules(["nowhere_to_be_found"])
