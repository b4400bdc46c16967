"""What a server counts, as Prometheus reads it. Needs the extra `serve`."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from legonet import __version__

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counts of one server, in a registry of its own.

    Args:
        network: The name of the network.
        waiting: How many images wait now.
    """

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, network: str, waiting: Callable[[], int]) -> None:
        self._registry = of = CollectorRegistry()
        Info("legonet", "What is served.", registry=of).info({"version": __version__, "network": network})
        self._requests = Counter("legonet_requests", "Requests for predictions.", ["status"], registry=of)
        self._seconds = Histogram("legonet_request_seconds", "Of requests.", buckets=SECONDS, registry=of)
        self._batches = Histogram("legonet_batch_images", "Images of batches.", buckets=IMAGES, registry=of)
        self._batch_seconds = Histogram("legonet_batch_seconds", "Of batches.", buckets=SECONDS, registry=of)
        self.in_flight = Gauge("legonet_requests_in_flight", "Requests that are being answered.", registry=of)
        Gauge("legonet_queue_images", "Images that wait.", registry=of).set_function(waiting)

    def request(self, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(str(status)).inc()
        self._seconds.observe(seconds)

    def batch(self, images: int, seconds: float) -> None:
        """Count a batch that was computed."""
        self._batches.observe(images)
        self._batch_seconds.observe(seconds)

    def text(self) -> bytes:
        """All counts, in Prometheus's text format."""
        return generate_latest(self._registry)
