from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from legonet.data.proxies import LONGER, SIDE, photos_of, proxy_photos
from legonet.errors import DataError, StoreError


def picture(path: Path, width: int, height: int) -> Path:
    values = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(values).save(path)
    return path


def test_photos_are_kept_small_and_read_back(tmp_path: Path) -> None:
    small = picture(tmp_path / "small.png", 20, 30)
    large = picture(tmp_path / "large.png", 3 * SIDE, 2 * SIDE)
    long = picture(tmp_path / "long.png", 20, 900)
    first, second, third = photos_of(proxy_photos([small, large, long]), "here")
    expected = np.asarray(Image.open(small), dtype=np.float32).transpose(2, 0, 1) / 255
    torch.testing.assert_close(first, torch.from_numpy(expected))
    assert second.shape == (3, SIDE, SIDE * 3 // 2)
    assert third.shape == (3, LONGER * 20, 20)
    assert 0 <= float(second.min()) <= float(second.max()) <= 1


def test_names_do_not_matter(tmp_path: Path) -> None:
    one, other = picture(tmp_path / "a.png", 9, 9), picture(tmp_path / "z.png", 9, 9)
    assert proxy_photos([one]) == proxy_photos([other])


def test_a_damaged_photo_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.png"):
        proxy_photos([tmp_path / "bad.png"])


def test_other_bytes_are_refused() -> None:
    bad = [
        {},
        {"0": torch.zeros(3, 4, 4)},
        {"0": torch.zeros(1, 4, 4).byte()},
        {"0": torch.zeros(3, 0, 4).byte()},
    ]
    for tensors in bad:
        with pytest.raises(StoreError, match="here"):
            photos_of(safetensors.torch.save(tensors), "here")
    with pytest.raises(StoreError):
        photos_of(b"", "here")
