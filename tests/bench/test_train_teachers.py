import pytest
import torch
from safetensors.torch import load_file

from legonet.bench import train_teachers
from legonet.bench.teacher_training import (
    Schedule,
    binary_loss,
    channel_order,
    error,
    initial,
    normalise,
    outputs,
    plain,
    reorder,
    train,
)
from legonet.blocks.files import find_block
from legonet.data import animals
from legonet.data.animals import CATEGORIES, Images
from legonet.store.workspace import shipped_folder

SHORT = Schedule(rounds=1, learning_rate=1e-3, weight_decay=0.0, warm_up=0.3)


@pytest.fixture(scope="module")
def block():
    return find_block("vgg-slim", [shipped_folder("blocks")])


@pytest.fixture
def few_images(monkeypatch):
    monkeypatch.setattr(animals, "COUNTS", {"train": 128, "validation": 32, "test": 32})
    monkeypatch.setattr(train_teachers, "BASE", SHORT)
    monkeypatch.setattr(train_teachers, "FINE_TUNING", SHORT)


def test_images_are_normalised():
    images = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1).expand(3, 3, 2, 2)
    assert normalise(images)[:, 0, 0, 0].tolist() == [-2.0, 0.0, 2.0]


def test_weights_start_with_the_variance_of_he(block):
    state = initial(block, 1, torch.Generator().manual_seed(0)).state_dict()
    assert state["conv3_2.weight"].std() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)
    assert not state["fc6.bias"].any()
    assert state["fc8.weight"].shape == (1, 128)


def test_a_training_lowers_the_loss_and_leaves_frozen_parts_alone(block):
    net = initial(block, 1, torch.Generator().manual_seed(0))
    net.conv1_1.requires_grad_(False)  # type: ignore[union-attr]
    before = plain(net.state_dict())
    images = animals.single_category("cat")
    first = binary_loss(outputs(net, images.images), images)
    train(net, binary_loss, lambda _: images, SHORT, torch.Generator().manual_seed(0))
    assert binary_loss(outputs(net, images.images), images) < first
    assert torch.equal(net.state_dict()["conv1_1.weight"], before["conv1_1.weight"])
    assert not torch.equal(net.state_dict()["conv1_2.weight"], before["conv1_2.weight"])


def test_the_error_is_the_part_on_the_wrong_side():
    class Sum(torch.nn.Module):
        def forward(self, images):
            return images.sum((1, 2, 3))[:, None]

    values = torch.tensor([0.9, 0.1, 0.9, 0.1]).view(4, 1, 1, 1).expand(4, 3, 4, 4)
    assert error(Sum(), Images(values, torch.tensor([1, 0, 0, 0]), torch.zeros(4, 1, 4, 4))) == 0.25


@pytest.mark.parametrize("seed", range(20))
def test_no_channel_keeps_its_place(seed):
    order = channel_order(16, torch.Generator().manual_seed(seed))
    assert sorted(order.tolist()) == list(range(16))
    assert not (order == torch.arange(16)).any()


def test_reordered_channels_leave_the_function_but_move_the_features(block):
    net = initial(block, 1, torch.Generator().manual_seed(0)).double()
    images = torch.rand(8, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before, features = net(images), net[:5](images)
        order = channel_order(16, torch.Generator().manual_seed(2))
        net.load_state_dict(reorder(net.state_dict(), order, "conv1_2", ("conv2_1",)))
        assert torch.allclose(net(images), before, rtol=1e-12, atol=1e-12)
        assert torch.allclose(net[:5](images), features[:, order], rtol=1e-12, atol=1e-12)


def test_the_cut_is_between_the_right_convolutions(block):
    assert train_teachers._convolutions_around(block, "pool1") == ("conv1_2", "conv2_1")
    assert train_teachers._convolutions_around(block, "pool2") == ("conv2_2", "conv3_1")


def test_the_script_writes_the_same_teachers_twice(few_images, tmp_path, capsys):
    threads = torch.get_num_threads()
    try:
        for folder in ("one", "two"):
            assert train_teachers.main(["--seed", "3", "--out", str(tmp_path / folder)]) == 0
    finally:
        torch.set_num_threads(threads)
    written = capsys.readouterr().out
    for category in CATEGORIES:
        files = [tmp_path / folder / f"{category}-classify.safetensors" for folder in ("one", "two")]
        assert files[0].read_bytes() == files[1].read_bytes()
        assert f"\n{category}" in written
        state = load_file(files[0])
        assert state["conv1_1.weight"].shape == (16, 3, 3, 3)
        assert state["fc8.weight"].shape == (1, 128)
        assert all(value.dtype == torch.float32 for value in state.values())


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_shipped_teacher_errs_by_at_most_four_percent(block, category):
    net = initial(block, 1, torch.Generator())
    net.load_state_dict(load_file(shipped_folder("graphs") / "teachers" / f"{category}-classify.safetensors"))
    assert error(net, animals.single_category(category, "test")) <= 0.04
