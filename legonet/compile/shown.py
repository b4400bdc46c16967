"""What a notebook shows of a compiled network: what it runs, what its outputs mean, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from legonet.compile.picture import picture
from legonet.notebook import page, table, title
from legonet.render.shown import drawn

if TYPE_CHECKING:
    from legonet.compile.network import CompiledNetwork


def compiled_html(network: CompiledNetwork) -> str:
    """A compiled network for a notebook."""
    shape = network.input_shape
    takes = "" if shape is None else f"images (batch, {', '.join(map(str, shape))}) in [0, 1]; "
    meanings = {} if network.signature is None else network.signature.outputs
    rows = [
        (path, each.meaning.kind, ", ".join(each.meaning.channels(each.category)), each.meaning.legend())
        for path, each in meanings.items()
    ]
    costs = "" if shape is None else network.explain().table()
    return page(
        title("Compiled network", f"{takes}it runs {network.running}"),
        drawn(picture(network.program, "compiled")),
        table(("path", "output", "labels", "how to read it"), rows),
        costs,
    )
