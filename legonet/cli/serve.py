"""`legonet serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from legonet.cli.options import Device, GraphFile, Paths
from legonet.cli.unbuilt import tell_unbuilt

CONNECTIONS = 512  # beyond these there is not even an answer of legonet's


def serve(
    graph: GraphFile,
    path: Paths = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="The address to listen to; one that others can reach asks for --token."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="The port; 0: any that is free.")
    ] = 8000,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="By what clients call it besides, such as behind a proxy; may be given several times.",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            envvar="LEGONET_TOKEN",
            help="What requests have to know, 32 characters or more; better given by the variable.",
        ),
    ] = None,
    device: Device = "cpu",
    batch: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many images are computed together at most.")
    ] = 16,
    wait_ms: Annotated[
        float,
        typer.Option(
            "--wait-ms",
            metavar="MS",
            min=0,
            help="How long an image waits for company while nothing else is computed.",
        ),
    ] = 5.0,
    queue: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many images wait at most; others are refused.")
    ] = 128,
    images: Annotated[int, typer.Option(metavar="N", min=1, help="How many images a request may have.")] = 32,
    megapixels: Annotated[
        float, typer.Option(metavar="N", min=0.001, help="How many the images of a request may have.")
    ] = 32.0,
    megabytes: Annotated[
        float, typer.Option(metavar="N", min=0.001, help="How many a request may have.")
    ] = 32.0,
    grace: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long requests may take to end after a stop.")
    ] = 30.0,
) -> None:
    """Serve paths of the network to applications by HTTP.

    Images in, JSON out; GET / describes it. Requests that come at the same time are computed together. The
    network is read once: what is built meanwhile is served after the next start. SIGTERM and Ctrl-C stop it
    when the requests that it has are answered.
    """
    import legonet
    from legonet.web.conditions import expect_safe, extra

    with extra("serve"):
        from legonet.serve.secured import Place, secured
        from legonet.web.server import bind
        from legonet.web.server import serve as run
    from legonet.blocks.device import find_device
    from legonet.serve.options import ServeOptions

    place = Place(host, port, token, tuple(name or ()))
    expect_safe(host, token)
    options = ServeOptions(batch, wait_ms, queue, images, round(megapixels * 1e6), round(megabytes * 1e6))
    network = legonet.load(graph)
    compiled = network.compile(*(path or []), device=find_device(device))
    tell_unbuilt(network, graph, path)
    with bind(host, port) as listening:
        place = place.at(listening.getsockname()[1])
        app = secured(compiled, options, place)
        paths = ", ".join(each.name for each in compiled.paths)
        print(f"{graph}: {paths} at {place.url}", flush=True)
        run(app, listening, grace, CONNECTIONS)
    print("stopped", flush=True)
