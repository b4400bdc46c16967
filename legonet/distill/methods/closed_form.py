"""The method `closed-form`: least squares for the weights, then a short matching of outputs."""

from __future__ import annotations

from legonet.distill.amounts import MATCHING_SYNTHESISED as SYNTHESISED
from legonet.distill.apart import learn_alone
from legonet.distill.context import Context
from legonet.distill.matching import known_features, match_outputs
from legonet.distill.start import start
from legonet.graph.schema import ClosedForm

PATIENCE = 6  # times as many steps without a common base


def fit_closed_form(context: Context, settings: ClosedForm) -> dict[str, float]:
    """Set the adapter to the closed form; see `legonet.distill.least_squares` for the formula.

    Needs no image. Where the teacher's owner recorded statistics, the masks let each unit pass as often
    as it was active, and outputs are matched on synthesised features. Where the two task modules have no
    common base, the adapter learns from outputs alone; see `legonet.distill.start`.

    Returns:
        `residual`, ‖D'_S − D'_T‖ / ‖D'_T‖ of the closed form on fresh draws, unless the modules differ in
        architecture; and, if outputs were matched, `mismatch`: smooth L1 of the outputs on held-out
        features, in units of the teacher's spread.
    """
    begin = start(context, settings)
    quality = {} if begin.residual is None else {"residual": begin.residual}
    if not settings.matching:
        return quality
    if not begin.common:
        return quality | learn_alone(context, PATIENCE * settings.matching)
    known = known_features(context, SYNTHESISED)
    if known is None:
        context.notes.append(
            f"{context.edge.path}: the output's offset is not set: the teacher has no statistics and no "
            "image was given; run `legonet teacher record`, or give some images"
        )
        return quality
    return quality | {"mismatch": match_outputs(context, known, settings.matching)}
