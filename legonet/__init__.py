"""Build modular neural networks like LEGO.

import legonet
net = legonet.load("graphs/animals.yaml")
net.transplant()
classify = net.compile("cat:classify")

What `legonet.__all__` lists is public, with the methods and fields of its classes. All else may change with
any release.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from legonet import errors
    from legonet.bricks.application import Application
    from legonet.bricks.bricks import Bricks
    from legonet.compile.explain import Explanation
    from legonet.compile.export import Exported, export
    from legonet.compile.network import CompiledNetwork
    from legonet.compile.predict import Prediction, Predictions
    from legonet.design import Design
    from legonet.distill.fitting.context import Edge
    from legonet.distill.fitting.finetune import Judgement
    from legonet.errors import LegonetWarning
    from legonet.evaluate import Evaluation, Measurement
    from legonet.graph.method import Method
    from legonet.graph.result import Result
    from legonet.methods import register_method
    from legonet.network import Network
    from legonet.ops.row import Row
    from legonet.ops.table import register_operation
    from legonet.outputs import Output, register_output
    from legonet.outputs.results import Mask, Numbers, Score
    from legonet.plan.cost import JobCost
    from legonet.plan.plan import Change, Offer, Plan, PlannedEdge
    from legonet.plan.ports import Port, Ports
    from legonet.run.execute import FittedAdapter
    from legonet.run.finetune import Tuned, Tuning
    from legonet.run.options import RunOptions
    from legonet.run.runner import Progress, Run

__version__ = "0.2.0"

__all__ = [
    "Application",
    "Bricks",
    "Change",
    "CompiledNetwork",
    "Design",
    "Edge",
    "Evaluation",
    "Explanation",
    "Exported",
    "FittedAdapter",
    "JobCost",
    "Judgement",
    "LegonetWarning",
    "Mask",
    "Measurement",
    "Method",
    "Network",
    "Numbers",
    "Offer",
    "Output",
    "Plan",
    "PlannedEdge",
    "Port",
    "Ports",
    "Prediction",
    "Predictions",
    "Progress",
    "Result",
    "Row",
    "Run",
    "RunOptions",
    "Score",
    "Tuned",
    "Tuning",
    "__version__",
    "errors",
    "export",
    "load",
    "register_method",
    "register_operation",
    "register_output",
]

_WHERE = {
    "Application": "legonet.bricks.application:Application",
    "Bricks": "legonet.bricks.bricks:Bricks",
    "Change": "legonet.plan.plan:Change",
    "CompiledNetwork": "legonet.compile.network:CompiledNetwork",
    "Design": "legonet.design:Design",
    "Edge": "legonet.distill.fitting.context:Edge",
    "Evaluation": "legonet.evaluate:Evaluation",
    "Explanation": "legonet.compile.explain:Explanation",
    "Exported": "legonet.compile.export:Exported",
    "FittedAdapter": "legonet.run.execute:FittedAdapter",
    "JobCost": "legonet.plan.cost:JobCost",
    "Judgement": "legonet.distill.fitting.finetune:Judgement",
    "LegonetWarning": "legonet.errors:LegonetWarning",
    "Mask": "legonet.outputs:Mask",
    "Measurement": "legonet.evaluate:Measurement",
    "Method": "legonet.methods:Method",
    "Network": "legonet.network:Network",
    "Numbers": "legonet.outputs:Numbers",
    "Offer": "legonet.plan.plan:Offer",
    "Output": "legonet.outputs:Output",
    "Plan": "legonet.plan.plan:Plan",
    "PlannedEdge": "legonet.plan.plan:PlannedEdge",
    "Port": "legonet.plan.ports:Port",
    "Ports": "legonet.plan.ports:Ports",
    "Prediction": "legonet.compile.predict:Prediction",
    "Predictions": "legonet.compile.predict:Predictions",
    "Progress": "legonet.run.runner:Progress",
    "Result": "legonet.graph.result:Result",
    "Row": "legonet.ops.row:Row",
    "Run": "legonet.run.runner:Run",
    "RunOptions": "legonet.run.options:RunOptions",
    "Score": "legonet.outputs:Score",
    "Tuned": "legonet.run.finetune:Tuned",
    "Tuning": "legonet.run.finetune:Tuning",
    "export": "legonet.compile.export:export",
    "register_method": "legonet.methods:register_method",
    "register_operation": "legonet.ops.table:register_operation",
    "register_output": "legonet.outputs:register_output",
}
"""The module of each public name; it is imported when the name is first asked for."""


def load(path: str | PathLike[str]) -> Network:
    """Open the network of a graph file.

    Args:
        path: The graph file, such as `graphs/animals.yaml`. Its lock file is read too, if there is one.

    Returns:
        The network; what has been built of it is in the workspace's store.

    Raises:
        legonet.errors.GraphError: The file has problems; the message lists all of them.
    """
    from legonet.network import Network

    return Network.load(path)


def __getattr__(name: str) -> Any:
    """Import what is asked for only then, so that `import legonet` stays light."""
    if name == "errors":
        return import_module("legonet.errors")
    if name not in _WHERE:
        raise AttributeError(f"module 'legonet' has no attribute '{name}'")
    module, _, attribute = _WHERE[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
