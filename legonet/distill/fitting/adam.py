"""Torch's Adam, without torch's compiler, which its optimisers import for as long as torch itself takes."""

from __future__ import annotations

import inspect

import torch
from torch.optim import Optimizer


class Adam(torch.optim.Adam):
    """The same steps, to the bit; it cannot be compiled."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))
    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)
