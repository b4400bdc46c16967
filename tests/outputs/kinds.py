"""An example of each kind of output."""

from legonet.outputs import Output
from legonet.outputs.binary import BinaryOutput
from legonet.outputs.boxes import BoxesOutput, Level
from legonet.outputs.classes import ClassesOutput
from legonet.outputs.embedding import EmbeddingOutput
from legonet.outputs.keypoints import KeypointsOutput
from legonet.outputs.map import MapOutput
from legonet.outputs.mask import MaskOutput
from legonet.outputs.multilabel import MultilabelOutput
from legonet.outputs.vector import VectorOutput

EXAMPLES: dict[str, Output] = {
    "binary": BinaryOutput(kind="binary"),
    "mask": MaskOutput(kind="mask", labels=("other", "{category}", "edge of {category}")),
    "vector": VectorOutput(kind="vector", names=("x of {category}", "y")),
    "classes": ClassesOutput(
        kind="classes",
        labels=("other", "{category}", "young {category}"),
        labels_of={"dog": ("wolf", "dog", "puppy")},
        top=2,
    ),
    "map": MapOutput(kind="map", names=("depth of {category}", "tilt"), unit="m", size=(3, 4)),
    "embedding": EmbeddingOutput(kind="embedding", size=6, top=2),
    "keypoints": KeypointsOutput(
        kind="keypoints", names=("head of {category}", "tail"), size=(6, 8), within=0.2
    ),
    "boxes": BoxesOutput(
        kind="boxes",
        labels=("{category}", "tail"),
        levels=(Level(size=(3, 4), stride=2), Level(size=(1, 2), stride=4, anchors=((4, 4), (8, 4)))),
        quality="centerness",
        objects=2,
    ),
    "multilabel": MultilabelOutput(kind="multilabel", labels=("{category}", "grass", "sky")),
}
