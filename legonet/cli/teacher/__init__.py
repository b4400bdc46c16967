"""`legonet teacher`."""

from __future__ import annotations

import typer

from legonet.cli.options import Help
from legonet.cli.teacher.add import add
from legonet.cli.teacher.inspect import inspect
from legonet.cli.teacher.record import record

app = typer.Typer(
    help="Inspect, add and record teachers.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_help_option=False,
)


@app.callback()
def _teacher(show_help: Help = False) -> None:
    """Inspect, add and record teachers."""


app.command("inspect")(inspect)
app.command("add")(add)
app.command("record")(record)
