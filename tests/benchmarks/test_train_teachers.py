import math

import pytest
import torch
from safetensors.torch import load_file

from benchmarks import train_teachers
from benchmarks.teacher_training import (
    DICE_WEIGHT,
    Schedule,
    binary_loss,
    channel_order,
    initial,
    normalise,
    outputs,
    pixel_class_loss,
    pixel_loss,
    plain,
    reorder,
    start_from,
    train,
)
from benchmarks.train_teachers import CLASSIFY, SEGMENT
from legonet.data import animals
from legonet.data.animals import CATEGORIES, Images
from legonet.store.workspace import shipped_folder

SHORT = Schedule(rounds=1, learning_rate=1e-3, weight_decay=0.0, warm_up=0.3)
TEACHERS = shipped_folder("graphs") / "teachers"


@pytest.fixture(scope="module")
def block():
    return CLASSIFY.block


@pytest.fixture
def few_images(monkeypatch):
    monkeypatch.setattr(animals, "COUNTS", {"train": 64, "validation": 16, "test": 16})
    monkeypatch.setattr(train_teachers, "SCHEDULES", dict.fromkeys(("classify", "segment"), (SHORT, SHORT)))


def test_images_are_normalised():
    images = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1).expand(3, 3, 2, 2)
    assert normalise(images)[:, 0, 0, 0].tolist() == [-2.0, 0.0, 2.0]


def test_weights_start_with_the_variance_of_he(block):
    state = initial(block, 1, torch.Generator().manual_seed(0)).state_dict()
    assert state["conv3_2.weight"].std() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)
    assert not state["fc6.bias"].any()
    assert state["fc8.weight"].shape == (1, 128)


def test_a_training_lowers_the_loss_and_leaves_frozen_parts_alone(block, monkeypatch):
    monkeypatch.setitem(animals.COUNTS, "train", 320)
    net = initial(block, 1, torch.Generator().manual_seed(0))
    net.conv1_1.requires_grad_(False)  # type: ignore[union-attr]
    before = plain(net.state_dict())
    images = animals.single_category("cat")
    first = binary_loss(outputs(net, images.images), images)
    train(net, binary_loss, lambda _: images, SHORT, torch.Generator().manual_seed(0))
    assert binary_loss(outputs(net, images.images), images) < first
    assert torch.equal(net.state_dict()["conv1_1.weight"], before["conv1_1.weight"])
    assert not torch.equal(net.state_dict()["conv1_2.weight"], before["conv1_2.weight"])


def test_a_training_starts_from_all_layers_but_the_last(block):
    base, own = (initial(block, 1, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    below = {key: value + 1 for key, value in plain(base.state_dict()).items() if key.startswith("conv1_1.")}
    last = plain(own.state_dict())["fc8.weight"]
    state = start_from(own, plain(base.state_dict()), below, frozen=("conv1_1",)).state_dict()
    assert torch.equal(state["conv1_1.weight"], base.state_dict()["conv1_1.weight"] + 1)
    assert torch.equal(state["fc7.weight"], base.state_dict()["fc7.weight"])
    assert torch.equal(state["fc8.weight"], last)
    frozen = {key for key, value in own.named_parameters() if not value.requires_grad}
    assert frozen == {"conv1_1.weight", "conv1_1.bias"}


def test_a_transposed_convolution_starts_with_the_variance_of_its_outputs_kept():
    net = initial(SEGMENT.block, 1, torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = torch.randn(64, 48, 8, 8, generator=torch.Generator().manual_seed(1))
        raised = net.up1(features)[:, :, 4:-4, 4:-4]  # type: ignore[operator]
    assert raised.std() == pytest.approx(2**0.5, rel=0.05)


def test_the_losses_of_masks():
    masks = torch.zeros(2, 1, 2, 2, dtype=torch.bool)
    masks[0, 0, 0] = True
    batch = Images(torch.zeros(2, 3, 2, 2), torch.tensor([1, 5]), masks)
    sure = torch.where(masks, 50.0, -50.0)
    assert pixel_loss(sure, batch) < 1e-6
    assert pixel_loss(-sure, batch) == pytest.approx(50 + DICE_WEIGHT)
    half = pixel_loss(torch.zeros(2, 1, 2, 2), batch)  # 2 of 8 pixels; half of each is found
    assert half == pytest.approx(math.log(2) + DICE_WEIGHT * (1 - 2 * 1 / (4 + 2)))
    scores = torch.zeros(2, 6, 2, 2)
    scores[0, 1, 0] = scores[0, 5, 1] = scores[1, 5] = 50.0
    assert pixel_class_loss(scores, batch) < 1e-6
    assert pixel_class_loss(scores.roll(1, 1), batch) == pytest.approx(50, rel=1e-3)


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
    assert train_teachers._convolutions_around(block, "relu3_3") == ("conv3_3", "conv4_1")


def test_the_script_writes_the_same_teachers_twice(few_images, tmp_path, capsys):
    threads = torch.get_num_threads()
    try:
        for folder in ("one", "two"):
            assert train_teachers.main(["--seed", "3", "--out", str(tmp_path / folder)]) == 0
    finally:
        torch.set_num_threads(threads)
    written = capsys.readouterr().out
    for name in (f"{category}-{task}" for category in CATEGORIES for task in ("classify", "segment")):
        files = [tmp_path / folder / f"{name}.safetensors" for folder in ("one", "two")]
        assert files[0].read_bytes() == files[1].read_bytes()
        assert f"\n{name}" in written
        state = load_file(files[0])
        assert state["conv1_1.weight"].shape == (16, 3, 3, 3)
        assert len(state["fc8.weight" if name.endswith("classify") else "score.bias"]) == 1
        assert all(value.dtype == torch.float32 for value in state.values())
    for category in CATEGORIES:
        assert_one_category_module(tmp_path / "one", category)
    assert train_teachers.main(["--measure", "--out", str(tmp_path / "two")]) == 0
    measured = capsys.readouterr().out.split("\n\n")[1]
    assert measured.startswith("teacher")
    assert written.count(measured) == 2


def assert_one_category_module(folder, category):
    one, other = (load_file(folder / f"{category}-{task.name}.safetensors") for task in (CLASSIFY, SEGMENT))
    below = {key for key in one if key.startswith(("conv1", "conv2"))}
    assert len(below) == 8
    for key in below:
        assert torch.equal(one[key], other[key])


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_shipped_teachers_are_good_and_have_one_category_module(category):
    assert_one_category_module(TEACHERS, category)
    splits = ("validation", "test")
    rows = [
        row
        for task in (CLASSIFY, SEGMENT)
        for row in train_teachers.measure(task, category, TEACHERS, splits)
    ]
    checked, found = ({row.measure: row.values[place] for row in rows} for place in (0, 1))
    assert found["error"] <= 0.04
    assert min(found["pixel accuracy"], checked["pixel accuracy"]) >= 0.95
    assert found["IoU"] >= 0.6


def test_the_shipped_teachers_take_twelve_megabytes_with_their_statistics():
    files = list(TEACHERS.glob("*.safetensors"))
    assert len(files) == 20
    assert sum(file.stat().st_size for file in files) <= 12e6
