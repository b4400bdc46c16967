"""`legonet predict`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from legonet.cli.options import Device, GraphFile, Json, Paths

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.graph.schema import Graph


def predict(
    graph: GraphFile,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Image files, or folders of them.")
    ],
    path: Paths = None,
    masks: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where masks of mask tasks go, as PNG files: IMAGE.PATH.png."),
    ] = None,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Run images through paths of the network and print labels and scores, one line per image and path."""
    import torch

    import legonet
    from legonet.blocks.device import find_device
    from legonet.data.pictures import check_shape, read_image

    network = legonet.load(graph)
    shape = check_shape(network.graph.input.shape)
    where = find_device(device)
    compiled = network.compile(*(path or []), device=where)
    names = [each.name for each in compiled.paths]
    found, written = [], set[Path]()
    for file in _files(images):
        image = read_image(file, shape)
        with torch.no_grad():
            output = compiled(image.unsqueeze(0).to(where))
        outputs = {names[0]: output} if len(names) == 1 else output
        for name, value in outputs.items():
            row = _row(network.graph, name, value[0].cpu())
            if masks is not None and "share" in row:
                target = _mask_file(masks, file, name, written)
                _write_mask(target, value[0].cpu())
                row["mask"] = str(target)
            found.append({"image": str(file), "path": name, **row})
            if not as_json:
                print(f"{file}  {name}  " + "  ".join(_shown(key, each) for key, each in row.items()))
    if as_json:
        print(json.dumps({"predictions": found}, indent=2))


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
        return {
            "label": meaning.labels[int(score > 0)].replace("{category}", label),
            "score": round(score, 4),
        }
    if meaning.kind == "mask":
        return {"label": label, "share": round(float((_mask(output) > 0).float().mean()), 4)}
    return {name: round(float(value), 4) for name, value in zip(meaning.names, output, strict=True)}


def _mask(output: Tensor) -> Tensor:
    return output.argmax(0) if len(output) > 1 else (output[0] > 0).long()


def _mask_file(folder: Path, image: Path, path: str, written: set[Path]) -> Path:
    """A file of its own for each mask: images of several folders may have one name."""
    stem = f"{image.stem}.{path.replace(':', '-')}"
    target, number = folder / f"{stem}.png", 2
    while target in written:
        target, number = folder / f"{stem}-{number}.png", number + 1
    written.add(target)
    return target


def _write_mask(target: Path, output: Tensor) -> None:
    import io

    from PIL import Image

    from legonet.store.files import write_file

    levels = _mask(output) * (255 // max(1, len(output) - 1))
    buffer = io.BytesIO()
    Image.fromarray(levels.byte().numpy()).save(buffer, "PNG")
    write_file(target, buffer.getvalue())


def _shown(key: str, value: Any) -> str:
    return f"{value:+.3f}" if key == "score" else f"{value:.1%}" if key == "share" else str(value)
