"""The stand-in itself: the CPU's values, and a GPU's refusals."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from legonet.blocks.device import find_device
from tests.device.conftest import PRETEND

pytestmark = pytest.mark.skipif(not PRETEND, reason="another device")

HERE = torch.arange(6.0).view(2, 3)


@pytest.fixture
def there() -> Tensor:
    return HERE.to("pretend")


@pytest.mark.parametrize(
    "make",
    [
        lambda device: torch.zeros(2, 3, device=device),
        lambda device: torch.full((2,), 3.0, device=device),
        lambda device: torch.tensor([1.0, 2.0], device=device),
        lambda device: torch.arange(1, 7, 2, device=device),
        lambda device: torch.eye(3, device=device),
        lambda device: torch.linspace(0, 1, 5, device=device),
        lambda device: HERE.to(device).new_ones(2),
        lambda device: torch.zeros_like(HERE, device=device),
        lambda device: HERE.to(device, torch.float64),
    ],
)
def test_tensors_are_made_on_it(make: Callable[[str], Tensor]) -> None:
    for name, place in (("pretend", "pretend:0"), ("pretend:1", "pretend:1")):
        made = make(name)
        assert made.device == torch.device(place)
        assert torch.equal(made.cpu(), make("cpu"))
        assert type(made.cpu()) is Tensor


def test_values_are_those_of_the_cpu(there: Tensor) -> None:
    assert torch.equal((there @ there.T).softmax(0).cpu(), (HERE @ HERE.T).softmax(0))
    assert (there.sum().item(), there.tolist(), bool(there.any())) == (15.0, HERE.tolist(), True)
    there[0, 1:] += 1  # through a view
    assert there.tolist() == [[0, 2, 3], [3, 4, 5]]
    images = torch.rand(1, 3, 4, 4).to("pretend", memory_format=torch.channels_last)
    assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("mix", "operation"),
    [
        (lambda there: there + HERE, "aten.add.Tensor"),
        (lambda there: HERE * there.sum(), "aten.mul.Tensor"),
        (lambda there: torch.cat([there, HERE]), "aten.cat.default"),
        (lambda there: nn.functional.linear(there, HERE), "aten"),
        (lambda there: there.add_(HERE), "aten.add_.Tensor"),
        (lambda there: HERE[torch.tensor([0]).to("pretend")], "aten.index.Tensor"),
        (lambda there: there + there.to("pretend:1"), "pretend:0 and pretend:1! .in aten.add.Tensor"),
    ],
)
def test_tensors_of_two_devices_are_refused(
    there: Tensor, mix: Callable[[Tensor], Tensor], operation: str
) -> None:
    with pytest.raises(RuntimeError, match=f"found at least two devices, .*{operation}"):
        mix(there)


def test_what_a_gpu_takes_of_the_cpu(there: Tensor) -> None:
    assert (there * torch.tensor(2.0)).tolist() == (HERE * 2).tolist()
    assert there[:, torch.tensor([2, 0])].tolist() == HERE[:, [2, 0]].tolist()
    assert there.copy_(HERE + 1).tolist() == (HERE + 1).tolist()


def test_what_a_gpu_refuses(there: Tensor) -> None:
    with pytest.raises(TypeError, match="can't convert pretend:0 device type tensor to numpy"):
        there.numpy()
    generator = torch.Generator()
    for draw in (
        lambda: torch.rand(2, generator=generator, device="pretend"),
        lambda: torch.randperm(2, generator=generator, device="pretend"),
        lambda: there.normal_(generator=generator),
    ):
        with pytest.raises(RuntimeError, match="Expected a 'pretend' device type for generator"):
            draw()
    with pytest.raises(RuntimeError, match="pretend:7: invalid device"):
        torch.zeros(1, device="pretend:7")


def trained(device: str) -> tuple[dict[str, Tensor], Tensor]:
    """A network after three steps of Adam, and the gradient of its images."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 2),
    ).to(device)
    images = torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(1)).to(device).requires_grad_()
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        net(images).square().mean().backward()
        optimiser.step()
    assert images.grad is not None
    assert {each.device for each in net.parameters()} == {images.device}
    return net.state_dict(), images.grad


def test_gradients_and_adam() -> None:
    (there, gradient), (here, wanted) = trained("pretend"), trained("cpu")
    assert gradient.device.type == "pretend"
    assert torch.equal(gradient.cpu(), wanted)
    assert all(torch.equal(there[name].cpu(), value) for name, value in here.items())


def test_other_data(there: Tensor) -> None:
    parameter = nn.Parameter(there)
    parameter.data = parameter.data[:, 1:] * 2
    assert parameter.tolist() == (HERE[:, 1:] * 2).tolist()
    with pytest.raises(RuntimeError, match="incompatible tensor type"):
        parameter.data = HERE


def test_copies_and_files(there: Tensor) -> None:
    net = nn.Linear(3, 2).to("pretend")
    twin = copy.deepcopy(net)
    assert [type(each) for each in twin.parameters()] == [type(each) for each in net.parameters()]
    twin.load_state_dict({name: value.cpu() * 2 for name, value in net.state_dict().items()})
    assert torch.equal(twin(there * 0), net(there * 0) * 2)
    read = pickle.loads(pickle.dumps(net))
    assert torch.equal(read(there), net(there))
    held = {name: value.cpu() for name, value in net.state_dict().items()}
    assert torch.equal(safetensors.torch.load(safetensors.torch.save(held))["bias"], net.bias.cpu())


def test_it_is_the_accelerator() -> None:
    assert find_device("auto") == torch.device("pretend")
