"""What a fit measured, in words. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping


def in_words(quality: Mapping[str, float]) -> str:
    """What is to be expected of the path first, then the fit's own measures."""
    rest = {name: value for name, value in quality.items() if not name.startswith("agreement")}
    said = [f"{name} {value:.3g}" for name, value in rest.items()]
    if "agreement" in quality:
        seen = quality["agreement"]
        least, most = quality.get("agreement from", seen), quality.get("agreement to", seen)
        said.insert(0, f"decides as its teacher on about {seen:.0%} of images ({least:.0%} to {most:.0%})")
    return ", ".join(said)
