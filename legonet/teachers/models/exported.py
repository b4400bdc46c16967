"""Models of torch.export's files: `model.pt2`; torch's reader can run code, so the user has to allow each."""

from __future__ import annotations

import os
from pathlib import Path

from torch import nn

from legonet.blocks.libraries.table import LIBRARIES
from legonet.errors import TeacherError
from legonet.teachers.models.source import Lookup, ModelSource
from legonet.teachers.tracing.programs import SUFFIX, read_program


def _find(reference: str, lookup: Lookup) -> nn.Module:
    if lookup.permission(reference, os.path.realpath(reference)) is None:
        raise TeacherError(
            f"model {reference}: torch reads such a file with pickle, which can run code that is in it; "
            f"expected a block or one of the libraries {', '.join(LIBRARIES)}; if you trust its maker, "
            f"allow it: {lookup.how_to_allow(reference)}"
        )
    if not Path(reference).is_file():
        raise TeacherError(
            f"model {reference}: no such file; expected a file of torch.export; check the path"
        )
    return read_program(Path(reference), f"model {reference}")


EXPORTED = ModelSource(lambda reference: reference.endswith(SUFFIX), _find)
