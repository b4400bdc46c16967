from tests.distill.conftest import context, edge, lively_edge

__all__ = ["context", "edge", "lively_edge"]
