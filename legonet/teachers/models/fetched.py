"""A teacher's model and weights that lie elsewhere: fetched as a stranger's files, then taken as local ones.

https://…/model.pt2         a file of torch.export; it counts as code, so its address has to be allowed
hf://owner/name             a folder as timm's models have on a hub: `config.json`, which names one of its own
                            architectures, and `model.safetensors`
`weights` may be the address of a file of weights, of a model that is named in any way. Needs torch.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from legonet.blocks.libraries.table import build_model
from legonet.blocks.weightless import without_values
from legonet.errors import StoreError, TeacherError
from legonet.graph.address import is_address, without_secrets
from legonet.remote.address import RemoteAddress
from legonet.remote.download import Downloaded, download
from legonet.remote.place import Place
from legonet.store.blobs import sha256
from legonet.store.settings import cache_folder
from legonet.store.workspace import Workspace
from legonet.teachers.models.table import find_model
from legonet.teachers.tracing.programs import SUFFIX

CONFIG, WEIGHTS = "config.json", "model.safetensors"
_CONFIG_MOST = 2**20  # bytes
_ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", SUFFIX)
Told = Callable[[int, int | None], None]


@dataclass(frozen=True)
class GivenModel:
    """A model, and where its weights are.

    Attributes:
        module: The model.
        weights: The file of its weights, if it has none of its own.
        source: The address that it was fetched from, without passwords; None if it was here.
        sha256: Of the file that was fetched.
        folder: Where that is kept until the teacher is added: the user's own, since what lies in a workspace
            may have come with it and would be taken for what is at the address.
    """

    module: nn.Module
    weights: Path | None = None
    source: str | None = None
    sha256: str | None = None
    folder: Path | None = None


def given_model(
    reference: str,
    weights: str | None,
    allowed: Collection[str],
    workspace: Workspace,
    told: Told = lambda done, total: None,
) -> GivenModel:
    """A model as a user names it, here or elsewhere.

    Args:
        reference: As of `legonet.teachers.models.table.find_model`, or an address.
        weights: A file, or the address of one.
        allowed: Code that may be run; of an address it has to be that.
        workspace: Where blocks are looked up.
        told: Called with how many bytes are there, and of how many.

    Raises:
        LegonetError: It cannot be had, or is not what it should be.
    """
    came: tuple[str, Downloaded] | None = None
    if is_address(reference):
        module, came = _elsewhere(reference, weights, allowed, workspace, told)
    else:
        module = find_model(
            reference, workspace.block_folders, allowed, workspace.root, own_weights=weights is None
        )
    if weights is not None and is_address(weights):
        came = weights, _fetch(weights, workspace, told)
    file = None if weights is None or is_address(weights) else Path(weights)
    if came is None:
        return GivenModel(module, file)
    address, done = came
    if done.path.suffix != SUFFIX and file is None:
        file = done.path
    return GivenModel(module, file, without_secrets(address), done.sha256, done.path.parent)


def forget(given: GivenModel) -> None:
    """Delete what was fetched: the teacher's files are in their place."""
    if given.folder is not None:
        shutil.rmtree(given.folder, ignore_errors=True)


def _elsewhere(
    url: str, weights: str | None, allowed: Collection[str], workspace: Workspace, told: Told
) -> tuple[nn.Module, tuple[str, Downloaded] | None]:
    shown, path = without_secrets(url), url.partition("?")[0]
    if path.endswith(SUFFIX):
        if url not in allowed:
            raise TeacherError(
                f"model {shown}: torch reads such a file with pickle, which can run code that is in it; "
                f"expected an address that you allow; if you trust its maker: --allow-code {shown}"
            )
        done = _fetch(url, workspace, told)
        return find_model(str(done.path), [], [str(done.path)]), (url, done)
    if path.endswith(_ENDINGS):
        raise TeacherError(
            f"model {shown}: is a file of weights; expected what builds the model: a block, "
            f"torchvision:NAME, timm:NAME or package.module:function; give it as --weights {shown}"
        )
    module = _of_timm(url, shown)
    if weights is not None:
        return module, None
    file = f"{url.rstrip('/')}/{WEIGHTS}"
    return module, (file, _fetch(file, workspace, told))


def _of_timm(url: str, shown: str) -> nn.Module:
    """The architecture that a folder's `config.json` names; nothing is run, and timm downloads nothing."""
    where = f"model {shown}"
    try:
        config = json.loads(Place(RemoteAddress.read(url)).read(CONFIG, _CONFIG_MOST))
        name, classes = config["architecture"], config.get("num_classes")
        if not isinstance(name, str) or not (classes is None or type(classes) is int):
            raise TypeError("other values than names and numbers")
    except FileNotFoundError:
        raise TeacherError(
            f"{where}: has no {CONFIG}; expected a folder as timm's models have on a hub, with {CONFIG} and "
            f"{WEIGHTS}, or a {SUFFIX} file; name what builds the model, and give the address as --weights"
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TeacherError(
            f"{where}: its {CONFIG} names no architecture of timm ({type(error).__name__}); expected "
            '{"architecture": "resnet18", …}; name what builds the model, and give the address of its '
            "weights as --weights"
        ) from None
    arguments = {} if classes is None else {"num_classes": classes}
    return without_values(lambda: build_model(f"timm:{name}", arguments, where=where)).eval()


def _fetch(url: str, workspace: Workspace, told: Told) -> Downloaded:
    """A file, under a name of ours: that of an address may be anything."""
    path = url.partition("?")[0].lower()
    ending = next((each for each in _ENDINGS if path.endswith(each)), ".weights")
    key = sha256(f"{workspace.root.resolve()}\n{url}".encode())[:16]
    folder = cache_folder("fetched") / key
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return download(RemoteAddress.read(url), folder / f"weights{ending}", told)
    except FileNotFoundError:
        raise TeacherError(
            f"{without_secrets(url)}: no such file; expected a teacher's weights; check the address"
        ) from None
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written ({error.strerror or error}); expected a folder with free "
            "space that may be written to; check both"
        ) from error
