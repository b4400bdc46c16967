"""What became of the models, as the page that `python -m benchmarks models` writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.architectures import family_of
from benchmarks.models import Outcome, finished


def _told(outcomes: Sequence[Outcome]) -> str:
    """How many models, and of how many families, were tried to the end, of all that are listed here."""
    ended = {(each.group, family_of(each.group, each.name)) for each in outcomes if finished(each)}
    families = {(each.group, family_of(each.group, each.name)) for each in outcomes}
    count = sum(map(finished, outcomes))
    return f"{count} of {len(outcomes)} models below, of {len(ended)} of {len(families)} families"


def write_table(outcomes: Iterable[Outcome]) -> str:
    """The outcomes as Markdown: how many of each group went well, then a row for each model."""
    outcomes = list(outcomes)
    lines = [
        "# Models that nobody here wrote",
        "",
        "Made by `python -m benchmarks models --results docs/results`. Seconds are of one thread of a busy "
        "machine. Models of segmentation_models_pytorch, transformers and ultralytics are tried where those "
        "are installed. Of each family the smallest is compiled and exported first: so far "
        f"{_told(outcomes)}.",
        "",
        "| group | models | taken in, cut, put together | compiled | exported | all of it "
        "| else said in words |",
        "| --- | --: | --: | --: | --: | --: | --: |",
    ]
    for group in dict.fromkeys(each.group for each in outcomes):
        inside = [each for each in outcomes if each.group == group]
        tried = [each for each in inside if finished(each)]
        failed = [each for each in tried if not each.passed]
        counts = [
            f"{sum(each.same and each.pulled for each in inside)} of {len(inside)}",
            *(
                f"{sum(getattr(each, what) for each in tried)} of {len(tried)}"
                for what in ("joins", "exported", "passed")
            ),
            f"{sum(each.words for each in failed)} of {len(failed)}",
        ]
        lines.append(f"| {group} | {len(inside)} | {' | '.join(counts)} |")
    lines += [
        "",
        "Traced with random weights, cut where about a quarter, a half and three quarters of the "
        "multiplications lie below, saved, loaded and put together again: *same* says that the output has "
        "the same bits, or by how much of the largest output it is rounded otherwise, where legonet says so "
        "to the one who adds it; *pulled*, that the pullback is finite and passes the dot-product test "
        "against its surrogate network; *compiled*, by how much of the largest output the middle cut's "
        "parts, compiled by default, differ; *exports*, likewise of plain Python, .pt2 and ONNX from what "
        "was compiled; empty where that was not tried yet: run the command again, with `--group`, and it is.",
        "",
        "| model | group | side | weights | operations | places | same | pulled | tracing | compiled "
        "| exports | reason |",
        "| --- | --- | --: | --: | --: | --: | --- | --- | --: | --: | --- | --- |",
    ]
    for each in outcomes:
        same, pulled = ("yes" if value else "no" for value in (each.same, each.pulled))
        same = f"{each.rounding:.0e}" if each.same and each.rounding else same
        made = ", ".join(
            "no" if isinstance(found, str) else f"{found:.0e}" for found in each.exports.values()
        )
        lines.append(
            f"| {each.name} | {each.group} | {each.side or ''} | {each.parameters / 1e6:.1f} M | "
            f"{each.operations} | {each.places} | {same} | {pulled} | {each.seconds:.1f} s | "
            f"{'' if each.compiled is None else f'{each.compiled:.0e}'} | {made} | "
            f"{each.reason.replace('|', ' ')} |"
        )
    return "\n".join(lines) + "\n"
