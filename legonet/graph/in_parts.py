"""Validates large data in parts, so that data that is wrong all over costs no more than a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import islice
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, TypeAdapter
from pydantic_core import from_json

_Model = TypeVar("_Model", bound=BaseModel)
MOST_VALUES = 4_000_000  # a lock of 100,000 adapters has half of that
_AT_ONCE = 1000  # entries; each error about one takes a kilobyte


def counted(data: bytes, most: int | None = None) -> Any:
    """JSON, unless it has so many values that they would take many times the room of the text.

    Args:
        data: The text.
        most: Values that it may have; default: `MOST_VALUES`.

    Raises:
        ValueError: It is none, or has more of them.
    """
    if values_in(data) > (most or MOST_VALUES):
        raise ValueError("too many values")
    return from_json(data)


def values_in(data: bytes) -> int:
    """How many values a text of JSON may have at most, but for one."""
    return sum(map(data.count, (b",", b"{", b"[")))


def validated(model: type[_Model], data: Any) -> _Model:
    """As `model.model_validate`, but it ends with the first part of a mapping that is not valid.

    Raises:
        pydantic.ValidationError: The data is not valid; the error tells of some of what is wrong, at least.
    """
    if not isinstance(data, Mapping):
        return model.model_validate(data)  # which says so
    whole = dict(data)
    for name, field in model.model_fields.items():
        key = field.alias or name
        entries = whole.get(key)
        if isinstance(entries, dict) and len(entries) > _AT_ONCE:
            adapter, parts = _adapter(model, name), dict[str, Any]()
            rest = iter(entries.items())
            while some := dict(islice(rest, _AT_ONCE)):
                parts |= adapter.validate_python(some)
            whole[key] = parts
    return model.model_validate(whole)


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[dict[str, Any]]:
    field = model.model_fields[name]
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return TypeAdapter(kind)
