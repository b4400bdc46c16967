"""Models that a user's function gives: `package.module:function`; only code that the user allows is run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from legonet.blocks.libraries.table import LIBRARIES
from legonet.blocks.weightless import without_values
from legonet.errors import TeacherError, first_line
from legonet.graph.suggest import kind_of, listed
from legonet.teachers.models.names import find_module, no_function, no_module
from legonet.teachers.models.source import Lookup, ModelSource
from legonet.teachers.tracing.evaluation import line_of


def _find(reference: str, lookup: Lookup) -> nn.Module:
    module, _, name = reference.partition(":")
    allowed = lookup.permission(reference, reference)
    with _beside(allowed or Path.cwd()):
        spec = find_module(module)
        found, hint = no_module(module, LIBRARIES) if spec is None else no_function(spec, name)
        if found and module not in sys.modules:
            mine = f", or put your own into {allowed or Path.cwd()}" if spec is None else ""
            raise TeacherError(
                f"model {reference}: {found}; expected package.module:function, a block, or a model of "
                f"{' or '.join(LIBRARIES)}; correct it{mine}.{hint}"
            )
        if allowed is None:
            raise TeacherError(
                f"model {reference}: would run code of {module}; expected a block or one of the libraries "
                f"{', '.join(LIBRARIES)}; if you trust that code, allow it: {lookup.how_to_allow(reference)}"
            )
        try:
            build = getattr(importlib.import_module(module), name)
            made = with_own_values(build, reference) if lookup.own_weights else without_values(build)
        except TeacherError:
            raise
        except Exception as error:  # whatever foreign code raises
            raise TeacherError(
                f"model {reference}: cannot be made{line_of(error)}: {type(error).__name__}: "
                f"{first_line(error)}; expected a function without arguments that gives an nn.Module; "
                "correct it, or its name"
            ) from error
    if not isinstance(made, nn.Module):
        raise TeacherError(
            f"model {reference}: gave {kind_of(made)}; expected an nn.Module; correct the function"
        )
    return made.eval()


def with_own_values(build: Callable[[], nn.Module], reference: str) -> nn.Module:
    """Build a model whose code loads its weights; twice, since those that are drawn anew are none.

    Raises:
        TeacherError: Some of its weights are random.
    """
    built = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            built.append(build())
    if not all(isinstance(each, nn.Module) for each in built):
        return built[0]
    one, other = (each.state_dict() for each in built)
    drawn = [name for name, value in one.items() if not _same(value, other.get(name))]
    if drawn:
        raise TeacherError(
            f"model {reference}: no weights: {listed(drawn)} are drawn anew each time that it is made; "
            f"expected those of {reference}; add --weights FILE, or load them in that function"
        )
    return built[0]


def _same(value: object, other: object) -> bool:
    if not isinstance(value, Tensor) or not isinstance(other, Tensor):
        return True
    return torch.equal(torch.nan_to_num(value), torch.nan_to_num(other))


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Modules of a folder are found too, after what is installed: none there stands in for that."""
    place = str(folder)
    sys.path.append(place)
    try:
        yield
    finally:
        del sys.path[len(sys.path) - 1 - sys.path[::-1].index(place)]  # it may stand before, too


CODE = ModelSource(lambda reference: ":" in reference, _find)
