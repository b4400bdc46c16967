"""What people would do instead: other ways to one network out of the animals' five classifiers.

    python -m benchmarks peers

Each gets the same teachers, and the images that it needs; what it gives is measured on the same test images.
A peer is one file with a line in `PEERS`. Settings (steps, learning rates, ranks) were chosen on validation
images, each peer's own.
"""

from __future__ import annotations

from benchmarks.peers.amalgamation import amalgamated
from benchmarks.peers.own import transplanted, transplanted_with_images
from benchmarks.peers.setting import Peer
from benchmarks.peers.side_by_side import side_by_side
from benchmarks.peers.stitching import stitched
from benchmarks.peers.tuning import biases, in_place, low_rank, tuned
from benchmarks.peers.zipping import zipped

PEERS: tuple[Peer, ...] = (
    Peer("the teachers side by side", side_by_side),
    Peer("legonet, no image", transplanted),
    Peer("legonet, 100 unlabelled images", transplanted_with_images, unlabelled=100),
    Peer("linear stitching", stitched, labelled=100),
    Peer("a copy of g_S fine-tuned for each", tuned, labelled=100),
    Peer("g_S's biases fine-tuned for each", biases, labelled=100),
    Peer("LoRA of rank 4 in g_S for each", low_rank, labelled=100),
    Peer("g_S fine-tuned in place, one after the other", in_place, labelled=100),
    Peer("ZipIt!, category modules zipped", zipped, unlabelled=100),
    Peer("knowledge amalgamation", amalgamated, unlabelled=100),
)
