"""Writes a compiled network to be run without legonet: .pt2, .onnx, or a folder of plain Python. Needs torch.

Whatever is written is loaded again and compared with the network before it counts as done.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from legonet import foreign
from legonet.compile.export.aot import expect_compiler, load_aot, write_aot
from legonet.compile.export.beside import Beside, size_of, weigh
from legonet.compile.export.folder import load_folder, write_folder
from legonet.compile.export.int8 import write_int8
from legonet.compile.export.int8_pt2 import write_int8_pt2
from legonet.compile.export.onnx import expect_extra, load_onnx, write_onnx
from legonet.compile.export.pt2 import CARD, load_pt2, write_pt2
from legonet.compile.network import CompiledNetwork
from legonet.compile.options import Running
from legonet.data.photos import Images
from legonet.errors import ExportError, StoreError

TOLERANCE = 1e-5
ROUNDINGS = 3  # two float32 networks round apart, and sums in another order may round a little more
BATCHES = (1, 3, 8)

Run = Callable[[Tensor], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file or folder.
        size: Its size in bytes.
        difference: The largest difference of any output, as a share of the largest output, or of 1.
        beside: Of what is smaller or faster than the plain form: what it gains and costs; else None.
    """

    path: Path
    size: int
    difference: float
    beside: Beside | None = None


def export(
    network: CompiledNetwork,
    path: Path | str,
    *,
    aot: bool = False,
    int8: bool = False,
    images: Images | None = None,
) -> Exported:
    """Write a compiled network, and check that what was written computes the same.

    Args:
        network: A network that `Network.compile` made for images, on the CPU.
        path: `app.pt2`: torch.export's format. `app.onnx`: ONNX, with weights inside. Any other name without
            an ending: a folder with model.py, weights.safetensors, card.json and README.md. Where they are
            there already, these four are replaced, and other files of the folder stay.
        aot: Of a .pt2: machine code for processors like this one, by torch's AOTInductor and a C++ compiler.
        int8: Of a .pt2 or .onnx: weights of 8 bits. Outputs differ; how far they still decide alike is
            measured.
        images: With aot or int8: what both forms are compared on, in any form that `predict` takes; default:
            noise, on which networks decide less well than on what they know.

    Returns:
        What was written, and by how much its outputs differ.

    Raises:
        ExportError: The ending is unknown, a format cannot hold the network, or outputs differ. Nothing is
            left half written; what was there is untouched.
    """
    path = Path(path)
    write, load = _format(path)
    derived = _derived(path, aot, int8)
    if network.signature is None or network.separate_inputs:
        raise ExportError(
            f"{path}: found a network {'for images by category' if network.signature else 'joined by hand'}; "
            "expected one for images that net.compile gave; compile it so"
        )
    if network.running != Running(memory_format=network.running.memory_format):
        raise ExportError(
            f"{path}: found a network that runs {network.running}; expected one on the CPU, in float32, as "
            "it stands; compile it without device, dtype, torch_compile and cuda_graphs"
        )
    if path.is_symlink():
        raise ExportError(f"{path}: a link, which is not followed; choose another name")
    if path.exists() and path.is_dir() != (not path.suffix):
        raise ExportError(
            f"{path}: is {'a folder' if path.is_dir() else 'a file'} already; choose another name"
        )
    if path.is_dir() and any(path.iterdir()) and not _was_exported(path):
        raise ExportError(
            f"{path}: a folder of something else; expected a new or an empty one; choose another"
        )
    network = network.eval()
    with torch.no_grad():  # what torch cannot compute is told by the operation's name, not by an exporter
        network.by_path(torch.zeros(1, *(network.input_shape or (1, 1, 1))))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            made = Path(folder) / path.name
            write(network, network.signature, made)
            beside = None
            if derived is None:
                run = load(made)
            else:
                plain = made.replace(made.with_name(f"plain{path.suffix}"))
                derive, load_derived = derived
                derive(plain, made)
                run = load_derived(made)
                beside = weigh(run, load(plain), size_of(plain), network, images)
            difference = beside.difference if int8 and beside else _compare(network, run, path)
            size = size_of(made)
            for new, old in _replacements(made, path):
                new.replace(old)
    except OSError as error:
        raise ExportError(
            f"{path}: cannot be written ({error.strerror or error}); expected a folder with free space that "
            "may be written to; check both; what was there is untouched"
        ) from error
    return Exported(path, size, difference, beside)


def _was_exported(folder: Path) -> bool:
    """Whether a folder is one that was written here."""
    try:
        signature = json.loads(foreign.read(folder / CARD, foreign.SETTINGS))
    except (StoreError, ValueError, RecursionError):
        return False
    return isinstance(signature, dict) and {"name", "input", "outputs"} <= signature.keys()


def _replacements(made: Path, path: Path) -> list[tuple[Path, Path]]:
    """What takes whose place; files of a folder that is there, one by one, since users keep others in it."""
    if not path.is_dir():
        return [(made, path)]
    return [(each, path / each.name) for each in made.iterdir() if each.is_file()]


def _format(path: Path) -> tuple[Callable[..., None], Callable[[Path], Run]]:
    formats = {
        ".pt2": (write_pt2, load_pt2),
        ".onnx": (write_onnx, load_onnx),
        "": (write_folder, load_folder),
    }
    if path.suffix not in formats:
        raise ExportError(
            f"{path}: found the ending {path.suffix!r}; expected .pt2, .onnx, or none for a folder; "
            "the ending chooses the format"
        )
    if path.suffix == ".onnx":
        expect_extra(path)
    return formats[path.suffix]


def _derived(
    path: Path, aot: bool, int8: bool
) -> tuple[Callable[[Path, Path], None], Callable[[Path], Run]] | None:
    """What is made of the plain form; None: nothing."""
    for name, asked, suffixes in (("aot", aot, (".pt2",)), ("int8", int8, (".pt2", ".onnx"))):
        if asked and path.suffix not in suffixes:
            raise ExportError(
                f"{path}: found {name}, which is of {' and '.join(suffixes)} alone; expected such an ending; "
                f"choose it, or leave {name} out"
            )
    if aot and int8:
        raise ExportError(f"{path}: found aot and int8; expected one of them; leave the other out")
    if aot:
        expect_compiler(path)
        return write_aot, load_aot
    if not int8:
        return None
    return (write_int8_pt2, load_pt2) if path.suffix == ".pt2" else (write_int8, load_onnx)


def _compare(network: CompiledNetwork, run: Run, path: Path) -> float:
    """Largest difference of any output on random images: batches, and photos, of several sizes.

    Raises:
        ExportError: The difference is larger than the tolerance, and than what rounding explains.
    """
    generator = torch.Generator().manual_seed(0)
    channels, *size = network.input_shape or (1, 1, 1)
    others = [] if network.photos is None else [(size[0] + 5, 2 * size[1]), (max(1, size[0] // 2), size[1])]
    batches = [torch.rand(batch, channels, *size, generator=generator) for batch in BATCHES]
    batches += [torch.rand(1, channels, *other, generator=generator) for other in others]
    with torch.no_grad():
        worst = _largest(_apart(network, run(images), network.by_path(images)) for images in batches)
        allowed = TOLERANCE if worst <= TOLERANCE else max(TOLERANCE, ROUNDINGS * _rounding(network, batches))
    if not worst <= allowed:
        raise ExportError(
            f"{path}: its outputs differ from the network's by {worst:.1e}; expected at most {allowed:.0e}; "
            "compile with `--passes none` (passes='none'), and report it"
        )
    return worst


def _rounding(network: CompiledNetwork, batches: Sequence[Tensor]) -> float:
    """What a network's own outputs in float32 differ by from those in float64, as a share of the largest."""
    exact = copy.deepcopy(network).double()
    return _largest(
        _apart(network, network.by_path(images), exact.by_path(images.double())) for images in batches
    )


def _apart(network: CompiledNetwork, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> float:
    """The largest difference of any path's output, as its kind measures it."""
    assert network.signature is not None  # noqa: S101 - `export` asks for one
    outputs = network.signature.outputs
    return _largest(outputs[path].meaning.apart(found[path], value) for path, value in wanted.items())


def _largest(values: Iterable[float]) -> float:
    """The largest, or NaN where there is one, which `max` may pass over."""
    return float(torch.tensor(list(values)).max())
