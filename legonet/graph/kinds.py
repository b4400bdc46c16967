"""Open unions: a field of a graph file that holds one of several kinds of settings.

The kinds stand in a table that packages above this one fill and users add to. So the union is made when it is
asked for, from what the table holds by then: by validation, by the JSON Schema, and so by messages.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, core_schema

from legonet.errors import GraphError

Settings = TypeVar("Settings", bound=BaseModel)


class Kinds(Generic[Settings]):
    """A table of kinds, and the union of their settings as a field's type: `Annotated[Settings, KINDS]`.

    Args:
        what: A word for one of them, for messages.
        key: The field whose only value names a kind.
        home: The module that fills the table when it is imported; the table imports it when first asked.
        by_name: Whether a kind's name may stand for the kind with its default settings.
    """

    made = 0  # counts the changes of all tables: what is made from one is made anew after it

    def __init__(self, what: str, key: str, home: str, by_name: bool = False) -> None:
        self._what, self._key, self._home, self._by_name = what, key, home, by_name
        self._kinds: dict[str, type[Settings]] = {}
        self._union: TypeAdapter[Any] | None = None

    def add(self, kind: type[Settings]) -> None:
        """Add a kind; one that is defined again, as when a notebook's cell runs again, replaces the first.

        Args:
            kind: A model whose field `key` is a `Literal` of one name, and that lacks nothing.

        Raises:
            GraphError: It has no name, or the name is taken, or it leaves out what every kind says.
        """
        name, where = self.name_of(kind), _place(kind)
        taken = self._filled().get(name)
        if taken is not None and _place(taken) != where:
            raise GraphError(
                f"{where}: the {self._what} '{name}' is there already, as "
                f"{_place(taken)}; expected a new name; choose another one"
            )
        missing = sorted(getattr(kind, "__abstractmethods__", ()))
        if missing:
            raise GraphError(
                f"{where}: the {self._what} '{name}' does not define {', '.join(missing)}; expected all that "
                f"{self._what}s have; define it"
            )
        self._kinds[name] = kind
        self._changed()

    def name_of(self, kind: type[Settings]) -> str:
        """The name by which graph files choose a kind.

        Raises:
            GraphError: It has none.
        """
        names = get_args(kind.model_fields[self._key].annotation) if self._key in kind.model_fields else ()
        if len(names) != 1 or not isinstance(names[0], str):
            raise GraphError(
                f"{_place(kind)}: found no {self._key}; expected a field that names the {self._what}; write "
                f'{self._key}: Literal["my-{self._what}"]'
            )
        return names[0]

    def remove(self, name: str) -> None:
        """Take a kind out of the table again, such as at the end of a test."""
        del self._kinds[name]
        self._changed()

    def names(self) -> tuple[str, ...]:
        """Of all kinds, those of legonet first."""
        return tuple(self._filled())

    def __iter__(self) -> Iterator[type[Settings]]:
        return iter(tuple(self._filled().values()))

    def read(self, data: Any) -> Settings:
        """Settings from plain data: a mapping that names its kind, or a name alone.

        Raises:
            pydantic.ValidationError: They are none.
        """
        return self._adapter().validate_python({self._key: data} if isinstance(data, str) else data)

    def _changed(self) -> None:
        Kinds.made += 1
        self._union = None

    def _filled(self) -> dict[str, type[Settings]]:
        importlib.import_module(self._home)  # a name, as imports point the other way
        return self._kinds

    def _adapter(self) -> TypeAdapter[Any]:
        kinds = self._filled()
        if self._union is None:
            union: Any = Annotated[reduce(or_, kinds.values()), Field(discriminator=self._key)]
            self._union = TypeAdapter(Literal[tuple(kinds)] | union if self._by_name else union)
        return self._union

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate by the union as it is then."""
        return core_schema.no_info_plain_validator_function(
            lambda value: self._adapter().validate_python(value)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Describe the union as it is now."""
        return handler(self._adapter().core_schema)


def _place(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
