"""Serves a compiled network to applications by HTTP."""
