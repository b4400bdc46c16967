"""A teacher's file is checked in one go and cut without torch; the parts are the teacher."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from legonet.blocks.build import build_layers
from legonet.blocks.schema import Block
from legonet.errors import TeacherError
from legonet.ir.lowering import lower
from legonet.ir.modules import load_module, write_module
from legonet.ir.notation import layers_from_data
from legonet.ir.split import cut_at
from legonet.store.blobs import MemoryStore, Store, sha256
from legonet.teachers.cutting import block_cut
from legonet.teachers.weights.checkpoints import read_checkpoint
from legonet.teachers.weights.parts import read_halves, read_teacher

LAYERS = layers_from_data(
    {
        "features.0": {"type": "conv", "in": 1, "out": 2, "kernel": 3},
        "features.1": {"type": "batch-norm", "channels": 2},
        "features.2": {"type": "relu"},
        "features.3": {"type": "conv", "in": 2, "out": 2, "kernel": 1, "bias": False},
        "flatten": {"type": "flatten"},
        "fc": {"type": "linear", "in": 8, "out": 1},
    }
)
GRAPH = lower(LAYERS)


@pytest.fixture
def teacher() -> nn.Sequential:
    torch.manual_seed(0)
    return build_layers(LAYERS).eval()


def saved(state: dict[str, Tensor]) -> bytes:
    return safetensors.torch.save({key: tensor.contiguous() for key, tensor in state.items()})


@pytest.mark.parametrize("cut", list(LAYERS)[:-1])
def test_the_parts_compose_to_the_teacher(teacher: nn.Sequential, cut: str) -> None:
    parts = read_teacher(cut_at(GRAPH, cut), saved(teacher.state_dict()))
    f, g = load_module(parts.f), load_module(parts.g)
    images = torch.randn(3, 1, 4, 4)
    assert torch.equal(g(f(images)), teacher(images))
    assert parts.below.graph.output == cut
    assert {**(parts.below.graph.notation or {}), **(parts.above.graph.notation or {})} == LAYERS
    assert (parts.f_sha, parts.g_sha) == (sha256(parts.f), sha256(parts.g))


def test_the_blobs_are_those_of_the_modules(teacher: nn.Sequential) -> None:
    """Cut from the file's bytes or dumped from the modules: the same content, so the same address."""
    parts = read_teacher(cut_at(GRAPH, "features.2"), saved(teacher.state_dict()))
    assert write_module("category-module", load_module(parts.f)) == parts.f
    assert write_module("task-module", load_module(parts.g)) == parts.g


def test_the_address_depends_on_the_weights_alone(teacher: nn.Sequential) -> None:
    state = teacher.state_dict()
    one = read_teacher(cut_at(GRAPH, "features.2"), saved(state))
    other = safetensors.torch.save(dict(reversed(state.items())), {"format": "pt", "note": "the same"})
    assert read_teacher(cut_at(GRAPH, "features.2"), other) == one
    state["fc.bias"] = state["fc.bias"] + 1
    changed = read_teacher(cut_at(GRAPH, "features.2"), saved(state))
    assert changed.f_sha == one.f_sha
    assert changed.g_sha != one.g_sha


def test_from_a_file(teacher: nn.Sequential, tmp_path: Path) -> None:
    path = tmp_path / "cat.safetensors"
    path.write_bytes(saved(teacher.state_dict()))
    assert read_teacher(cut_at(GRAPH, "flatten"), path) == read_teacher(
        cut_at(GRAPH, "flatten"), path.read_bytes()
    )
    with pytest.raises(TeacherError, match=r"^teachers\.cat: .*none: no such file;"):
        read_teacher(cut_at(GRAPH, "flatten", where="teachers.cat"), tmp_path / "none")


def test_everything_wrong_in_one_message(teacher: nn.Sequential) -> None:
    state = teacher.state_dict()
    del state["features.0.bias"]
    state["extra"] = torch.zeros(2, 3)
    state["features.3.weight"] = torch.zeros(2, 2, 3, 3)
    state["features.1.running_var"] = torch.tensor([1.0, float("nan")])
    state["fc.weight"] = torch.zeros(1, 8, dtype=torch.int32)
    state["fc.bias"] = torch.tensor([float("-inf")])
    with pytest.raises(TeacherError) as caught:
        read_teacher(cut_at(GRAPH, "features.2", where="teachers.cat"), saved(state))
    assert str(caught.value).split("\n") == [
        "teachers.cat: the weights do not fit the block; expected its tensors, finite and in its shapes; "
        "choose the block that the teacher was trained with, or correct the file",
        "  missing: features.0.bias [2]",
        "  not expected: extra [2, 3]",
        "  not finite: features.1.running_var, 1 of 2 values are NaN or infinite",
        "  shape: features.3.weight [2, 2, 3, 3]; the block has [2, 2, 1, 1]",
        "  dtype: fc.weight I32; expected floating-point, one of F64, F32, F16, BF16, F8_E4M3, F8_E5M2",
        "  not finite: fc.bias, 1 of 1 values are NaN or infinite",
    ]


def test_many_problems_are_counted(teacher: nn.Sequential) -> None:
    state = {f"other.{index:02}": torch.zeros(1) for index in range(40)}
    with pytest.raises(TeacherError) as caught:
        read_teacher(cut_at(GRAPH, "features.2"), saved(state))
    lines = str(caught.value).split("\n")
    assert len(lines) == 22
    assert lines[-1] == "  and 30 more"  # 10 missing and 40 not expected, less 20 shown


def test_a_wrappers_prefix_is_recognised(teacher: nn.Sequential) -> None:
    state = {f"module.{key}": tensor for key, tensor in teacher.state_dict().items()}
    with pytest.raises(TeacherError, match=r"every name begins with 'module\.': save the weights without it"):
        read_teacher(cut_at(GRAPH, "features.2"), saved(state))


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2, torch.float8_e4m3fn],
)
@given(
    values=st.lists(st.sampled_from([0.0, -1.5, 448.0, float("nan"), float("inf")]), min_size=8, max_size=8)
)
def test_what_is_not_finite_in_every_dtype(dtype: torch.dtype, values: list[float]) -> None:
    layers = lower({"fc": LAYERS["fc"], "relu": LAYERS["features.2"]})
    weight = torch.tensor([values]).to(dtype)
    count = int((~weight.double().isfinite()).sum())
    data = saved({"fc.weight": weight, "fc.bias": torch.zeros(1, dtype=dtype)})
    if not count:
        parts = read_teacher(cut_at(layers, "fc"), data)
        assert load_module(parts.f).state_dict()["fc.weight"].dtype == dtype
        return
    with pytest.raises(TeacherError, match=f"fc.weight, {count} of 8 values are NaN or infinite"):
        read_teacher(cut_at(layers, "fc"), data)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (
            "flaten",
            "t: cut 'flaten' is neither a module nor an operation that its output follows; expected one of "
            "features.0, features.1, features.2, features, flatten. Did you mean 'flatten'?",
        ),
        (
            "fc",
            "t: cut 'fc' is the model's output, so that no task module is left; expected one of flatten, "
            "features, features.2, features.1, features.0",
        ),
        (
            "feature",
            "t: cut 'feature' is neither a module nor an operation that its output follows; expected one of ",
        ),
        ("", "t: cut '' is neither a module nor an operation that its output follows; expected one of "),
    ],
)
def test_cuts_that_do_not_exist(cut: str, message: str) -> None:
    with pytest.raises(TeacherError) as caught:
        cut_at(GRAPH, cut, where="t")
    assert str(caught.value).startswith(message)


def test_a_cut_by_a_containers_name_is_its_last_layer(teacher: nn.Sequential) -> None:
    weights = saved(teacher.state_dict())
    assert read_teacher(cut_at(GRAPH, "features"), weights) == read_teacher(
        cut_at(GRAPH, "features.3"), weights
    )


@given(length=st.integers(0, 400))
def test_a_file_cut_short(length: int) -> None:
    data = saved(build_layers(LAYERS).state_dict())
    with pytest.raises(TeacherError, match=r"^t: .*; expected a whole safetensors file"):
        read_teacher(cut_at(GRAPH, "flatten", where="t"), data[:length])


@pytest.mark.parametrize("start", ["P", "\x80"])
def test_a_header_whose_length_looks_like_another_format(
    start: str, teacher: nn.Sequential, tmp_path: Path
) -> None:
    data = saved(teacher.state_dict())
    length = int.from_bytes(data[:8], "little")
    wanted = {"P": 0x14B50, "\x80": 0x10280}[start]  # "PK", and a pickle of protocol 2
    header = data[8 : 8 + length] + b" " * (wanted - length)
    (tmp_path / "w").write_bytes(wanted.to_bytes(8, "little") + header + data[8 + length :])
    assert read_teacher(cut_at(GRAPH, "flatten"), tmp_path / "w") == read_teacher(
        cut_at(GRAPH, "flatten"), data
    )
    found = read_checkpoint(tmp_path / "w")
    assert all(torch.equal(found[name], value) for name, value in teacher.state_dict().items())


def test_other_files(tmp_path: Path, teacher: nn.Sequential) -> None:
    torch.save(teacher.state_dict(), tmp_path / "new.pt")
    torch.save(teacher.state_dict(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("new.pt", "old.pt"):
        with pytest.raises(TeacherError, match="a pickled PyTorch checkpoint; expected a safetensors file"):
            read_teacher(cut_at(GRAPH, "flatten"), tmp_path / name)
    with pytest.raises(TeacherError, match="expected a whole safetensors file"):
        read_teacher(cut_at(GRAPH, "flatten"), b"<html>not found</html>")
    with pytest.raises(TeacherError, match="a folder; expected a file of weights"):
        read_teacher(cut_at(GRAPH, "flatten"), tmp_path)


def block(**keys: object) -> Block:
    return Block.model_validate({"legonet-block": 1, "name": "b", "input": [3, 64, 64], **keys})


def test_a_librarys_model_is_traced() -> None:
    cut = block_cut(
        block(builder="torchvision:alexnet", arguments={"num_classes": 1}), "features.12", "teacher"
    )
    assert cut.graph.notation is not None
    assert cut.graph.output == "classifier.6"
    assert cut.above.notation is not None
    assert list(cut.above.steps)[:2] == ["avgpool", "flatten"]
    graph = block_cut(block(builder="torchvision:resnet18"), "layer2", "teacher").graph
    assert graph.notation is None
    assert "layer4.1.relu_2" in graph.steps


def test_a_blocks_own_layers_need_no_torch(teacher: nn.Sequential, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(saved(teacher.state_dict()))
    layers = {name: layer.data() for name, layer in LAYERS.items()}
    data = {"legonet-block": 1, "name": "b", "input": [1, 4, 4], "layers": layers}
    code = (
        "import sys, pathlib\n"
        "from legonet.blocks.schema import Block\n"
        "from legonet.teachers.cutting import block_cut\n"
        "from legonet.teachers.weights.parts import read_teacher\n"
        f"cut = block_cut(Block.model_validate({data!r}), 'flatten', 'teacher')\n"
        f"print(read_teacher(cut, pathlib.Path({str(tmp_path / 'weights')!r})).f_sha)\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == read_teacher(cut_at(GRAPH, "flatten"), tmp_path / "weights").f_sha


def test_a_file_that_ends_early_at_any_byte(teacher: nn.Sequential, tmp_path: Path) -> None:
    data, file = saved(teacher.state_dict()), tmp_path / "part.safetensors"
    for length in range(len(data)):
        file.write_bytes(data[:length])
        with pytest.raises(TeacherError, match=r"part\.safetensors"):
            read_teacher(cut_at(GRAPH, "features.2"), file)


def test_one_half_leaves_the_other_unread(tmp_path: Path) -> None:
    """A large g_T whose numbers are bad is not looked at for f, and little memory is taken for any of it."""
    layers = layers_from_data(
        {
            "conv": {"type": "conv", "in": 1, "out": 2, "kernel": 3},
            "flatten": {"type": "flatten"},
            "fc": {"type": "linear", "in": 2**11, "out": 2**13},
        }
    )
    net, file = build_layers(layers).eval(), tmp_path / "large.safetensors"
    net.get_parameter("fc.weight").data.zero_()[-1] = torch.inf
    file.write_bytes(saved(net.state_dict()))
    size = file.stat().st_size
    assert size > 60e6
    tracemalloc.start()
    (f,) = read_halves(cut_at(lower(layers), "conv"), file, ["category-module"])
    with pytest.raises(TeacherError, match=r"not finite: fc\.weight, 2048 of"):
        read_halves(cut_at(lower(layers), "conv"), file, ["task-module"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < size / 8
    assert f.sha == sha256(f.blob)
    assert torch.equal(load_module(f.blob).state_dict()["conv.weight"], net.state_dict()["conv.weight"])


def test_a_mapped_half_is_written_as_it_lies(teacher: nn.Sequential, tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(saved(teacher.state_dict()))
    parts = read_teacher(cut_at(GRAPH, "features.2"), file)
    assert parts == read_teacher(cut_at(GRAPH, "features.2"), file.read_bytes())
    for store in (Store(tmp_path / "blobs"), MemoryStore()):
        assert store.put(parts.above.pieces) == parts.g_sha
        assert store.get(parts.g_sha) == parts.g
