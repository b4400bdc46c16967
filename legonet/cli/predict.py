"""`legonet predict`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from legonet.cli.options import Device, GraphFile, Json, device

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.graph.schema import Graph


def predict(
    graph: GraphFile,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files, or folders of them.")],
    path: Annotated[list[str] | None, typer.Option(help="A path or application; default: all built paths.")] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Folder for the masks of mask tasks, as PNG files: IMAGE.PATH.png.")
    ] = None,
    device_name: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Run images through paths of the network and print the labels and scores, one line per image and path."""
    import torch

    import legonet
    from legonet.data.pictures import read_image

    network = legonet.load(graph)
    where = device(device_name)
    compiled = network.compile(*(path or []), device=where)
    names = [each.name for each in compiled.paths]
    for file in _files(images):
        image = read_image(file, network.graph.input.shape)
        with torch.no_grad():
            output = compiled(image.unsqueeze(0).to(where))
        outputs = {names[0]: output} if len(names) == 1 else output
        for name, value in outputs.items():
            row = _row(network.graph, name, value[0].cpu())
            if masks is not None and "mask" in row:
                row["mask"] = str(_write_mask(masks, file, name, value[0].cpu()))
            if as_json:
                print(json.dumps({"image": str(file), "path": name, **row}))
            else:
                print(f"{file}  {name}  " + "  ".join(_shown(key, each) for key, each in row.items()))


def _files(given: list[Path]) -> list[Path]:
    from legonet.data.folder import EXTENSIONS
    from legonet.errors import DataError

    files = []
    for each in given:
        if each.is_dir():
            found = sorted(file for file in each.rglob("*") if file.suffix.lower() in EXTENSIONS)
            if not found:
                raise DataError(f"{each}: holds no image; expected files ending in {', '.join(EXTENSIONS)}")
            files += found
        else:
            files.append(each)
    return files


def _row(graph: Graph, path: str, output: Tensor) -> dict[str, Any]:
    category, task = path.split(":")
    meaning = graph.tasks[task].output
    label = graph.categories[category].label or category
    if meaning.kind == "binary":
        score = float(output[0])
        return {"label": meaning.labels[int(score > 0)].replace("{category}", label), "score": round(score, 4)}
    if meaning.kind == "mask":
        return {"mask": "", "label": label, "share": round(float(_mask(output).float().mean()), 4)}
    return {name: round(float(value), 4) for name, value in zip(meaning.names, output, strict=True)}


def _mask(output: Tensor) -> Tensor:
    return output.argmax(0) if len(output) > 1 else (output[0] > 0).long()


def _write_mask(folder: Path, image: Path, path: str, output: Tensor) -> Path:
    import io

    from PIL import Image

    from legonet.store.files import write_file

    levels = _mask(output) * (255 // max(1, len(output) - 1))
    buffer = io.BytesIO()
    Image.fromarray(levels.byte().numpy()).save(buffer, "PNG")
    target = folder / f"{image.stem}.{path.replace(':', '-')}.png"
    write_file(target, buffer.getvalue())
    return target


def _shown(key: str, value: Any) -> str:
    return f"{value:+.3f}" if key == "score" else f"{value:.1%}" if key == "share" else str(value)
