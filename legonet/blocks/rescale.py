"""The re-scaling layer between a category module and an adapter."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Rescale(nn.Module):
    """Multiply features by beta, a fixed scalar: x_out = beta · x.

    beta = E‖f_S(I)‖ / E‖f(I)‖, the ratio of the mean Frobenius norms of the features that the task
    module knows and of those that the category module gives.

    Source: Zhang et al., Network Transplanting, arXiv:1804.10272, section 4.
    """

    beta: Tensor

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("beta", torch.tensor(float(beta)))

    def forward(self, features: Tensor) -> Tensor:
        """Scale features of any shape."""
        return features * self.beta
