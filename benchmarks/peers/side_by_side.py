"""No merging: each teacher as it is."""

from __future__ import annotations

from torch import nn

from benchmarks.peers.setting import ORDER, Joined, Setting


def side_by_side(setting: Setting) -> nn.Module:
    """All teachers."""
    pairs = [setting.halves(category) for category in ORDER]
    return Joined([below for below, _ in pairs], [above for _, above in pairs])
