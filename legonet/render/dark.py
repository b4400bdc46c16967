"""A picture's colours where the reader's screen is dark: a style that the picture carries itself."""

from __future__ import annotations

_DARK = {
    "white": "#15181c",
    "#1a1a1a": "#f2f2f2",
    "#333333": "#d6d6d6",
    "#5a5a5a": "#c0c0c0",
    "#767676": "#a6a6a6",
    "#ababab": "#8f8f8f",
    "#8a8a8a": "#a6a6a6",
    "#e3eff8": "#12344d",
    "#e0f2eb": "#0d3d2f",
    "#fff3dc": "#3d2d0c",
    "#f2b84b": "#7a5200",
    "#ededed": "#32363b",
    "#0072b2": "#56b4e9",
    "#00805c": "#2fc79a",
    "#c77f00": "#e6a532",
    "#c04a00": "#ff8f4f",
}
"""What the colours of `legonet.render.dot` become; each keeps its hue."""


def dark_rules(picture: str) -> str:
    """The style of a picture on dark screens.

    Args:
        picture: What selects it.
    """
    rules = "".join(
        f'{picture} [{part}="{light}" i]{{{part}:{dark}}}'
        for light, dark in _DARK.items()
        for part in ("fill", "stroke")
    )
    return f"@media (prefers-color-scheme: dark){{{rules}}}"


def with_dark(svg: str) -> str:
    """An SVG picture with a style for dark screens.

    Args:
        svg: As Graphviz writes it.
    """
    style = f"<style>{dark_rules('.legonet-picture')}</style>"
    begin = svg.index(">", svg.index("<svg")) + 1
    opened = svg[:begin].replace("<svg ", '<svg class="legonet-picture" ', 1)
    return f"{opened}\n{style}{svg[begin:]}"
