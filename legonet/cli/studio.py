"""`legonet studio`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from legonet.cli.options import GraphFile


def studio(
    graph: GraphFile,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="The port; default: any that is free.")
    ] = 0,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show everything, and let nothing be changed.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
    figures: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Measured figures to show: what `legonet evaluate --json` printed."
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="The address to listen to; one that others can reach asks for --token."
        ),
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            envvar="LEGONET_TOKEN",
            help="What requests have to know, 32 characters or more; default: drawn anew at each start.",
        ),
    ] = None,
) -> None:
    """Open the network in the browser.

    Modules are connected by hand, planned, fitted and tried there. Runs are commands of their own: they go on
    when the browser or this command is closed. It listens on this machine only.
    """
    import secrets

    from legonet.web.conditions import expect_safe, extra

    with extra("studio"):
        from legonet.studio.app import BODIES, make_app
        from legonet.web.guard import Rules
        from legonet.web.server import bind, serve
    from legonet.render.figures import read_figures
    from legonet.studio.studio import Studio

    expect_safe(host, token)
    secret = token or secrets.token_hex(32)
    opened = Studio(graph, read_only, read_figures(figures) if figures is not None else {})
    listening = bind(host, port)
    bound = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{bound}/#token={secret}"
    app = make_app(opened, Rules(host, bound, secret, "/api/", bodies=BODIES))
    print(f"{graph}: the studio is at {address}", flush=True)
    print("Ctrl-C closes it; runs go on.", flush=True)
    seen = {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys() or sys.platform == "darwin"
    if seen and not no_browser:
        import webbrowser

        webbrowser.open(address)
    serve(app, listening, stopping=opened.close)
    print("closed", flush=True)
