from __future__ import annotations

import pytest
import torch

from legonet.outputs.embedding import Embedding, EmbeddingOutput

KIND = EmbeddingOutput(kind="embedding", size=2, top=2)


def test_retrieval() -> None:
    """The second image's nearest is of another thing, the next one of its own; nothing is as the last."""
    output = torch.tensor([[1.0, 0.0], [0.9, 0.5], [0.8, 0.6], [0.0, 2.0]])
    labels = torch.tensor([7, 7, 3, 5])
    assert KIND.measures(output, labels) == {"retrieval@1": 0.5, "retrieval@2": 1.0}
    assert KIND.measures(output, torch.arange(4)) == {"retrieval@1": 0.0, "retrieval@2": 0.0}


def test_only_the_direction_counts() -> None:
    teacher, scale = torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.ones(1, 2)
    assert float(KIND.disagreement(5 * teacher, teacher, scale)) == pytest.approx(0, abs=1e-6)
    assert float(KIND.disagreement(-teacher, teacher, scale)) == pytest.approx(2)


def test_images_without_a_pair_add_nothing_to_the_loss() -> None:
    output = torch.randn(3, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = KIND.task_loss(output, torch.arange(3))
    assert float(loss.detach()) == 0
    loss.backward()
    assert output.grad is not None
    assert not output.grad.any()
    near, far = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), torch.tensor([0, 0, 1])
    assert KIND.task_loss(near, far) < KIND.task_loss(near[[0, 2, 1]], far)


def test_what_an_embedding_says() -> None:
    found, other = (KIND.read(torch.tensor(each), "cat") for each in ([3.0, 4.0], [4.0, -3.0]))
    assert isinstance(found, Embedding)
    assert found.data() == {"embedding": [0.6, 0.8]}
    assert found.text() == "[+0.600, +0.800] (2 numbers)"
    assert found.similarity(other) == pytest.approx(0)
    assert found.similarity(found) == pytest.approx(1)
    assert KIND.key_text() == "embedding"
