"""Parts of a program that are traced by themselves become plain parts of it. Needs torch.

torch.export keeps the body of `with torch.autocast(..., enabled=False):` and of `with torch.no_grad():` as a
graph of its own, called like an operation. In evaluation neither changes what is computed.
"""

from __future__ import annotations

import operator
from typing import Any

from torch import fx

from legonet.teachers.tracing.evaluation import UnknownCallError

# The places of the argument that is a graph, by the name of what calls it; its inputs come after it.
_BODY = {"wrap_with_autocast": 4, "wrap_with_set_grad_enabled": 1}


def inlined(module: fx.GraphModule) -> fx.Graph:
    """The module's graph, with the graphs that it calls in the place of their calls.

    Raises:
        UnknownCallError: Autocast is on, so that it does change what is computed.
    """
    for node in list(module.graph.nodes):
        name = getattr(node.target, "__name__", "") if node.op == "call_function" else ""
        if name in _BODY:
            if name == "wrap_with_autocast" and node.args[2]:
                raise UnknownCallError(node, "computes with other types of numbers by autocast")
            _inline(module, node, _BODY[name])
    return module.graph


def _inline(module: fx.GraphModule, node: fx.Node, place: int) -> None:
    body, *given = node.args[place:]
    assert isinstance(body, fx.Node)  # noqa: S101 - torch.export's own form
    inner = inlined(module.get_submodule(str(body.target)))  # type: ignore[arg-type]
    inputs = [each for each in inner.nodes if each.op == "placeholder"]
    known: dict[fx.Node, Any] = dict(zip(inputs, given, strict=True))
    with module.graph.inserting_before(node):
        results: Any = module.graph.graph_copy(inner, known)
    for user in list(node.users):
        assert user.target is operator.getitem  # noqa: S101 - a body gives a tuple
        user.replace_all_uses_with(results[user.args[1]])
        module.graph.erase_node(user)
    module.graph.erase_node(node)
    module.graph.erase_node(body)
