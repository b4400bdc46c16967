"""Knowledge amalgamation: a student of one teacher's size learns all teachers' scores from unlabelled images.

At each stage the teachers' features are compressed to a common space, by the linear autoencoder that loses
least (principal components). The student's features first learn these, then all of it the scores.

Source: Shen et al., arXiv:1811.02796, sections 3.2 and 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from benchmarks.peers.descent import learn
from benchmarks.peers.setting import ORDER, Setting
from benchmarks.teacher_training import initial, normalise
from benchmarks.train_teachers import CLASSIFY

STAGES = ("pool1", "pool2", "pool3", "pool4")
STEPS, LEARNING_RATE = 1000, 2e-3  # of either phase


def amalgamated(setting: Setting) -> nn.Module:
    """One student that gives all five scores."""
    images = torch.cat([setting.images(category, 100)[0] for category in ORDER])
    teachers = [setting.teacher(category) for category in ORDER]
    stages = [_stages(teacher, images) for teacher in teachers]
    targets = [_compressed(torch.cat([each[0][at] for each in stages], 1)) for at in range(len(STAGES))]
    scores = torch.cat([each[1] for each in stages], 1)
    student = initial(CLASSIFY.block, len(ORDER), torch.Generator().manual_seed(setting.seed))
    torch.manual_seed(setting.seed)
    readers = nn.ModuleList(nn.Conv2d(each.shape[1], each.shape[1], 1) for each in targets)

    def features(chosen: Tensor) -> Tensor:
        found, _ = _stages(student, images[chosen])
        pairs = zip(readers, found, targets, strict=True)
        return torch.stack([mse_loss(read(own), wanted[chosen]) for read, own, wanted in pairs]).sum()

    def scored(chosen: Tensor) -> Tensor:
        return mse_loss(student(images[chosen]) / scores.std(), scores[chosen] / scores.std())

    how = len(images), STEPS, LEARNING_RATE, setting.seed
    learn([*student.parameters(), *readers.parameters()], features, *how)
    learn(student.parameters(), scored, *how)
    return _Normalised(student.eval().requires_grad_(False))


def _stages(net: nn.Sequential, images: Tensor) -> tuple[list[Tensor], Tensor]:
    """The features at each stage, and the scores."""
    found = []
    for name, layer in net.named_children():
        images = layer(images)
        if name in STAGES:
            found.append(images)
    return found, images


def _compressed(features: Tensor) -> Tensor:
    """The principal components of all teachers' features, as many as one teacher has, of unit scale."""
    count, wide = features.shape[1] // len(ORDER), features.shape[1]
    rows = features.permute(0, 2, 3, 1).reshape(-1, wide)
    rows = rows - rows.mean(0)
    _, vectors = torch.linalg.eigh(rows.T @ rows)
    code = rows @ vectors[:, -count:]
    code = code / code.std()
    return code.view(features.shape[0], *features.shape[2:], count).permute(0, 3, 1, 2).contiguous()


class _Normalised(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        return self.net(normalise(images))
