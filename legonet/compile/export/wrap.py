"""Breaks lines of Python that are too long."""

from __future__ import annotations

import re


def wrapped(line: str, room: int) -> list[str]:
    """Break a line that is too long at its widest brackets, one argument to a line."""
    if len(line) <= room:
        return [line]
    pieces = re.findall(r'"(?:[^"\\]|\\.)*"|.', line)
    widest, found, opened = 0, None, []
    for place, piece in enumerate(pieces):
        if piece in ("(", "[", "{"):
            opened.append(place)
        elif piece in (")", "]", "}") and (begin := opened.pop()) is not None and place - begin > widest:
            widest, found = place - begin, (begin, place)
    if found is None:
        return [line]
    begin, end = found
    parts, depth = [""], 0
    for piece in pieces[begin + 1 : end]:
        depth += (piece in ("(", "[", "{")) - (piece in (")", "]", "}"))
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    inner = [f"    {each}" for part in parts for each in wrapped(f"{part.strip()},", room - 4)]
    return ["".join(pieces[: begin + 1]), *inner, "".join(pieces[end:])]
