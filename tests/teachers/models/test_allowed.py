"""What the settings of a workspace allow to be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from legonet.errors import StoreError
from legonet.store.workspace import Workspace
from legonet.teachers.models.allowed import allowed_code


def test_settings(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert allowed_code(workspace) == ()
    workspace.settings_path.parent.mkdir()
    workspace.settings_path.write_text("allow-code: [a.b:make, net.pt2]\n")
    assert allowed_code(workspace) == ("a.b:make", "net.pt2")
    workspace.settings_path.write_text("# nothing\n")
    assert allowed_code(workspace) == ()


@pytest.mark.parametrize(
    "text", ["allow-code: a.b:make", "other: 1", "[a.b:make]", "allow-code: [1]", "a: [b"]
)
def test_other_settings_are_refused(tmp_path: Path, text: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.settings_path.parent.mkdir()
    workspace.settings_path.write_text(text)
    with pytest.raises(StoreError, match=r"settings\.yaml"):
        allowed_code(workspace)
