"""The same for many machines: an application of Ray Serve. Needs the extras `ray` and `serve` when called."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any

from legonet.errors import DataError, SelectError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from legonet.serve.options import ServeOptions

MORE = 8  # requests that a replica holds beside those that wait, so that it is the queue that refuses


def deployment(
    graph: str | PathLike[str],
    paths: str | Iterable[str] = (),
    *,
    replicas: int = 1,
    gpus: float = 0,
    options: ServeOptions | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    names: Iterable[str] = (),
) -> Any:
    """Make an application of Ray Serve that answers as `legonet serve` does; give it to `ray.serve.run`.

    The network is compiled here, once, and sent to the replicas: they need legonet, but neither the graph
    file nor the store, and one that begins anew later serves the same network still.

    A replica that is lost takes the requests with it that it was answering; Ray answers them with 500. Asking
    again is safe, as predictions change nothing.

    Args:
        graph: The graph file.
        paths: Paths such as `cat:classify`, or applications of the graph, one or several; default: every
            built path.
        replicas: How many of them.
        gpus: GPUs of each replica; 0: it computes on CPUs.
        options: How much each replica computes together, and takes in.
        host: The address that Ray's HTTP proxies listen to, as its `http_options` say.
        port: Their port.
        token: What requests have to know; needed if others than this machine can reach the host.
        names: By what clients call it besides, each as the header `Host` has it.

    Returns:
        A `ray.serve.Application`.

    Raises:
        SelectError: Ray is not installed; there is no such path, or it is not built; others could reach it
            without a token.
        DataError: `replicas` is below 1, or the network takes no images.
    """
    try:
        serve: Any = importlib.import_module("ray.serve")
        from legonet.serve.secured import Place
    except ImportError as error:
        raise SelectError(
            f"legonet.serve.deployment: {error.name} is not installed; expected the extras `ray` and "
            "`serve`; run: pip install 'legonet[ray,serve]' 'ray[serve]'"
        ) from error
    import legonet
    from legonet.serve.options import ServeOptions
    from legonet.serve.service import Service
    from legonet.web.conditions import expect_safe

    if replicas < 1:
        raise DataError(f"replicas: found {replicas}; expected 1 or more; correct it")
    place = Place(host, port, token, tuple(names))
    expect_safe(host, token)
    chosen = options or ServeOptions()
    network = legonet.load(graph).compile(*((paths,) if isinstance(paths, str) else paths))
    Service(network, chosen)  # says now what it could not serve

    def build() -> ASGIApp:
        from legonet.serve.secured import secured

        return secured(network.to("cuda") if gpus else network, chosen, place)

    return serve.deployment(
        serve.ingress(build)(),
        name=network.signature.name if network.signature else "legonet",
        num_replicas=replicas,
        max_ongoing_requests=chosen.queue + MORE,
        ray_actor_options={"num_gpus": gpus},
    ).bind()
