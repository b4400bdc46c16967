"""Names for the sizes in which modules of one class differ."""

from __future__ import annotations

from collections.abc import Sequence

_INS = ("in_channels", "in_features", "channels", "features")
_OUTS = ("out_channels", "out_features", "channels", "features")


def size_names(roles: Sequence[str], modules: Sequence[tuple[object, ...]]) -> list[str | None]:
    """Name the sizes in which some modules differ; those that are always equal to each other have one name.

    Args:
        roles: What torch calls each size.
        modules: The sizes of each module.

    Returns:
        A name for each size; None where it is the same in all modules.
    """
    columns = [tuple(values) for values in zip(*modules, strict=True)]
    varying = [place for place, column in enumerate(columns) if len(set(column)) > 1]
    first_in = next((place for place, role in enumerate(roles) if role in _INS), None)
    last_out = next((place for place in reversed(range(len(roles))) if roles[place] in _OUTS), None)
    names: dict[tuple[object, ...], str] = {}
    for place in varying:
        if columns[place] in names:
            continue
        places = [each for each in varying if columns[each] == columns[place]]
        name = _name([roles[each] for each in places], first_in in places, last_out in places)
        number, found = 2, name
        while found in names.values():
            found, number = f"{name}_{number}", number + 1
        names[columns[place]] = found
    return [names[column] if place in varying else None for place, column in enumerate(columns)]


def _name(roles: Sequence[str], begins: bool, ends: bool) -> str:
    """The name of a size that plays some roles."""
    widths = [role for role in roles if role in (*_INS, *_OUTS) or role.startswith("hidden_")]
    if not widths:
        return roles[0]
    noun = "channels" if "channels" in widths[0] else "features"
    if begins and ends:
        return noun
    return f"in_{noun}" if begins else f"out_{noun}" if ends else f"hidden_{noun}"
