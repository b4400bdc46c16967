"""Pictures of a transplant network: SVG, PNG, PDF, DOT, Mermaid, HTML. No torch."""

from legonet.render.formats import FORMATS, draw, render
from legonet.render.view import View, make_view

__all__ = ["FORMATS", "View", "draw", "make_view", "render"]
