"""Fields that files of people and programs have in common, and the base of their models."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# Letters of the scripts in use, as ranges, which all engines of regular expressions read alike; no signs that
# cannot be seen, that turn the direction of writing, or that join to a letter which exists as one.
# Source: XML 1.0, NameStartChar, without spaces, punctuation and planes beyond the first.
LETTERS = (
    r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u0589\u0591-\u05f4\u0610-\u061a"
    r"\u0620-\u06dc\u06df-\u070d\u0710-\u167f\u1681-\u180a\u1810-\u1fff\u2c00-\u2dff\u2e80-\u2fd5"
    r"\u3005-\u3007\u3041-\ud7a3\uf900-\ufdcf\ufe70-\ufefc\uff66-\uffdc"
)
# No dot: names become names of torch modules, which use it to nest.
# The end, such as @2, tells variants of one thing apart.
_NAME = rf"[0-9{LETTERS}][0-9{LETTERS}_-]{{0,63}}(?:@[1-9][0-9]{{0,3}})?"
NAME_PATTERN = rf"^{_NAME}$"
PATH_PATTERN = rf"^{_NAME}:{_NAME}$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
TEXT_PATTERN = r"^[^\x00-\x1f\x7f]+$"

FORMAT = "format version"  # the description of the field that says in which format a file is

LARGEST = 2**31 - 1
LARGEST_SIZE = 65_536


def _integral(value: Any) -> Any:
    """JSON Schema counts 1.0 as an integer; so does the loader. A bool is no integer in either."""
    if isinstance(value, bool):  # a Literal would take True for 1
        raise ValueError("a bool is not an integer")
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
Address = Annotated[str, Field(min_length=1, max_length=2048, pattern=TEXT_PATTERN)]
Label = Annotated[str, Field(min_length=1, max_length=256, pattern=TEXT_PATTERN)]
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Model(BaseModel):
    """Base of all models of a graph file: strict, frozen, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
