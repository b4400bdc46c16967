"""ONNX, for onnxruntime and others, for any number of photos of any size. Needs the extra `export`."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from legonet.compile.export.pt2 import exported_program
from legonet.compile.network import CompiledNetwork
from legonet.compile.signature import Signature
from legonet.errors import ExportError, first_line
from legonet.ir.recurrence import as_one_call
from legonet.ir.untold import untold

CARD = "legonet"
_ATTENTION = torch.ops.aten.scaled_dot_product_attention.default


def write_onnx(network: CompiledNetwork, signature: Signature, path: Path) -> None:
    """Write it: one input, `images`, one output per path, the signature among the metadata."""
    with warnings.catch_warnings(), as_one_call(), untold():
        warnings.simplefilter("ignore")  # the exporter's own, of its dependencies
        program = exported_program(network)
        if any(node.target is _ATTENTION for node in program.graph.nodes):  # it takes a quarter of the time
            program = program.run_decompositions({_ATTENTION: _spelled_out})
        try:
            made = torch.onnx.export(
                program,
                (),
                input_names=["images"],
                output_names=list(signature.outputs),
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            raise ExportError(
                f"{path.name}: torch cannot write it as ONNX ({first_line(_first_cause(error))}); expected "
                "operations that its exporter knows; choose a .pt2 or a folder"
            ) from error
    assert made is not None  # noqa: S101 - it is only None when it writes a file itself
    _name_axes(made)
    made.model.metadata_props[CARD] = json.dumps(signature.data())
    made.save(path)


def _spelled_out(query: Tensor, *others: Any, **named: Any) -> Any:
    """Attention as products and a softmax, for what torch's exporter does not take: other than four axes."""
    if query.ndim == 4:
        return NotImplemented  # it stays as it is
    return torch.ops.aten._scaled_dot_product_attention_math.default(query, *others, **named)[0]


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _name_axes(made: torch.onnx.ONNXProgram) -> None:
    """Call the axes of any size what they are; torch's exporter calls them `s34` and the like."""
    images = made.model.graph.inputs[0].shape or ()
    named = zip(images, ("batch", "channels", "height", "width"), strict=True)
    made.rename_axes({axis: name for axis, name in named if not isinstance(axis, int)})


def load_onnx(path: Path) -> Callable[[Tensor], Mapping[str, Tensor]]:
    """Load it with onnxruntime, on as many threads as torch has; outputs by path."""
    import onnxruntime

    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()  # its others would wait by spinning
    session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]

    def run(images: Tensor) -> Mapping[str, Tensor]:
        outputs = session.run(names, {"images": images.numpy()})
        return {name: torch.from_numpy(each) for name, each in zip(names, outputs, strict=True)}

    return run


def expect_extra(path: Path) -> None:
    """Refuse to write ONNX where what that needs is not installed.

    Raises:
        ExportError: It is not installed.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(name) is None:
            raise ExportError(
                f"{path}: {name} is not installed; expected the extra `export`; "
                "run: pip install 'legonet[export]'"
            )
