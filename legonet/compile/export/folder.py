"""A folder of plain Python: model.py, weights.safetensors, card.json and README.md."""

from __future__ import annotations

import importlib.util
import json
import textwrap
from collections.abc import Callable, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path

from torch import Tensor

from legonet.compile.export.source import model_source, needed
from legonet.compile.network import CompiledNetwork
from legonet.compile.signature import Signature
from legonet.ir.modules import raw_tensor
from legonet.store.tensors import write_tensors
from legonet.tables import escaped, markdown_table


def write_folder(network: CompiledNetwork, signature: Signature, path: Path) -> None:
    """Write it."""
    source, keys = model_source(network, signature)
    state = network.state_dict()
    tensors = {new: raw_tensor(state[old], new) for new, old in keys.items()}
    path.mkdir()
    (path / "model.py").write_text(source, encoding="utf-8")
    (path / "weights.safetensors").write_bytes(write_tensors(tensors, {}))
    (path / "card.json").write_text(json.dumps(signature.data(), indent=2) + "\n", encoding="utf-8")
    (path / "README.md").write_text(_readme(signature, needed(network)), encoding="utf-8")


class _Uncached(SourceFileLoader):
    """Leaves no `__pycache__` in the folder that is handed over."""

    def set_data(self, path: str, data: object, *, _mode: int = 0) -> None:
        """Keep no bytecode."""


def load_folder(path: Path) -> Callable[[Tensor], Mapping[str, Tensor]]:
    """Load what was just written, as a user does; outputs by path."""
    name, file = "legonet_exported_model", path / "model.py"
    spec = importlib.util.spec_from_file_location(name, file, loader=_Uncached(name, str(file)))
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - the file is there
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


def _readme(signature: Signature, needs: str) -> str:
    channels = signature.input[0]
    rows = "\n".join(
        f"| `{path}` | {each.kind} | {', '.join(map(escaped, each.labels))} |"
        for path, each in signature.outputs.items()
    )
    sizes, about = ", ".join(map(str, signature.input[1:])), "The model normalises images."
    if signature.image is not None:
        sizes = "any height, any width"
        inputs = {"photos": signature.image, **signature.images}
        said = "; ".join(f"{name}: {image.in_words()}" for name, image in inputs.items())
        about = f"The model makes images of photos ({said}). Masks, maps and boxes come back in its pixels."
    images = textwrap.fill(about, 100)
    first, count = next(iter(signature.outputs)), len(signature.outputs)
    kinds = {each.kind: f"*{each.kind}*: {each.meaning.legend()}." for each in signature.outputs.values()}
    legend = textwrap.fill(" ".join((*kinds.values(), "`card.json` holds the same for programs.")), 100)
    return f"""# {escaped(signature.name)}

A network of {count} path{"s" * (count > 1)}, written by legonet as plain Python.
It needs {needs}, not legonet.

```python
from model import load

model = load()
outputs = model(images)  # images (batch, {channels}, {sizes}) in [0, 1]
print(outputs[{first!r}])
```

| path | kind | labels |
| --- | --- | --- |
{rows}

{legend}
{_origins(signature)}
{images}
"""


def _origins(signature: Signature) -> str:
    """Which teachers it is made of, and under which licences their weights are."""
    if not signature.teachers:
        return ""
    rows = [
        (name, each.licence or "not recorded", each.source or "not recorded")
        for name, each in signature.teachers.items()
    ]
    return f"\n{markdown_table(('teacher', 'licence', 'source'), rows)}"
