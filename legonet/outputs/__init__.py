"""The kinds of outputs: one file each, and one line each in the table below. Needs no torch."""

from __future__ import annotations

from typing import TypeVar

from legonet.graph.output import OUTPUTS, Output
from legonet.graph.result import Result
from legonet.outputs.binary import BinaryOutput
from legonet.outputs.boxes import Box, Boxes, BoxesOutput
from legonet.outputs.classes import Classes, ClassesOutput
from legonet.outputs.embedding import Embedding, EmbeddingOutput
from legonet.outputs.keypoints import Keypoints, KeypointsOutput
from legonet.outputs.map import Map, MapOutput
from legonet.outputs.mask import MaskOutput
from legonet.outputs.multilabel import Labels, MultilabelOutput
from legonet.outputs.regression import Regression
from legonet.outputs.results import Mask, Numbers, Score
from legonet.outputs.vector import VectorOutput
from legonet.registration import record

__all__ = [
    "BinaryOutput",
    "Box",
    "Boxes",
    "BoxesOutput",
    "Classes",
    "ClassesOutput",
    "Embedding",
    "EmbeddingOutput",
    "Keypoints",
    "KeypointsOutput",
    "Labels",
    "Map",
    "MapOutput",
    "Mask",
    "MaskOutput",
    "MultilabelOutput",
    "Numbers",
    "Output",
    "Regression",
    "Result",
    "Score",
    "VectorOutput",
    "register_output",
]

for _kind in (
    BinaryOutput,
    MaskOutput,
    VectorOutput,
    ClassesOutput,
    MultilabelOutput,
    MapOutput,
    EmbeddingOutput,
    KeypointsOutput,
    BoxesOutput,
):
    OUTPUTS.add(_kind)

Kind = TypeVar("Kind", bound=type[Output])


def register_output(kind: Kind) -> Kind:
    """Add a kind of output; graph files and everything that legonet does know it from then on.

    Worker processes import the module that defines the kind, so it stands, with its registration, in a module
    that can be imported, not in the script that runs.

    Args:
        kind: A subclass of `legonet.Output` that defines all of its abstract members.

    Returns:
        The kind itself, so that this may be written as a decorator.

    Raises:
        GraphError: The kind has no name, a name that is taken, or lacks a member.
    """
    OUTPUTS.add(kind)
    record(f"output kind '{kind.__name__}'", kind.__module__)
    return kind
