"""The commands, in the order that help lists them."""

from __future__ import annotations

import typer

from benchmarks.cli import (
    at_once,
    cells,
    compile,  # noqa: A004 - the command's name
    fuzz,
    ideas,
    kills,
    large,
    messages,
    models,
    paper,
    peers,
    photos,
    report,
    saving,
    scale,
    scenes,
    serve,
    shapes,
    sides,
    speed,
)
from legonet.cli.options import Help

app = typer.Typer(
    help="Experiments, measured on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    add_help_option=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("at-once")(at_once.at_once)
app.command("paper")(paper.paper)
app.command("speed")(speed.speed)
app.command("serve")(serve.serve)
app.command("scale")(scale.scale)
app.command("compile")(compile.compile)
app.command("report")(report.report)
app.command("models")(models.models)
app.command("saving")(saving.saving)
app.command("sides")(sides.sides)
app.command("peers")(peers.peers)
app.command("scenes")(scenes.scenes)
app.command("messages")(messages.messages)
app.command("photos")(photos.photos)
app.command("fuzz")(fuzz.fuzz)
app.command("kills")(kills.kills)
app.command("cells")(cells.cells)
app.command("large")(large.large)
app.command("shapes")(shapes.shapes)
app.command("ideas")(ideas.ideas)


@app.callback()
def _benchmarks(show_help: Help = False) -> None:
    """Experiments, measured on this machine."""
