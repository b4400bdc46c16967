"""`legonet finetune`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from legonet.cli.completion import names_of
from legonet.cli.options import Device, GraphFile, Json, SampleFolders

ROLLED_BACK = 1


def finetune(
    graph: GraphFile,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASK", autocompletion=names_of("tasks"), help="The task whose module is tuned."
        ),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(
            metavar="CATEGORY",
            autocompletion=names_of("categories"),
            help="The category whose module is tuned.",
        ),
    ] = None,
    samples: SampleFolders = None,
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="The number of steps of the descent.")] = 200,
    tolerance: Annotated[
        float, typer.Option(metavar="NUMBER", min=0, help="By how much the measure of a path may grow.")
    ] = 0.01,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="The seed of all that is random.")] = 0,
    device: Device = "cpu",
    as_json: Json = False,
) -> int:
    """Tune a shared module for all its paths.

    The module is that of --task or of --category. A copy of it is tuned, and kept only if no path gets worse.
    Each path is judged on held-out images: by its labels, or by its agreement with the teacher. Without
    --samples images are synthesised from the teacher.
    """
    import legonet
    from legonet.cli.samples import folders_of, open_samples

    network = legonet.load(graph)
    given = open_samples(folders_of(samples or []), network)
    from legonet.run.finetune import Tuning

    tuning = Tuning(task, category, steps, tolerance=tolerance, seed=seed)
    tuned = network.finetune(tuning, given, device=device)
    if as_json:
        paths = {path: asdict(each) for path, each in tuned.paths.items()}
        data = {"accepted": not tuned.worse, "worse": list(tuned.worse), "paths": paths}
        print(json.dumps(data, indent=2))
        return ROLLED_BACK if tuned.worse else 0
    print(tuned.table())
    if tuned.worse:
        print(f"Rolled back: {', '.join(tuned.worse)} got worse by more than {tolerance:g}.")
        return ROLLED_BACK
    print("Accepted.")
    return 0
