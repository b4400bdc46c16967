"""A job as text that another process or another machine can read."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import safetensors.torch

import legonet.errors
from legonet.distill.fitting.fit import Samples
from legonet.graph.output import OUTPUTS
from legonet.graph.schema import Adapter, Input
from legonet.registration import import_modules, registered_folders, registered_modules
from legonet.run.jobs import Job


def job_data(job: Job) -> dict[str, Any]:
    """Write a job as plain data; `job_of` reads it back as an equal one, in any process.

    Raises:
        LegonetError: What users registered cannot be imported by another process.
    """
    data = {each.name: getattr(job, each.name) for each in fields(job)}
    models = {name: data[name].model_dump(mode="json") for name in ("adapter", "input", "meaning")}
    models["donor_input"] = job.donor_input and job.donor_input.model_dump(mode="json")
    return data | models | {"modules": registered_modules(), "folders": registered_folders()}


def job_of(data: dict[str, Any]) -> Job:
    """The job that `job_data` wrote; first the modules are imported that its parts come from.

    Raises:
        LegonetError: A module cannot be imported here.
    """
    import_modules(data["modules"], data["folders"])
    models = {
        "adapter": Adapter.model_validate(data["adapter"]),
        "input": Input.model_validate(data["input"]),
        "meaning": OUTPUTS.read(data["meaning"]),
        "donor_input": data["donor_input"] and Input.model_validate(data["donor_input"]),
    }
    return Job(
        **{**{name: value for name, value in data.items() if name not in ("modules", "folders")}, **models}
    )


def samples_bytes(samples: Samples) -> bytes:
    """Write samples as a safetensors file."""
    tensors = {"images": samples.images} | ({} if samples.labels is None else {"labels": samples.labels})
    return safetensors.torch.save({name: each.contiguous() for name, each in tensors.items()})


def samples_of(data: bytes | Path) -> Samples:
    """The samples that `samples_bytes` wrote."""
    tensors = safetensors.torch.load(data if isinstance(data, bytes) else data.read_bytes())
    return Samples(tensors["images"], tensors.get("labels"))


def error_data(error: BaseException, trace: str) -> dict[str, str]:
    """Write an error as plain data: those of legonet by name and message, others with their traceback."""
    known = isinstance(error, legonet.errors.LegonetError)
    return {"error": type(error).__name__, "message": str(error) if known else trace}


def error_of(data: dict[str, str]) -> Exception:
    """The error that `error_data` wrote: of its class, or a RuntimeError with the traceback."""
    kind = getattr(legonet.errors, data["error"], None)
    if isinstance(kind, type) and issubclass(kind, legonet.errors.LegonetError):
        return kind(data["message"])
    return RuntimeError(data["message"])


def result_data(result: Any) -> str:
    """Write a result without its adapter as one line of JSON."""
    return json.dumps({name: value for name, value in asdict(result).items() if name != "adapter"})
