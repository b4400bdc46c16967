"""The closed form: an adapter's first convolution by linear least squares, from no image at all.

With one convolution W as adapter, the student's pseudo-gradient is D'_S = W^T u_S, where u_S is the
pullback of G through g_S alone. It is linear in W, and the teacher's D'_T does not depend on W. So

    min_W  Σ ‖W^T u_S − D'_T‖²  +  ridge · ‖W‖²

over draws of (G, masks) is linear least squares. Each row is one k x k patch of u_S, each right-hand
side the channels of D'_T at its middle. One Gram matrix of size (C_out k²) is accumulated over the
draws and solved by one Cholesky factorisation in float64. The scalar alpha of equation (3) is absorbed.

With several convolutions the others start as the identity, which ReLUs pass, because features after
ReLU and pooling are not negative. Where the modules differ in height or width, the adapter's resampling
stands above the first convolution and is part of u_S's pullback: the problem stays linear.

Source: legonet; the loss is equation (3) of arXiv:1804.10272 without its task loss.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from legonet.blocks.adapter import convolutions, set_identity
from legonet.blocks.rescale import Rescale
from legonet.distill.pullback import AnyPullback, Pullback

CHUNK = 32  # draws that are in memory together, at most
MEMORY = 2**28  # bytes that one chunk of draws may take, unless a single draw takes more
BLOCK = 192  # rows of the Gram matrix that are computed together
CHECKED = 32  # fresh draws for the residual, at most; a quarter of those of the fit


@dataclass(frozen=True)
class Draw:
    """A batch of draws: G and the ReLU masks, the same for both task modules."""

    gradient: Tensor
    masks: list[Tensor]


class NormalEquations:
    """Accumulates the Gram matrix of k x k patches and their right-hand sides.

    Args:
        channels_in: channels of D'_T, the features that the adapter takes.
        channels_out: channels of u, the features that the convolution gives.
        kernel: height and width of the convolution; odd.
        device: where the sums are kept, in float64.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, device: torch.device | str) -> None:
        self.kernel = kernel
        self.channels_out = channels_out
        rows = channels_out * kernel * kernel
        self.gram = torch.zeros(rows, rows, dtype=torch.float64, device=device)
        self.right = torch.zeros(rows, channels_in, dtype=torch.float64, device=device)

    def add(self, u: Tensor, target: Tensor) -> None:
        """Add draws.

        Args:
            u: (draws, channels_out, height, width), the gradient above the convolution.
            target: (draws, channels_in, height, width), the gradient wanted below it.
        """
        patches = F.unfold(u, self.kernel, padding=self.kernel // 2)
        patches = patches.transpose(0, 1).reshape(patches.shape[1], -1).double()
        wanted = target.transpose(0, 1).reshape(target.shape[1], -1).double()
        for begin in range(0, len(patches), BLOCK):  # the matrix is symmetric: its upper blocks suffice
            rows = slice(begin, begin + BLOCK)
            self.gram[rows, begin:].addmm_(patches[rows], patches[begin:].T)
        self.right.addmm_(patches, wanted.T)

    def solve(self, ridge: float) -> Tensor:
        """Solve for the convolution.

        Args:
            ridge: relative to the mean of the Gram matrix's diagonal.

        Returns:
            The weight (channels_out, channels_in, kernel, kernel) in float64.
        """
        scale = self.gram.diagonal().mean().clamp_min(torch.finfo(torch.float64).tiny)
        ridged = self.symmetric()
        ridged.diagonal().add_(max(ridge, 1e-14) * scale)
        solution = torch.cholesky_solve(self.right, torch.linalg.cholesky(ridged))
        # A patch is read as by a convolution; the pullback is the transposed one: turn the kernel round.
        weight = solution.T.reshape(-1, self.channels_out, self.kernel, self.kernel)
        return weight.transpose(0, 1).flip(-2, -1).contiguous()

    def symmetric(self) -> Tensor:
        """The whole Gram matrix (channels_out k², channels_out k²)."""
        upper = self.gram.triu()
        return upper + upper.triu(1).T


class Excess:
    """How much farther than the closed form a convolution is from the teacher's pseudo-gradients.

        excess(W) = (‖Wᵀ u_S − D'_T‖² − min) / ‖W*ᵀ u_S‖² = tr (W − W*)ᵀ Gram (W − W*) / tr W*ᵀ Gram W*

    This is the second term of equation (3), summed over all draws at once: no draw is needed to evaluate it.

    Args:
        conv: the adapter's first convolution, as solved.
        gram: of the patches, as `NormalEquations.symmetric` gives it.
    """

    def __init__(self, conv: nn.Conv2d, gram: Tensor) -> None:
        self._conv = conv
        self._gram = (gram / gram.diagonal().mean().clamp_min(sys.float_info.min)).to(conv.weight)
        self._solved = conv.weight.detach().clone()
        self._energy = self._square(self._solved).clamp_min(torch.finfo(conv.weight.dtype).tiny)

    def __call__(self) -> Tensor:
        """A scalar for the convolution's weight as it is now; 0 at the closed form."""
        return self._square(self._conv.weight - self._solved) / self._energy

    def _square(self, weight: Tensor) -> Tensor:
        rows = weight.transpose(0, 1).flip(-2, -1).flatten(1)  # (channels_in, channels_out k²)
        return ((rows @ self._gram) * rows).sum()


@dataclass(frozen=True)
class Solution:
    """What the closed form left.

    Attributes:
        residual: ‖D'_S − D'_T‖ / ‖D'_T‖ over fresh draws; 0 is a perfect fit. Comparable only at equal masks;
            above about 0.8 the two task modules have no common base.
        excess: what later changes of the adapter add to it.
    """

    residual: float
    excess: Excess


def solve_adapter(
    adapter: nn.Sequential,
    student: AnyPullback,
    teacher: AnyPullback,
    draw: Callable[[int], Draw],
    draws: int,
    ridge: float,
) -> Solution:
    """Set an adapter to the closed form, in place.

    Args:
        adapter: the chain made by `build_adapter`.
        student: pullback of g_S.
        teacher: pullback of g_T; its output and its ReLUs have the shapes of g_S's.
        draw: returns a batch of that many fresh draws.
        draws: how many draws in all.
        ridge: relative to the mean of the Gram matrix's diagonal.

    Returns:
        Its residual, and how to tell what later changes add to it.
    """
    first, *others = convolutions(adapter)
    for conv in others:
        set_identity(conv)
    above = nn.Sequential(
        *[layer for layer in adapter if layer is not first and not isinstance(layer, Rescale)]
    )
    through = Pullback(above, (first.out_channels, *teacher.input_shape[1:]))
    beta = next((layer.beta for layer in adapter if isinstance(layer, Rescale)), first.weight.new_ones(()))

    def pair(count: int) -> tuple[Tensor, Tensor]:
        # The adapter's own ReLUs pass everything: the dummy ReLU of the 1st kind (section 4.1).
        batch = draw(count)
        return through(student(batch.gradient, batch.masks)), teacher(batch.gradient, batch.masks)

    with torch.no_grad():
        equations = NormalEquations(
            first.in_channels, first.out_channels, first.kernel_size[0], first.weight.device
        )
        chunk = _chunk(student, teacher, first)
        for begin in range(0, draws, chunk):
            equations.add(*pair(min(chunk, draws - begin)))
        weight = equations.solve(ridge)
        # A hidden channel that nothing above reads keeps its random start: with zeros on both sides of it,
        # no descent could ever use it.
        read = weight.flatten(1).any(1)
        first.weight[read] = (weight[read] / beta).to(first.weight)
        if first.bias is not None:
            first.bias[read] = 0
        wrong = energy = 0.0
        for begin in range(0, checked := min(CHECKED, -(-draws // 4)), chunk):
            u, wanted = pair(min(chunk, checked - begin))
            found = F.conv_transpose2d(u, weight.to(u), padding=first.kernel_size[0] // 2)
            wrong += float((found - wanted).double().square().sum())
            energy += float(wanted.double().square().sum())
        residual = (wrong / max(energy, sys.float_info.min)) ** 0.5
        return Solution(residual, Excess(first, equations.symmetric()))


def _chunk(student: AnyPullback, teacher: AnyPullback, first: nn.Conv2d) -> int:
    """How many draws fit into the memory of a chunk: their masks, and the patches in both precisions."""
    masks = sum(math.prod(shape) for shape in student.relu_shapes)
    patches = first.out_channels * math.prod(first.kernel_size) * math.prod(teacher.input_shape[1:])
    return min(CHUNK, max(1, MEMORY // (16 * masks + 16 * patches)))
