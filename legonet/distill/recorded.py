"""Whether statistics are those of the modules that they are used for: files of others may hold any."""

from __future__ import annotations

import torch

from legonet.errors import BlockError, DistillError
from legonet.ir.interpreter import GraphModule
from legonet.ir.observe import observed
from legonet.ir.several import maps_taken
from legonet.ir.sizes import shapes_of
from legonet.ops.call import Shape
from legonet.teachers.statistics import Statistics


def expect_own(
    statistics: Statistics | None, g: GraphModule, shape: Shape, path: str, whose: str = "the teacher"
) -> None:
    """Refuse statistics that were recorded at another cut, or of another architecture.

    Args:
        statistics: None is fine.
        g: The task module above the cut.
        shape: Of the features that it takes.
        path: What messages call the place.
        whose: What they call the module's teacher.

    Raises:
        DistillError: They are others'.
    """
    if statistics is None:
        return
    try:
        shapes_of(g.graph, shape, "task module")
    except BlockError as error:
        raise DistillError(str(error)) from error
    units: list[Shape] = []
    weights = next(g.parameters(), torch.empty(0))
    with torch.no_grad():
        features = torch.zeros(1, *shape, device=weights.device)
        output = observed(g, features, lambda value: units.append(tuple(value.shape[1:])))
    recorded = tuple(statistics.means.shape[1:]), [tuple(each.shape) for each in statistics.activity]
    if (*recorded, statistics.maps) != (tuple(shape), units, maps_taken(g.graph) or ()):
        raise DistillError(
            f"{path}: the statistics of {whose} are of features {recorded[0]} and {len(recorded[1])} ReLUs; "
            f"expected features {tuple(shape)} and the ReLUs above its cut; they were recorded at another "
            "cut: run `legonet teacher record`"
        )
    if (found := len(statistics.output_mean)) != output.shape[1]:
        raise DistillError(
            f"{path}: the statistics of {whose} are of {found} outputs; expected {output.shape[1]}; they are "
            "another teacher's: run `legonet teacher record`"
        )
