"""What a graph file calls things does nothing in the README of an export."""

from __future__ import annotations

from legonet.compile.export.folder import _readme
from legonet.compile.signature import OutputSignature, Signature
from legonet.outputs.binary import BinaryOutput


def test_labels_are_shown_as_they_are() -> None:
    label = "a|b <img src=x onerror=run()> [here](javascript:run) `x` *y* # z"
    outputs = {"cat:classify": OutputSignature(BinaryOutput(kind="binary"), label)}
    text = _readme(Signature("zoo", (3, 8, 8), None, None, outputs), "torch")
    (row,) = [line for line in text.split("\n") if line.startswith("| `cat:classify`")]
    assert r"a\|b \<img src=x onerror=run()\> \[here\](javascript:run) \`x\` \*y\* \# z" in row
    assert row.replace(r"\|", "").count("|") == 4
