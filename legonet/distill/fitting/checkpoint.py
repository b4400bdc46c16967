"""States of long descents: a job that was cut short goes on where it was, and ends with the same bits.

What comes before a descent is computed again from the seed, to the same bits. A descent itself leaves its
whole state every half minute: parameters, optimiser, learning rate, random generator, and what was measured.
So jobs that take less leave nothing, and cost nothing.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from legonet import foreign
from legonet.errors import StoreError
from legonet.graph.atomic import write_atomically

EVERY = 30.0  # seconds between two states
_DIGEST = 64  # characters that a file begins with: the sha256 of the rest
_METADATA = "legonet"


class Checkpoint:
    """Where one job's descents leave their states.

    Args:
        folder: Made when the first state is written.
        key: Of the job; files begin with it.
        device: That the job computes on. States of another device or number of threads are not gone on from,
            since they lead to other bits.

    Attributes:
        notes: For people, such as that a state could not be written.
    """

    def __init__(self, folder: Path, key: str, device: torch.device | str = "cpu") -> None:
        self.notes: list[str] = []
        self._folder, self._key, self._count = folder, key, 0
        self._made_by = f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads"

    def descent(self, generator: torch.Generator, *measured: list[float]) -> DescentState:
        """The state of the next descent of the job.

        Args:
            generator: That it draws from.
            measured: Lists that its loss adds to.
        """
        self._count += 1
        file = self._folder / f"{self._key}-{self._count}.safetensors"
        return DescentState(file, self._made_by, generator, measured, self.notes)


def clear(folder: Path, *keys: str) -> None:
    """Delete the states of jobs whose results are stored."""
    done = set(keys)
    with suppress(OSError):  # a file that is left over does no harm, and `legonet gc` names it
        for file in folder.iterdir():
            if file.name.rpartition("-")[0] in done:
                file.unlink()


class DescentState:
    """The state of one descent, in a file."""

    def __init__(
        self,
        file: Path,
        made_by: str,
        generator: torch.Generator,
        measured: Sequence[list[float]],
        notes: list[str],
    ) -> None:
        self._file, self._made_by, self._generator, self._notes = file, made_by, generator, notes
        self._measured = measured
        self._saved = time.monotonic()

    def restore(self, optimiser: Optimizer, schedule: LRScheduler | None, losses: list[float]) -> int:
        """Set everything to the state that an earlier attempt left, if it left one; called at the start.

        Returns:
            How many steps are done.
        """
        parameters = [(str(each.dtype), *each.shape) for each in _parameters(optimiser)]
        self._made_by += f", {parameters}, {schedule and schedule.state_dict()}, {optimiser.defaults}"
        found = self._read()
        if found is None:
            return 0
        data, tensors = found
        try:
            self._expect(data, tensors, optimiser, schedule)
        except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError, RuntimeError):
            self._notes.append(f"{self._file}: holds another descent's state; this descent began anew")
            return 0
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            kind, _, index = name.partition(".")
            if index:
                state.setdefault(int(index), {})[kind] = tensor
        with torch.no_grad():
            for index, parameter in enumerate(_parameters(optimiser)):
                parameter.copy_(state[index].pop("parameter"))
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": state, "param_groups": groups})
        for group in optimiser.param_groups:
            group["lr"] = data["learning rate"]
        if schedule is not None:
            schedule.load_state_dict(data["schedule"])
        self._generator.set_state(tensors["generator"])
        losses[:] = data["losses"]
        for values, saved in zip(self._measured, data["measured"], strict=True):
            values[:] = saved
        return int(data["steps"])

    def _expect(
        self,
        data: dict[str, Any],
        tensors: dict[str, Tensor],
        optimiser: Optimizer,
        schedule: LRScheduler | None,
    ) -> None:
        """Look at all of a state before anything is set to it: the file may have come with the workspace.

        Raises:
            ValueError: It does not fit, or another error of what it is made of.
        """
        shapes = {"step": torch.Size(), "exp_avg": None, "exp_avg_sq": None, "parameter": None}
        wanted = {
            f"{kind}.{index}": (parameter.shape if shape is None else shape)
            for index, parameter in enumerate(_parameters(optimiser))
            for kind, shape in shapes.items()
        }
        torch.Generator().set_state(tensors["generator"])
        found = {name: each.shape for name, each in tensors.items() if name != "generator"}
        steps, losses, measured = data["steps"], data["losses"], data["measured"]
        if found != wanted or not all(tensors[name].is_floating_point() for name in wanted):
            raise ValueError("other tensors")
        if type(steps) is not int or len(losses) != steps or len(measured) != len(self._measured):
            raise ValueError("other counts")
        if not all(type(each) is float for values in (losses, *measured) for each in values):
            raise ValueError("no numbers")
        if not _is_like(data["learning rate"], 0.5) or not data["learning rate"] >= 0:
            raise ValueError("no learning rate")
        if not _is_like(data["schedule"], None if schedule is None else schedule.state_dict()):
            raise ValueError("another schedule")

    def step(
        self, steps: int, optimiser: Optimizer, schedule: LRScheduler | None, losses: list[float]
    ) -> None:
        """Write the state after so many steps, if it is time to; a full disk is no reason to stop."""
        if time.monotonic() - self._saved < EVERY:
            return
        tensors = {"generator": self._generator.get_state()}
        for index, parameter in enumerate(_parameters(optimiser)):
            tensors[f"parameter.{index}"] = parameter.detach()
            tensors |= {f"{name}.{index}": value for name, value in optimiser.state[parameter].items()}
        data = {
            "steps": steps,
            "made by": self._made_by,
            "learning rate": optimiser.param_groups[0]["lr"],
            "schedule": None if schedule is None else schedule.state_dict(),
            "losses": losses,
            "measured": self._measured,
        }
        held = {name: value.contiguous().cpu() for name, value in tensors.items()}
        written = safetensors.torch.save(held, {_METADATA: json.dumps(data)})
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file, hashlib.sha256(written).hexdigest().encode() + written)
        except OSError as error:
            note = (
                f"{self._file}: the state of a descent cannot be written ({error.strerror or error}); if the "
                "run is cut short, this job begins anew; check the folder's permissions and the free space"
            )
            if note not in self._notes:
                self._notes.append(note)
        self._saved = time.monotonic()

    def _read(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """What an earlier attempt left; None if nothing, or nothing that can be gone on from."""
        try:
            written = foreign.read_if_there(self._file, foreign.STATE) or b""
        except StoreError as error:
            self._notes.append(f"{error}; the descent began anew")
            return None
        if not written:
            return None
        digest, written = written[:_DIGEST], written[_DIGEST:]
        if hashlib.sha256(written).hexdigest().encode() != digest:
            self._notes.append(f"{self._file}: the state of a descent was damaged; the descent began anew")
            return None
        try:
            size = int.from_bytes(written[:8], "little")
            data = json.loads(json.loads(written[8 : 8 + size])["__metadata__"][_METADATA])
            tensors = safetensors.torch.load(written)
        except (ValueError, LookupError, TypeError, RecursionError, SafetensorError):
            return None
        known = isinstance(data, dict) and data.get("made by") == self._made_by
        return (data, tensors) if known else None


def _parameters(optimiser: Optimizer) -> list[Tensor]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _is_like(found: Any, known: Any) -> bool:
    """Whether JSON holds values of the kinds that are known, under the same keys."""
    if isinstance(known, dict):
        same = isinstance(found, dict) and found.keys() == {str(key) for key in known}
        return same and all(_is_like(found[str(key)], value) for key, value in known.items())
    if isinstance(known, list | tuple):
        return (
            isinstance(found, list)
            and len(found) == len(known)
            and all(_is_like(each, value) for each, value in zip(found, known, strict=True))
        )
    if isinstance(known, float):
        return type(found) in (int, float) and abs(found) < 1e300
    return type(found) is type(known)
