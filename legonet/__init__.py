"""legonet: a LEGO-style builder of modular neural networks.

import legonet
net = legonet.load("graphs/animals.yaml")
net.transplant()
classify = net.compile("cat:classify")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from legonet import errors
    from legonet.methods import Method, register_method
    from legonet.network import Network
    from legonet.outputs import Output, register_output

__version__ = "0.1.0"

__all__ = [
    "Method",
    "Network",
    "Output",
    "__version__",
    "errors",
    "load",
    "register_method",
    "register_output",
]


def load(path: Any) -> Network:
    """Open the network of a graph file.

    Args:
        path: of the graph file.

    Raises:
        legonet.errors.GraphError: the file has problems; the message lists all of them.
    """
    from legonet.network import Network

    return Network.load(path)


def __getattr__(name: str) -> Any:
    """Import what is asked for only then, so that `import legonet` stays light."""
    if name == "Network":
        return importlib.import_module("legonet.network").Network
    if name in ("Method", "register_method"):
        return getattr(importlib.import_module("legonet.methods"), name)
    if name in ("Output", "register_output"):
        return getattr(importlib.import_module("legonet.outputs"), name)
    if name == "errors":
        return importlib.import_module("legonet.errors")
    raise AttributeError(f"module 'legonet' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
