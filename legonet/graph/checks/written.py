"""What is wrong with a file that a program wrote, and with one that a newer legonet wrote."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel

from legonet import foreign
from legonet.errors import GraphError, Problem
from legonet.graph.checks.structure import explain
from legonet.graph.fields import FORMAT
from legonet.graph.in_parts import MOST_VALUES, values_in
from legonet.graph.reading import json_text
from legonet.graph.reading.findings import Finding, located
from legonet.graph.reading.source import conflict_in, decode


def newer(data: Any, model: type[BaseModel]) -> Finding | None:
    """The one thing to say of a file in a later format than this legonet reads; None for any other.

    Args:
        data: Plain data of the file.
        model: The model that should hold it; the description of one of its fields is `FORMAT`.
    """
    for name, field in model.model_fields.items():
        if field.description == FORMAT and isinstance(data, dict):
            key, (known,) = field.alias or name, get_args(field.annotation)
            found = data.get(key)
            if type(found) is int and found > known:
                parts = (
                    f"format {found}, of a newer legonet",
                    f"expected format {known}, which this one reads",
                )
                return Finding((key,), *parts, "update legonet: pip install --upgrade legonet")
    return None


def first_problem(data: bytes, source: str, what: str, model: type[BaseModel], remedy: str) -> GraphError:
    """Where and why bytes are not what a program wrote as JSON, and what to do.

    Args:
        data: Of the file.
        source: The file.
        what: What it should be, such as `lock file`.
        model: The model that should hold it.
        remedy: What to do, unless the first problem says it: a merge conflict, or a newer format.
    """
    if values_in(data) + data.count(b"\n") > MOST_VALUES:  # to look for the place costs more than a file may
        found = f"{len(data) / foreign.MIB:,.1f} MiB of something else"
        return conflict_in(data, source, what) or GraphError.of(
            Problem(found, f"expected a {what} as legonet writes it", remedy, source)
        )
    try:
        plain, positions = json_text.compose(decode(data, source, what, limit=len(data)), source).or_raise()
    except GraphError as error:
        if error.problems[0].found.startswith("a merge conflict"):
            return error
        problems = error.problems
    else:
        late = newer(plain, model)
        if late is not None:
            return GraphError.of(*located([late], source, positions))
        problems = located(explain(plain, model, positions), source, positions)
    first = problems[0] if problems else Problem(f"not a {what}", file=source)
    return GraphError.of(first, Problem("", f"expected a {what} as legonet writes it", remedy, source))
