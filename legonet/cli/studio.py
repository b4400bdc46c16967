"""`legonet studio`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from legonet.cli.options import GraphFile

HERE = "127.0.0.1"


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
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Listen to this address instead of this machine's own; asks for --token.",
        ),
    ] = None,
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

    from legonet.errors import SelectError

    try:
        from legonet.studio.app import BODIES, make_app
        from legonet.web.guard import Rules
        from legonet.web.server import bind, serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "python_multipart", "anyio"):
            raise
        raise SelectError(
            f"legonet studio: {error.name} is not installed; expected the extra `studio`; run: "
            "pip install 'legonet[studio]'"
        ) from error
    from legonet.render.figures import read_figures
    from legonet.studio.studio import Studio

    if host is not None and token is None:
        raise SelectError(
            f"--host {host}: others could reach it; expected a --token of your own, 32 characters or more; "
            "give one, such as of: openssl rand -hex 32"
        )
    if token is not None and (len(token) < 32 or not token.isascii() or not token.isalnum()):
        raise SelectError("--token: expected 32 letters and digits or more; take a longer one")
    secret = token or secrets.token_hex(32)
    opened = Studio(graph, read_only, read_figures(figures) if figures is not None else {})
    listening = bind(host or HERE, port)
    bound = listening.getsockname()[1]
    shown = f"[{host}]" if host and ":" in host else host or HERE
    address = f"http://{shown}:{bound}/#token={secret}"
    app = make_app(opened, Rules(host or HERE, bound, secret, "/api/", bodies=BODIES))
    print(f"{graph}: the studio is at {address}", flush=True)
    print("Ctrl-C closes it; runs go on.", flush=True)
    seen = {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys() or sys.platform == "darwin"
    if seen and not no_browser:
        import webbrowser

        webbrowser.open(address)
    serve(app, listening, stopping=opened.close)
    print("closed", flush=True)
