"""Operations that are layers of torch.nn, such as a convolution with its own weights. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from legonet.compile.export.calls import given
from legonet.ir.graph import Operation, Shape
from legonet.ops.layers import Argument, Code, Layer, LayerCall, Make
from legonet.ops.table import row_of


def layer_of(step: Operation, state: Mapping[str, Tensor], shapes: Mapping[str, Shape]) -> Layer | None:
    """The layer that computes what an operation does.

    Args:
        step: An operation of the model.
        state: The model's tensors.
        shapes: The shapes of the results that are tensors, the batch included.

    Returns:
        The layer, whatever module called the operation; None: there is none.
    """
    row, arguments = row_of(step.function), given(step)
    first = next(iter(arguments.positional.values()), None)
    if row is None or row.layer is None or not isinstance(first, Mapping) or "ref" not in first:
        return None
    if len(list(step.references())) > 1:
        return None
    layer = row.layer(LayerCall(arguments, step.function != row.name, state, shapes))
    if layer is None or not layer.tensors:
        return layer
    if set(step.tensors()) != set(layer.tensors.values()):
        return None
    owners = {name.rpartition(".")[0] for name in layer.tensors.values()}
    dtypes = {state[name].dtype for name in layer.tensors.values()}
    if len(owners) > 1 or len(dtypes) > 1 or len(set(layer.tensors.values())) < len(layer.tensors):
        return None
    (owner,), (dtype,) = owners, dtypes
    kind = Argument("dtype", Code(dtype), Code("torch.float32"))
    counter = f"{owner}.num_batches_tracked"
    more = {"num_batches_tracked": counter} if "running_mean" in layer.tensors and counter in state else {}
    make = (
        layer.make if layer.make.what == "Rescale" else Make(layer.make.what, (*layer.make.arguments, kind))
    )
    return Layer(make, layer.tensors | more, owner)
