"""The method `closed-form`: least squares for the weights, then a short matching of outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from legonet.distill.flops.matching import matching_operations
from legonet.distill.flops.refinement import patience_expected
from legonet.distill.flops.work import Work
from legonet.graph.fields import Natural
from legonet.graph.method import Method
from legonet.graph.schema import Solving

if TYPE_CHECKING:
    from legonet.distill.fitting.context import Context

IMAGINED = 256  # features whose masks are drawn
SYNTHESISED = 256  # features drawn from the statistics, to match outputs on
PATIENCE = 6  # times as many steps without a common base


class ClosedForm(Solving, Method):
    """Least squares for the adapter's first convolution, and a short matching of outputs."""

    name: Literal["closed-form"]
    matching: Natural = Field(
        default=100, description="steps of output matching after the solution, which sets the output's offset"
    )

    def cost(self, work: Work) -> int:
        """The solution, masks that are not drawn but found, and the matching."""
        return self._solved(work) + self._matched(work)

    def _solved(self, work: Work) -> int:
        operations = work.closed_form(self.draws)
        if self.masks == "imagined":
            features = work.affordable(IMAGINED)
            operations += work.synthetic(features) + (features + work.images) * work.teacher
        return operations

    def _matched(self, work: Work, patience: int | None = None) -> int:
        times = patience_expected(work, PATIENCE) if patience is None else patience
        steps = round(times * self.matching)
        return matching_operations(work, SYNTHESISED, steps) if steps else 0

    def fit(self, context: Context) -> dict[str, float]:
        """Set the adapter to the closed form; see `legonet.distill.least_squares` for the formula.

        Needs no image. Where the teacher's owner recorded statistics, the masks let each unit pass as often
        as it was active, and outputs are matched on synthesised features. Where the two task modules have no
        common base, the adapter learns from outputs alone; see `legonet.distill.fitting.initialisation`.

        Returns:
            `residual`, ‖D'_S − D'_T‖ / ‖D'_T‖ of the closed form on fresh draws, unless the modules differ in
            architecture; and, if outputs were matched, `mismatch`: smooth L1 of the outputs on held-out
            features, in units of the teacher's spread.
        """
        from legonet.distill.fitting.initialisation import initialise
        from legonet.distill.fitting.matching import known_features, match_outputs

        context.begin(lambda work: (self._solved(work), self._matched(work)))
        begin = initialise(context, self, IMAGINED)
        quality = {} if begin.residual is None else {"residual": begin.residual}
        if not self.matching:
            return quality
        known = known_features(context, SYNTHESISED)
        if known is None:
            context.notes.append(
                f"{context.edge.path}: the output's offset is not set: the teacher has no statistics and no "
                "image was given; run `legonet teacher record`, or give some images"
            )
            return quality
        patience = 1 if begin.common else PATIENCE
        context.begin(lambda work: (self._matched(work, patience), 0))
        return quality | {"mismatch": match_outputs(context, known, patience * self.matching)}
