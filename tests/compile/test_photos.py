"""Photos of any size: each category sees them as its teachers did, and maps come back in their pixels."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import legonet
from legonet.blocks.photo import Resize, Restore
from legonet.compile.export import export
from legonet.compile.export.folder import load_folder
from legonet.compile.export.onnx import load_onnx
from legonet.compile.export.pt2 import load_pt2
from legonet.compile.network import CompiledNetwork
from legonet.compile.prepare import prepared
from legonet.errors import DataError, TeacherError
from legonet.graph.schema import Input
from tests.conftest import hurry

LOADERS = {".pt2": load_pt2, ".onnx": load_onnx, "": load_folder}
MEAN = [0.4, 0.5, 0.6]


def picture(photo: Tensor) -> Image.Image:
    return Image.fromarray((photo * 255).round().byte().permute(1, 2, 0).numpy())


def pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image, dtype=np.float32)).permute(2, 0, 1) / 255


@pytest.fixture(scope="module")
def photo() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(1, 3, 50, 70, generator=generator) * 255).round() / 255


class TestResize:
    @pytest.mark.parametrize("size", [(20, 30), (64, 100), (51, 30)])
    @pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "nearest"])
    def test_as_pillow_does(self, photo: Tensor, kernel: str, size: tuple[int, int]) -> None:
        found = Resize((3, *size), "squash", kernel, None)(photo)
        wanted = picture(photo[0]).resize((size[1], size[0]), getattr(Image.Resampling, kernel.upper()))
        rounding = 0 if kernel == "nearest" else 2  # Pillow rounds to bytes, twice
        assert float((found[0] - pixels(wanted)).abs().max()) * 255 <= rounding + 1e-3

    def test_crop_is_the_middle(self, photo: Tensor) -> None:
        wanted = picture(photo[0]).resize((40, 40), Image.Resampling.BILINEAR, box=(10, 0, 60, 50))
        found = Resize((3, 40, 40), "crop", "bilinear", (0.5,) * 3)(photo)
        assert float((found[0] - pixels(wanted)).abs().max()) * 255 <= 1.01

    def test_fit_shows_all_of_it(self, photo: Tensor) -> None:
        found = Resize((3, 70, 70), "fit", "bilinear", tuple(MEAN))(photo)
        torch.testing.assert_close(found[:, :, 10:60], photo)
        for channel, mean in enumerate(MEAN):
            assert found[0, channel, 5, 5] == found[0, channel, 65, 60] == pytest.approx(mean)

    def test_pad_keeps_the_size_of_pixels(self, photo: Tensor) -> None:
        found = Resize((3, 60, 60), "pad", "bilinear", tuple(MEAN))(photo)
        torch.testing.assert_close(found[:, :, 5:55], photo[..., 5:65])
        assert found[0, 0, 2, 3] == pytest.approx(MEAN[0])

    def test_what_has_the_size_is_left_alone(self, photo: Tensor) -> None:
        assert Resize((3, 50, 70), "fit", "bilinear", None)(photo) is photo

    def test_grey_and_coloured(self, photo: Tensor) -> None:
        grey = Resize((1, 50, 70), "fit", "bilinear", None)(photo)
        wanted = np.array(picture(photo[0]).convert("L"), dtype=np.float32) / 255
        assert np.abs(grey[0, 0].numpy() - wanted).max() * 255 <= 0.51
        back = Resize((3, 60, 70), "fit", "bilinear", tuple(MEAN))(grey)
        torch.testing.assert_close(back[:, :, 5:55], grey.expand(1, 3, 50, 70))
        torch.testing.assert_close(back[0, :, 0, 0], torch.tensor(MEAN))


class TestRestore:
    @pytest.mark.parametrize("how", ["fit", "crop", "pad", "squash"])
    @pytest.mark.parametrize("size", [(24, 24), (12, 12), (7, 5)], ids=str)
    def test_a_place_in_the_map_is_the_same_place_in_the_photo(self, how: str, size: tuple[int, int]) -> None:
        """A ramp over the photo, seen through the image, is the ramp again."""
        ramp = torch.linspace(0, 1, 40)[None, None, None].expand(1, 1, 30, 40)
        image = Resize((1, 24, 24), how, "bilinear", None)(ramp)
        maps = nn.functional.interpolate(image, size=size, mode="area")
        back = Restore((24, 24), how)(maps, ramp)
        assert back.shape == ramp.shape
        inner = slice(12, 28)  # what each of them sees, away from borders
        apart = (back - ramp)[..., 8:22, inner].abs().max()
        assert float(apart) < 0.03

    def test_beyond_a_crop_is_what_was_seen_last(self) -> None:
        maps = torch.tensor([[[[1.0, 2.0], [1.0, 2.0]]]])
        back = Restore((2, 2), "crop")(maps, torch.zeros(1, 3, 2, 8))
        assert back[0, 0, 0, 0] == back[0, 0, 0, 1] == 1
        assert back[0, 0, 0, -1] == 2

    def test_a_map_of_the_photos_size_is_left_alone(self) -> None:
        maps = torch.zeros(1, 1, 8, 8)
        assert Restore((8, 8), "fit")(maps, torch.zeros(1, 3, 8, 8)) is maps


def model(seed: int, channels: int = 3, mask: bool = False) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = (
            [nn.Conv2d(6, 1, 1), nn.Upsample(scale_factor=2)]
            if mask
            else [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 1)]
        )
        return nn.Sequential(
            OrderedDict(
                low=nn.Conv2d(channels, 4, 3, padding=1),
                relu=nn.ReLU(),
                cut=nn.MaxPool2d(2),
                high=nn.Conv2d(4, 6, 3, padding=1),
                relu2=nn.ReLU(),
                head=nn.Sequential(*head),
            )
        ).eval()


IMAGES = {
    "cat": {"shape": [3, 8, 8], "mean": MEAN, "std": [0.5, 0.5, 0.5]},
    "dog": {"shape": [3, 12, 16], "mean": [0.5] * 3, "resize": "crop", "interpolation": "bicubic"},
    "cow": {"shape": [1, 10, 10], "resize": "squash"},
    "pig": {"shape": [3, 12, 16], "std": [0.5] * 3, "resize": "crop", "interpolation": "bicubic"},
}


def farm() -> legonet.Network:
    made = legonet.Network("farm", (3, 8, 8), mean=MEAN, std=[0.5] * 3)
    for seed, (category, image) in enumerate(IMAGES.items()):
        teacher = model(seed, image["shape"][0])
        made.add_teacher(category, teacher, category=category, task="see", cut="cut", image=image)
    made.connect("cow", "see", {"kernel": 1})  # or its adapter and the dog's were the same bytes
    return made


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> legonet.Network:
    hurry(monkeypatch)
    return farm()


@pytest.fixture(scope="module")
def app() -> CompiledNetwork:
    """It, fitted and compiled."""
    network = farm()
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        network.transplant()
    return network.compile()


def alone(category: str, seed: int, photos: Tensor) -> Tensor:
    image = Input.model_validate(
        {key: tuple(each) if isinstance(each, list) else each for key, each in IMAGES[category].items()}
    )
    with torch.no_grad():
        return model(seed, image.shape[0])(prepared(photos, image))


class TestNetwork:
    def test_each_category_sees_what_its_teacher_sees(self, network: legonet.Network, photo: Tensor) -> None:
        network.transplant()
        for seed, category in enumerate(IMAGES):
            torch.testing.assert_close(network.teacher(category)(photo), alone(category, seed, photo))
        app, plain = network.compile(), network.compile(passes="none")
        for photos in (photo, photo[..., :8, :8], torch.rand(2, 3, 9, 30)):
            outputs, wanted = app(photos), plain(photos)
            assert set(outputs) == {f"{category}:see" for category in IMAGES}
            for path, each in outputs.items():
                torch.testing.assert_close(each, wanted[path], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(outputs["cat:see"], alone("cat", 0, photos), rtol=1e-4, atol=1e-5)

    def test_what_two_categories_see_alike_is_made_once(self, app: CompiledNetwork) -> None:
        assert len(app.resizes) == 3  # the dog's is the pig's
        assert set(app.normalise) == {"dog", "pig"}  # the cow's images are not normalised

    def test_by_category(self, network: legonet.Network, photo: Tensor) -> None:
        network.transplant()
        app = network.compile(separate_inputs=True)
        photos = {name: photo[..., : 20 + 5 * index] for index, name in enumerate(IMAGES)}
        outputs, whole = app(photos), network.compile()
        for name, each in photos.items():
            torch.testing.assert_close(outputs[f"{name}:see"], whole(each)[f"{name}:see"])

    @pytest.mark.usefixtures("exports_once")
    @pytest.mark.parametrize("name", ["app.pt2", "app.onnx", "app"])
    def test_exports_take_photos_too(
        self, app: CompiledNetwork, photo: Tensor, tmp_path: Path, name: str
    ) -> None:
        if name.endswith("onnx"):
            pytest.importorskip("onnxscript")
            onnx = pytest.importorskip("onnx")
        export(app, tmp_path / name)
        run = LOADERS[Path(name).suffix](tmp_path / name)
        for photos in (photo, torch.rand(3, 3, 8, 8), torch.rand(2, 3, 5, 90)):
            for path, each in run(photos).items():
                torch.testing.assert_close(each, app(photos)[path], rtol=1e-4, atol=1e-5)
        if name.endswith("onnx"):
            graph = onnx.load(tmp_path / name).graph
            axes = [[each.dim_param for each in value.type.tensor_type.shape.dim] for value in graph.input]
            assert axes == [["batch", "", "height", "width"]]
            assert not re.search(r"\bs\d+\b", str([value.type for value in graph.output]))
        if name == "app":
            card = json.loads((tmp_path / "app" / "card.json").read_text())
            assert card["resize"] == "fit"
            assert card["images"]["cow"]["input"] == [1, 10, 10]
            assert "cow: 1x10x10, squash, bilinear" in " ".join(
                (tmp_path / "app" / "README.md").read_text().split()
            )

    def test_photos_are_fitted_from(self, network: legonet.Network, photo: Tensor) -> None:
        network.transplant({"dog:see": (photo.repeat(3, 1, 1, 1), torch.tensor([1, 0, 1]))})
        with pytest.raises(DataError, match="or of another height and width"):
            network.transplant({"dog:see": (photo[:, :2], None)})

    def test_saved_and_opened(self, network: legonet.Network, photo: Tensor, tmp_path: Path) -> None:
        network.transplant()
        wanted = network.compile()(photo)
        file = network.save(tmp_path / "graphs" / "farm.yaml")
        again = legonet.load(file)
        assert not again.plan().changes
        for path, each in again.compile()(photo).items():
            torch.testing.assert_close(each, wanted[path])
        file.write_text(file.read_text().replace("resize: squash", "resize: fit"))
        changed = [edge.path for edge in legonet.load(file).plan().changes]
        assert changed == ["cow:see"]

    def test_a_categorys_teachers_agree(self, network: legonet.Network) -> None:
        with pytest.raises(TeacherError, match=r"1x8x8, fit.*; expected those of category cow, 1x10x10"):
            network.add_teacher(
                "cow-2", model(9, 1), category="cow", task="other", cut="cut", image={"shape": [1, 8, 8]}
            )
        network.add_teacher(
            "cow-2",
            model(9, 1),
            category="cow",
            task="see",
            cut="cut",
            image={"shape": [1, 8, 8]},
            on_conflict="variant",
        )
        assert network.graph.input_of("cow@2").shape == (1, 8, 8)
        network.add_teacher("cow-3", model(8, 1), category="cow", task="other", cut="cut")


def test_masks_come_back_in_the_photos_pixels(monkeypatch: pytest.MonkeyPatch, photo: Tensor) -> None:
    hurry(monkeypatch)
    network = legonet.Network("cuts", (3, 8, 8))
    for seed, category in enumerate(("cat", "dog")):
        network.add_teacher(category, model(seed, mask=True), category=category, task="cut", cut="cut")
    masks = (photo[:, 0] > 0.5).long()
    network.transplant({"dog:cut": (photo, masks)})
    app = network.compile()
    assert app(photo)["cat:cut"].shape == (1, 1, 50, 70)
    assert network.compile("dog:cut")(photo).shape == (1, 1, 50, 70)
    result = app.results(photo)["cat:cut"][0]
    assert isinstance(result, legonet.Mask)
    assert result.mask.shape == (50, 70)
    assert network.teacher("cat")(photo).shape == (1, 1, 50, 70)
    torch.testing.assert_close(network.compile("cat:cut")(photo), network.teacher("cat")(photo))
    assert {row.images for row in network.evaluate({"dog:cut": (photo, masks)}).rows} == {1}
