"""Where to compute. Needs torch."""

from __future__ import annotations

import torch

from legonet.errors import LegonetError, first_line


def find_device(name: torch.device | str) -> torch.device:
    """The device of a name, once it is known to work.

    Args:
        name: `cpu`, `cuda`, `cuda:1`, `mps`, …; or `auto`: an accelerator if there is one, else the CPU.

    Raises:
        LegonetError: There is no such device on this machine.
    """
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        return accelerator if accelerator is not None else torch.device("cpu")
    try:
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("holds no values")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = first_line(error)
        if "device type at start of" in reason:  # all that torch was ever built for follows
            reason = "not known"
        raise LegonetError(
            f"device {name}: {reason}; expected a device of this machine; try cpu, or auto"
        ) from error
    return device
