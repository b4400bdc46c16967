"""Serves a compiled network to applications by HTTP."""

from __future__ import annotations

from legonet.serve.deploy import deployment

__all__ = ["deployment"]
