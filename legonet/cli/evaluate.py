"""`legonet evaluate`."""

from __future__ import annotations

import json

from legonet.cli.options import Data, Device, GraphFile, Json, Paths


def evaluate(
    graph: GraphFile,
    path: Paths = None,
    data: Data = "animals",
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Measure teachers and paths on labelled images.

    Paths are measured with and without their adapters; for binary tasks also: how often each category's path
    says yes to images of every category.
    """
    import legonet

    found = legonet.load(graph).evaluate(data, path, device=device)
    print(json.dumps(found.data(), indent=2) if as_json else found)
