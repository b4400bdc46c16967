"""Arguments have ATen's names, and what ATen does not know is refused."""

from __future__ import annotations

from typing import Any

import pytest

from legonet.compile.export.calls import Given, given
from legonet.errors import ExportError
from legonet.ir.graph import Operation

X = {"ref": "input"}


def call(function: str, *arguments: Any, **keywords: Any) -> Operation:
    return Operation("a", function, arguments, keywords)


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (call("flatten.using_ints", X, 1, -1), Given({"self": X, "start_dim": 1}, {})),
        (call("flatten.using_ints", X, start_dim=1), Given({"self": X, "start_dim": 1}, {})),
        (call("flatten.using_ints", X, end_dim=2), Given({"self": X}, {"end_dim": 2})),
        (call("conv2d", X, X, None, [1, 1]), Given({"input": X, "weight": X}, {})),
        (call("gelu", X, approximate="tanh"), Given({"self": X}, {"approximate": "tanh"})),
        (call("relu_", X), Given({"self": X}, {})),
        (call("dropout", X), Given({"self": X}, {})),
        (call("getitem", X, 1), Given({"self": X, "index": 1}, {})),
    ],
)
def test_arguments_by_name(step: Operation, found: Given) -> None:
    assert given(step) == found


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            call("relu", X, **{"x=1); print(": 1}),
            r"^a: found arguments that relu does not take; expected self;",
        ),
        (call("relu", X, 1), r"^a: found arguments that relu does not take"),
        (call("system", X), r"^a: found the operation 'system'; expected one of legonet's table;"),
    ],
)
def test_what_nobody_knows(step: Operation, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        given(step)
