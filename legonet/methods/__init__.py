"""Methods of fitting an adapter, one file each: settings, what a fit takes, and the fit. Needs no torch.

A new one is a file beside these and a line in the table below; `docs/extending.md` shows one. Its `fit`
imports what needs torch when it is called, so that graph files are read and plans are made without torch.
"""

from __future__ import annotations

from typing import TypeVar

from legonet.graph.method import METHODS, Method
from legonet.methods.auto import Auto
from legonet.methods.back_distillation import BackDistillation
from legonet.methods.closed_form import ClosedForm
from legonet.methods.distillation import Distillation
from legonet.methods.inversion import Inversion
from legonet.methods.jacobian import Jacobian
from legonet.methods.ordinary import Ordinary
from legonet.registration import record

TABLE: tuple[type[Method], ...] = (
    Auto,
    ClosedForm,
    BackDistillation,
    Ordinary,
    Distillation,
    Jacobian,
    Inversion,
)
for _method in TABLE:
    METHODS.add(_method)

_Method = TypeVar("_Method", bound=type[Method])


def register_method(method: _Method) -> _Method:
    """Add a method of fitting adapters; graph files choose it by its name. It may decorate the class.

    Call it where the module that defines the class is imported: worker processes import that module too.

    Args:
        method: A subclass of `legonet.Method` with a name of its own, `cost` and `fit`.

    Returns:
        The same class.

    Raises:
        legonet.errors.GraphError: Its name is missing or taken, or it does not define `cost` or `fit`.
    """
    METHODS.add(method)
    record(f"method '{METHODS.name_of(method)}'", method.__module__)
    return method
