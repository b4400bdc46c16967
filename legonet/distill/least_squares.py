"""The closed form: an adapter's first convolution by linear least squares, from no image at all.

With one convolution W as adapter, the student's pseudo-gradient is D'_S = W^T u_S, where u_S is the
pullback of G through g_S alone. It is linear in W, and the teacher's D'_T does not depend on W. So

    min_W  Σ ‖W^T u_S − D'_T‖²  +  ridge · ‖W‖²

over draws of (G, masks) is linear least squares. Each row is one k x k patch of u_S, each right-hand
side the channels of D'_T at its middle. One Gram matrix of size (C_out k²) is accumulated over the
draws and solved by one Cholesky factorisation in float64. The scalar alpha of equation (3) is absorbed.

Where both task modules begin with a pooling of windows w x w, u_S and D'_T are constant over each window:
their rows are sums of a few numbers, one row per window holds all of them, and the Gram matrix of windows,
w² times cheaper, is spread to that of positions at the end, exactly; see `NormalEquations`.

With several convolutions the others start as the identity, which ReLUs pass, because features after
ReLU and pooling are not negative. Where the modules differ in height or width, the adapter's resampling
stands above the first convolution and is part of u_S's pullback: the problem stays linear.

Where several maps cross, the adapter has a chain for each, and D' has a part for each that is linear in
that chain's W and depends on no other: as many problems, on the same draws.

Source: legonet; the loss is equation (3) of arXiv:1804.10272 without its task loss.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.blocks.adapter import beta_of, chains_of, convolutions, set_identity
from legonet.distill.flops.closed_form import GRAM_BLOCK as BLOCK
from legonet.distill.flops.closed_form import checked, windows_read
from legonet.distill.pullback import Pullback
from legonet.ir.cuts import split_at
from legonet.ir.interpreter import GraphModule, part
from legonet.ir.rows import taken_apart
from legonet.ir.several import maps_given, maps_taken
from legonet.ops.call import Shape

CHUNK = 32  # draws that are in memory together, at most
MEMORY = 2**28  # bytes that one chunk of draws may take, unless a single draw takes more


@dataclass(frozen=True)
class Draw:
    """A batch of draws: G and the ReLU masks, the same for both task modules."""

    gradient: Tensor
    masks: list[Tensor]


class NormalEquations:
    """Accumulates the Gram matrix of k x k patches and their right-hand sides.

    Maps that are constant over windows are given one value per window. The k x k patch at place p of a
    window reads the windows round it, S_p of them at its k² taps, so that

        Gram of positions = Σ_p S_pᵀ (Gram of windows) S_p,     right-hand side = Σ_p S_pᵀ (that of windows)

    Rows of both are ordered by tap, then by channel.

    Args:
        channels_in: The channels of D'_T, the features that the adapter takes.
        channels_out: The channels of u, the features that the convolution gives.
        kernel: The height and width of the convolution; odd.
        device: The device that the sums are kept on, in float64.
        window: The height and width of the windows; 1 if every position has its own value.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        device: torch.device | str,
        window: int = 1,
    ) -> None:
        self.kernel = kernel
        self.channels_out = channels_out
        self.window = window
        self.reach = windows_read(kernel, window)
        rows = channels_out * self.reach**2
        self._gram = torch.zeros(rows, rows, dtype=torch.float64, device=device)
        self._right = torch.zeros(rows, channels_in, dtype=torch.float64, device=device)

    def add(self, u: Tensor, target: Tensor) -> None:
        """Add draws.

        Args:
            u: The gradient above the convolution, of each window: (draws, channels_out, height, width).
            target: The gradient wanted below it, of each window: (draws, channels_in, height, width).
        """
        patches = F.unfold(u, self.reach, padding=self.reach // 2).unflatten(1, (self.channels_out, -1))
        patches = patches.permute(2, 1, 0, 3).reshape(len(self._gram), -1).double()
        wanted = target.transpose(0, 1).reshape(target.shape[1], -1).double()
        for begin in range(0, len(patches), BLOCK):  # the matrix is symmetric: its upper blocks suffice
            rows = slice(begin, begin + BLOCK)
            self._gram[rows, begin:].addmm_(patches[rows], patches[begin:].T)
        self._right.addmm_(patches, wanted.T)

    def solve(self, ridge: float) -> Tensor:
        """Solve for the convolution.

        Args:
            ridge: The ridge, relative to the mean of the Gram matrix's diagonal.

        Returns:
            The weight (channels_out, channels_in, kernel, kernel) in float64.
        """
        gram, right = self._spread()
        diagonal = gram.diagonal().clone()
        scale = diagonal.mean().clamp_min(torch.finfo(torch.float64).tiny)
        gram.diagonal().add_(max(ridge, 1e-14) * scale)
        solution = torch.cholesky_solve(right, torch.linalg.cholesky(gram))
        gram.diagonal().copy_(diagonal)  # in place: of wide cuts the matrix takes most of the memory
        # A patch is read as by a convolution; the pullback is the transposed one: turn the kernel round.
        weight = solution.unflatten(0, (self.kernel, self.kernel, self.channels_out)).flip(0, 1)
        return weight.permute(2, 3, 0, 1).contiguous()

    def _spread(self) -> tuple[Tensor, Tensor]:
        """The Gram matrix and the right-hand side of positions."""
        gram, right = self._gram, self._right
        for begin in range(BLOCK, len(gram), BLOCK):
            gram[begin:, begin - BLOCK : begin] = gram[begin - BLOCK : begin, begin:].T
        if self.window == 1:
            return gram, right
        taps = torch.stack([self._taps(y, x) for y in range(self.window) for x in range(self.window)]).to(
            gram
        )
        pairs = torch.einsum("pam,pbn->abmn", taps, taps).flatten(2).flatten(0, 1)
        blocks = gram.view(taps.shape[2], self.channels_out, taps.shape[2], -1).transpose(1, 2)
        spread = (pairs @ blocks.reshape(len(pairs[0]), -1)).view(self.kernel**2, -1, *blocks.shape[2:])
        rows = self.channels_out * self.kernel**2
        sides = taps.sum(0) @ right.view(taps.shape[2], -1)
        return spread.transpose(1, 2).reshape(rows, rows), sides.view(rows, -1)

    def _taps(self, y: int, x: int) -> Tensor:
        """S_p: for each of the kernel² taps a one at that of the reach² windows which it reads."""
        offsets = torch.arange(self.kernel) - self.kernel // 2
        rows, columns = (
            (place + offsets).div(self.window, rounding_mode="floor") + self.reach // 2 for place in (y, x)
        )
        return F.one_hot((rows[:, None] * self.reach + columns).flatten(), self.reach**2)


@dataclass(frozen=True)
class Solution:
    """What the closed form left.

    Attributes:
        residual: ‖D'_S − D'_T‖ / ‖D'_T‖ over fresh draws; 0 is a perfect fit. Comparable only at equal masks;
            above about 0.8 the two task modules have no common base.
        ridge: The one that was chosen.
    """

    residual: float
    ridge: float


def solve_adapter(
    adapter: GraphModule,
    student: Pullback,
    teacher: Pullback,
    draw: Callable[[int], Draw],
    draws: int,
    ridges: Sequence[float],
    judge: Callable[[], float] | None = None,
) -> Solution:
    """Set an adapter to the closed form, in place.

    Args:
        adapter: The adapter, made by `build_adapter`.
        student: The pullback of g_S.
        teacher: The pullback of g_T; its output and its ReLUs have the shapes of g_S's.
        draw: Returns a batch of that many fresh draws.
        draws: The number of draws in all.
        ridges: The ridge, relative to the mean of the Gram matrix's diagonal; several to choose from.
        judge: Measures the adapter as it is, less is better; without it the first ridge is taken.

    Returns:
        Its residual, and the ridge.
    """
    maps = maps_taken(adapter.graph), maps_given(adapter.graph)
    aboves = [_above_first(chain) for chain in chains_of(adapter)]
    window, student, teacher = _windows(student, teacher, aboves)
    problems = [
        _Problem(chain, above, shape, window)
        for chain, above, shape in zip(
            chains_of(adapter), aboves, maps[0] or (teacher.input_shape,), strict=True
        )
    ]

    def pairs(count: int) -> Iterator[tuple[_Problem, Tensor, Tensor]]:
        batch = draw(count)
        u, wanted = student(batch.gradient, batch.masks), teacher(batch.gradient, batch.masks)
        yield from zip(problems, taken_apart(u, maps[1]), taken_apart(wanted, maps[0]), strict=True)

    with torch.no_grad():
        chunk = _chunk(student, problems)
        for begin in range(0, draws, chunk):
            for problem, u, wanted in pairs(min(chunk, draws - begin)):
                problem.add(u, wanted)
        solved = ridges if judge else ridges[:1]
        for problem in problems:
            problem.solve(solved)

        def place(ridge: float) -> None:
            for problem in problems:
                problem.place(ridge)

        ridge = ridges[0]
        if judge is not None:
            judged = {}
            for each in solved:
                place(each)
                judged[each] = judge()
            ridge = min(judged, key=judged.__getitem__)
        place(ridge)
        wrong = energy = 0.0
        for begin in range(0, fresh := checked(draws), chunk):
            for problem, u, wanted in pairs(min(chunk, fresh - begin)):
                missed, whole = problem.check(u, wanted, ridge)
                wrong += missed
                energy += whole
        residual = (wrong / max(energy, sys.float_info.min)) ** 0.5
        return Solution(residual, ridge)


class _Problem:
    """The least squares of one chain.

    Args:
        chain: Of the adapter.
        above: Its part above the first convolution.
        shape: (channels, height, width) of its part of D'_T, one value for each window.
        window: Height and width of the windows.
    """

    def __init__(self, chain: GraphModule, above: GraphModule, shape: Shape, window: int) -> None:
        self.first, *others = convolutions(chain)
        for conv in others:
            set_identity(conv)
        self.shape, self._window, self._beta = shape, window, beta_of(chain)
        channels_out, channels_in, *_ = self.first.weight.shape
        self._through = Pullback(above, (channels_out, *shape[1:]))
        self._equations = NormalEquations(
            channels_in, channels_out, self.first.kernel, self.first.weight.device, window
        )
        self._before = self.first.weight.clone()
        self._solved: dict[float, Tensor] = {}

    def add(self, u: Tensor, wanted: Tensor) -> None:
        """Add draws of u_S and D'_T."""
        # The adapter's own ReLUs pass everything: the dummy ReLU of the 1st kind (section 4.1).
        self._equations.add(self._through(u), wanted)

    def solve(self, ridges: Sequence[float]) -> None:
        """Solve with each ridge."""
        self._solved = {ridge: self._equations.solve(ridge) for ridge in ridges}

    def place(self, ridge: float) -> None:
        """Set the first convolution to a solution."""
        # A hidden channel that nothing above reads keeps its random start: with zeros on both sides of
        # it, no descent could ever use it.
        weight, first = self._solved[ridge], self.first
        read = weight.flatten(1).any(1)
        first.weight.copy_(self._before)
        first.weight[read] = (weight[read] / (1 if self._beta is None else self._beta)).to(first.weight)
        if first.bias is not None:
            first.bias[read] = 0

    def check(self, u: Tensor, wanted: Tensor, ridge: float) -> tuple[float, float]:
        """The squares of what a solution misses of fresh draws, and of all that is wanted."""
        u, wanted = (
            each.repeat_interleave(self._window, -2).repeat_interleave(self._window, -1)
            for each in (self._through(u), wanted)
        )
        found = F.conv_transpose2d(u, self._solved[ridge].to(u), padding=self.first.kernel // 2)
        return float((found - wanted).double().square().sum()), float(wanted.double().square().sum())


def _above_first(chain: GraphModule) -> GraphModule:
    return part(chain, split_at(chain.graph, convolutions(chain)[0].name)[1])


def _windows(
    student: Pullback, teacher: Pullback, aboves: Sequence[GraphModule]
) -> tuple[int, Pullback, Pullback]:
    """The windows over which u_S and D'_T are constant, and the pullbacks that end with one value for each.

    Below the pooling each value is divided by w², on both sides of the equations: that is left out.
    """
    # Above the first convolution the others are identities.
    pointwise = all(
        step.function in ("conv2d", "relu") for above in aboves for step in above.graph.steps.values()
    )
    if not pointwise or student.window != teacher.window:
        return 1, student, teacher
    return student.window, student.above_window(), teacher.above_window()


def _chunk(student: Pullback, problems: Sequence[_Problem]) -> int:
    """How many draws fit into the memory of a chunk: their masks, and the patches in both precisions."""
    masks = sum(math.prod(shape) for shape in student.relu_shapes)
    patches = sum(
        len(each.first.weight) * each.first.kernel**2 * math.prod(each.shape[1:]) for each in problems
    )
    return min(CHUNK, max(1, MEMORY // (16 * masks + 16 * patches)))
