"""Fields that files of people and programs have in common, and the base of their models."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# No dot: names become names of torch modules, which use it to nest.
# The end, such as @2, tells variants of one thing apart.
_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(?:@[1-9][0-9]{0,3})?"
NAME_PATTERN = rf"^{_NAME}$"
PATH_PATTERN = rf"^{_NAME}:{_NAME}$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
TEXT_PATTERN = r"^[^\x00-\x1f\x7f]+$"

LARGEST = 2**31 - 1
LARGEST_SIZE = 65_536


def _integral(value: Any) -> Any:
    """JSON Schema counts 1.0 as an integer; so does the loader. A bool is no integer in either."""
    if isinstance(value, bool):  # a Literal would take True for 1
        raise ValueError("a bool is no integer")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _array(value: Any) -> Any:
    """A YAML or JSON array arrives as a list; strict mode wants the tuple that frozen models hold."""
    return tuple(value) if isinstance(value, list) else value


# In `Annotated`, limits come before these two: they run first, and the JSON Schema sees the limits.
Integral = BeforeValidator(_integral)
Array = BeforeValidator(_array)
Positive = Annotated[int, Field(ge=1, le=LARGEST), Integral]
Natural = Annotated[int, Field(ge=0, le=LARGEST), Integral]
Size = Annotated[int, Field(ge=1, le=LARGEST_SIZE), Integral]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
PathName = Annotated[str, Field(pattern=PATH_PATTERN)]
FilePath = Annotated[str, Field(min_length=1, max_length=1024, pattern=TEXT_PATTERN)]
Label = Annotated[str, Field(min_length=1, max_length=256, pattern=TEXT_PATTERN)]
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Model(BaseModel):
    """Base of all models of a graph file: strict, frozen, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
