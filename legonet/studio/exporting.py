"""Exports: children that write a compiled network."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, cast

from pydantic_core import from_json

from legonet import foreign
from legonet.errors import LegonetError
from legonet.store.workspace import Workspace
from legonet.studio.children import Child, Children
from legonet.studio.models.exports import Export
from legonet.web.faults import refuse

Form = Literal["pt2", "onnx", "folder"]
NAMES: dict[str, str] = {"pt2": "network.pt2", "onnx": "network.onnx", "folder": "network"}
_ZIP = "network.zip"
KEPT = 10  # which may be large


class Exports:
    """The exports of one graph file.

    Args:
        path: The graph file.
        workspace: Its workspace.
    """

    def __init__(self, path: Path, workspace: Workspace) -> None:
        self._path = path
        self.children = Children(workspace, "exports", KEPT)

    def start(self, paths: Sequence[str], form: Form, graph: str) -> Child:
        """Start to write paths as one network.

        Args:
            paths: Paths and applications; none for all that is built.
            form: Of what is written.
            graph: The network's name.

        Raises:
            LegonetError: Another one is at work.
        """
        if any(each.alive() for each in self.children.all()):
            raise refuse(409, "another export is at work", advice="wait for its end")
        chosen = [f"--path={each}" for each in paths]
        shown = ["compile", str(self._path), "-o", NAMES[form], *chosen]
        return self.children.start(
            [
                "compile",
                str(self._path.absolute()),
                "--output={folder}/" + NAMES[form],
                *chosen,
                "--explain",
                "--json",
            ],
            shown,
            paths=list(paths),
            form=form,
            graph=graph,
        )

    def shown(self, child: Child) -> Export:
        """An export as it is."""
        alive, said = child.alive(), _said(child)
        state: Any = (
            "running" if alive else "done" if said is not None else "failed" if child.errors() else "lost"
        )
        data = said or {}
        paths = child.asked.get("paths")
        explanation, size, difference = data.get("explanation"), data.get("bytes"), data.get("difference")
        return Export(
            id=child.id,
            form=_form(child),
            state=state,
            paths=tuple(map(str, paths)) if isinstance(paths, list) else (),
            bytes=size if isinstance(size, int) and 0 <= size < 2**53 else None,
            difference=difference if isinstance(difference, float) else None,
            explain=explanation if isinstance(explanation, dict) else None,
            table=str(data.get("table", "")),
            message=""
            if alive or said is not None
            else child.errors() or "its process ended without saying why",
        )

    def file(self, child: Child) -> Path:
        """What was written; a folder as a zip file.

        Raises:
            LegonetError: It is not done.
        """
        if self.shown(child).state != "done":
            raise refuse(409, f"the export {child.id} is not done", advice="wait for its end")
        form = _form(child)
        target = self.children.folder(child.id, NAMES[form])
        if form != "folder":
            return target
        packed = self.children.folder(child.id, _ZIP)
        if not packed.exists():
            _pack(target, packed)
        return packed


def _form(child: Child) -> Form:
    form = child.asked.get("form")
    if not isinstance(form, str) or form not in NAMES:
        raise refuse(404, f"no export {child.id}", key="id")
    return cast(Form, form)


def _said(child: Child) -> dict[str, Any] | None:
    """What it printed at its end."""
    with suppress(LegonetError, ValueError):
        found = from_json(foreign.read(child.output, foreign.STATE))
        if isinstance(found, dict) and "output" in found:
            return found
    return None


def _pack(folder: Path, packed: Path) -> None:
    """A folder as a zip file, which is there whole or not at all; no link is followed."""
    temporary = packed.with_name(f"{packed.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        with zipfile.ZipFile(temporary, "x", zipfile.ZIP_DEFLATED) as archive:
            for place, folders, files in os.walk(folder):
                folders.sort()
                for name in sorted(files):
                    path = Path(place) / name
                    if not path.is_symlink() and path.is_file():
                        archive.write(path, path.relative_to(folder.parent).as_posix())
        temporary.replace(packed)
    finally:
        temporary.unlink(missing_ok=True)
