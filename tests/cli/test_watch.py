from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import safetensors.torch
import torch
import torchvision

import legonet
from legonet.graph.lock import lock_path, read_lock
from legonet.run.inbox import Inbox
from legonet.teachers.models.allowed import permissions_file

if TYPE_CHECKING:
    from torch import nn

Run = Callable[..., Any]
METHOD = {"name": "closed-form", "draws": 2, "matching": 0}
COMMENT = "# what people wrote stays\n"


@pytest.fixture
def graph(make_model: Callable[..., nn.Module], tmp_path: Path) -> Path:
    network = legonet.Network("zoo", (3, 8, 8))
    network.add_task("classify", {"kind": "binary"}, {"kernel": 1, "method": METHOD})
    network.add_teacher("cat-v1", make_model(0), category="cat", task="classify", cut="pool1")
    path = network.save(tmp_path / "zoo" / "graphs" / "zoo.yaml")
    path.write_text(COMMENT + path.read_text())
    return path


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def drop(inbox: Path, make_model: Callable[..., nn.Module]) -> Callable[..., None]:
    def drop(name: str, seed: int, text: str | None = None, age: float = 10.0) -> None:
        category = name.partition("-")[0]
        said = text or f"{{category: {category}, task: classify, model: cat-v1, cut: pool1}}\n"
        (inbox / f"{name}.yaml").write_text(said)
        safetensors.torch.save_file(make_model(seed).state_dict(), inbox / f"{name}.safetensors")
        for file in inbox.glob(f"{name}.*"):
            os.utime(file, (time.time() - age, time.time() - age))

    return drop


@pytest.fixture
def put(inbox: Path) -> Callable[..., None]:
    """Drop what is said of a teacher, and a file that `write` writes, a while ago."""

    def put(name: str, said: str, suffix: str, write: Callable[[Path], object]) -> None:
        (inbox / f"{name}.yaml").write_text(f"{{task: classify, {said}}}\n")
        write(inbox / f"{name}{suffix}")
        for file in inbox.glob(f"{name}.*"):
            os.utime(file, (1, 1))

    return put


def archive() -> bytes:
    """What begins like a file of torch.export."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("model/archive_format", "pt2")
    return data.getvalue()


def test_teachers_are_added_and_fitted(
    run: Run, graph: Path, inbox: Path, drop: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("legonet.run.inbox.SETTLED", 600.0)  # however slow this machine is
    waited = []
    monkeypatch.setattr("legonet.cli.watch.time.sleep", waited.append)
    drop("dog-v1", 1, age=2000)
    drop("cow-v1", 2, age=1000)
    drop("hen-v1", 3, age=0)  # still being copied
    lines = run("watch", inbox, graph, "--once").out.splitlines()
    assert [re.sub(r"fitted: .*", "fitted", line) for line in lines] == [
        f"  looking into {inbox}",
        "  dog-v1: checking dog-v1.yaml, dog-v1.safetensors",
        "+ dog-v1: added as dog:classify; fitting what it needs",
        "  dog:classify: fitting (1 of 1)",
        "  dog:classify: fitted",
        "  cow-v1: checking cow-v1.yaml, cow-v1.safetensors",
        "+ cow-v1: added as cow:classify; fitting what it needs",
        "  cow:classify: fitting (1 of 1)",
        "  cow:classify: fitted",
        "  hen-v1: changed a moment ago; will be looked at again in 600 s",
        "? hen-v1: its files still change; left for the next look",
    ]
    assert waited == [600.0]
    assert graph.read_text().startswith(COMMENT)
    assert sorted(read_lock(lock_path(graph)).adapters) == ["cow:classify", "dog:classify"]
    assert sorted(file.name for file in inbox.glob("*.*")) == ["hen-v1.safetensors", "hen-v1.yaml"]
    assert (inbox / "added" / "dog-v1.yaml").is_file()
    assert legonet.load(graph).plan().changes == ()


def test_a_new_category_sees_what_its_teacher_sees(
    run: Run, graph: Path, inbox: Path, drop: Callable[..., None]
) -> None:
    model = "task: classify, model: cat-v1, cut: pool1"
    drop("dog-v1", 1, f"{{category: dog, {model}, input: {{shape: [3, 8, 8], std: [2, 2, 2]}}}}\n")
    drop(
        "cat-v2",
        1,
        f"{{category: cat, {model.replace('classify', 'see')}, output: {{kind: binary}}, "
        "input: {shape: [3, 8, 8], resize: crop}}\n",
    )
    told = run("watch", inbox, graph, "--once").out
    assert "+ dog-v1: added as dog:classify" in told
    assert legonet.load(graph).graph.input_of("dog").std == (2, 2, 2)
    assert "its images are 3x8x8, crop, bilinear; expected those of category cat, 3x8x8, fit" in told
    assert "see" not in legonet.load(graph).graph.tasks


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{category: dog", "dog-v1.yaml:"),
        ("{category: dog, task: classify, cut: pool1}", "model"),
        ("{category: dog, task: classify, model: none, cut: pool1}", "none"),
        (
            "{category: dog, task: classify, model: cat-v1, cut: pool9}",
            "cut 'pool9' is neither a module",
        ),
        ("{category: dog, task: mark, model: cat-v1, cut: pool1}", "task 'mark' is new"),
        (
            "{category: dog, task: mark, model: cat-v1, cut: pool1, output: {kind: mask}}",
            "gives (1); task mark (mask) expects",
        ),
        ("{category: cat, task: classify, model: cat-v1, cut: pool1}", "has the teacher cat-v1 already"),
    ],
)
def test_bad_ones_are_set_aside(
    run: Run, graph: Path, inbox: Path, drop: Callable[..., None], text: str, reason: str
) -> None:
    before = graph.read_bytes()
    drop("dog-v1", 1, text, age=20)
    outcome = run("watch", inbox, graph, "--once")
    assert outcome.status == 0
    assert "\n! dog-v1: rejected: " in outcome.out
    assert reason in (inbox / "rejected" / "dog-v1.reason.txt").read_text()
    assert (inbox / "rejected" / "dog-v1.safetensors").is_file()
    assert graph.read_bytes() == before
    assert not (graph.parent / "teachers" / "dog-v1.safetensors").exists()
    drop("dog-v1", 1)
    assert "+ dog-v1: added as dog:classify" in run("watch", inbox, graph, "--once").out


def test_what_teacher_add_takes_is_taken(
    run: Run,
    graph: Path,
    inbox: Path,
    put: Callable[..., None],
    make_model: Callable[..., nn.Module],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrapped = {"state_dict": {f"module.{name}": each for name, each in make_model(1).state_dict().items()}}
    put("dog-v1", "category: dog, model: cat-v1, cut: 0.5", ".pth", lambda file: torch.save(wrapped, file))
    library = "{legonet-block: 1, name: net, input: [3, 8, 8], builder: 'torchvision:resnet18', "
    (graph.parents[1] / "blocks" / "net.yaml").write_text(f"{library}arguments: {{num_classes: 1}}}}\n")
    resnet = torchvision.models.resnet18(num_classes=1).eval()
    put(
        "cow-v1",
        "category: cow, model: net, cut: layer2",
        ".pt",
        lambda to: torch.save(resnet.state_dict(), to),
    )
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(make_model(3), (torch.rand(2, 3, 8, 8),), dynamic_shapes=({0: batch},))
    put(
        "hen-v1",
        "category: hen, model: hen-v1.pt2, cut: 0.5",
        ".pt2",
        lambda to: torch.export.save(program, to),
    )
    out = run("watch", inbox, graph, "--once").out
    assert "+ dog-v1: added as dog:classify" in out
    assert "+ cow-v1: added as cow:classify" in out
    reference = inbox / "hen-v1.pt2"
    assert f"! hen-v1: rejected: model {reference}: torch reads such a file with pickle" in out
    monkeypatch.setenv("XDG_CONFIG_HOME", str(inbox.parent / "config"))
    permissions_file().parent.mkdir(parents=True)
    permissions_file().write_text(f"{graph.parents[1].resolve()}: ['{reference}']\n")
    for file in (inbox / "rejected").glob("hen-v1.[yp]*"):
        file.rename(inbox / file.name)
    assert "+ hen-v1: added as hen:classify" in run("watch", inbox, graph, "--once").out
    network, images = legonet.load(graph), torch.rand(2, 3, 8, 8)
    assert graph.read_text().startswith(COMMENT)
    assert torch.equal(network.teacher("dog-v1")(images), make_model(1)(images))
    assert torch.equal(network.teacher("cow-v1")(images), resnet(images))
    assert torch.equal(network.teacher("hen-v1")(images), make_model(3)(images))
    # A new version, as the library names the model, not as the graph file does.
    resnet.fc.bias.data += 1
    said = "category: cow, model: net, cut: layer2, on_conflict: replace"
    put("cow-v2", said, ".pth", lambda to: torch.save(resnet.state_dict(), to))
    assert "+ cow-v2: added as cow:classify" in run("watch", inbox, graph, "--once").out
    assert torch.equal(legonet.load(graph).teacher("cow-v1")(images), resnet(images))


def contents(workspace: Path) -> dict[Path, bytes]:
    """All files but those of locks, which say who held them last."""
    return {
        file: file.read_bytes()
        for file in workspace.rglob("*")
        if file.is_file() and file.parent.name != "inboxes"
    }


@pytest.mark.parametrize(
    ("said", "suffix", "reason"),
    [
        ("model: 'torchvision:resnet19', cut: 0.5", ".pt", "resnet19"),
        ("model: 'torchvision:resnet18', cut: 0.5", ".pt", "the weights are of another model"),
        ("model: 'mine.models:make', cut: 0.5", ".pt", "no module 'mine'"),
        ("model: 'legonet.network:load', cut: 0.5", ".pt", "legonet/allowed-code.yaml"),
        ("model: /elsewhere/dog-v1.pt2, cut: 0.5", ".pt2", "expected dog-v1.pt2, beside it; rename the file"),
        ("model: cat-v1, cut: pool1", ".pt2", "a file of torch.export, which is a model"),
        ("model: cat-v1, cut: pool1, key: ema", ".pt", "has no 'ema'"),
    ],
)
def test_bad_models_are_set_aside(
    run: Run,
    graph: Path,
    inbox: Path,
    put: Callable[..., None],
    make_model: Callable[..., nn.Module],
    said: str,
    suffix: str,
    reason: str,
) -> None:
    run("watch", inbox, graph, "--once")  # what is there is built first
    before = contents(graph.parents[1])
    whole = {".pt": torch.save, ".pt2": lambda _, to: to.write_bytes(archive())}[suffix]
    put("dog-v1", f"category: dog, {said}", suffix, lambda to: whole(make_model(1).state_dict(), to))
    assert "\n! dog-v1: rejected: " in run("watch", inbox, graph, "--once").out
    assert reason in (inbox / "rejected" / "dog-v1.reason.txt").read_text()
    assert (inbox / "rejected" / f"dog-v1{suffix}").is_file()
    assert contents(graph.parents[1]) == before


def test_two_files_of_weights(
    run: Run, graph: Path, inbox: Path, drop: Callable[..., None], make_model: Callable[..., nn.Module]
) -> None:
    drop("dog-v1", 1)
    torch.save(make_model(2).state_dict(), inbox / "dog-v1.pt")
    os.utime(inbox / "dog-v1.pt", (1, 1))
    out = run("watch", inbox, graph, "--once").out
    assert "beside it are dog-v1.safetensors, dog-v1.pt; expected one file of weights" in out


def test_a_variant_and_a_new_version(run: Run, graph: Path, inbox: Path, drop: Callable[..., None]) -> None:
    common = "category: cat, task: classify, model: cat-v1, cut: pool1"
    drop("cat-v2", 4, f"{{{common}, different: variant}}\n")
    out = run("watch", inbox, graph, "--once").out
    assert "cat-v2.yaml: `different` is called `on_conflict` now; it is read; write the new word" in out
    assert "+ cat-v2: added as cat@2:classify" in out
    assert "  cat@2:classify: fitted" in out
    drop("cat-v3", 5, f"{{{common}, on_conflict: replace}}\n")
    out = run("watch", inbox, graph, "--once").out
    assert "+ cat-v3: added as cat:classify" in out
    assert "  cat@2:classify: fitted" in out  # on the new version's task module
    assert list(legonet.load(graph).graph.teachers) == ["cat-v1", "cat-v2"]
    assert len(list((inbox / "replaced").iterdir())) == 1


def test_a_drop_says_its_licence_and_where_it_comes_from(
    run: Run, graph: Path, inbox: Path, drop: Callable[..., None]
) -> None:
    origin = "licence: CC-BY-4.0, source: 'https://me:hunter2@example.org/dog'"
    drop("dog-v1", 1, f"{{category: dog, task: classify, model: cat-v1, cut: pool1, {origin}}}\n")
    assert run("watch", inbox, graph, "--once").status == 0
    teacher = legonet.load(graph).graph.teachers["dog-v1"]
    assert (teacher.licence, teacher.source) == ("CC-BY-4.0", "https://example.org/dog")


def test_what_a_drop_lacks_is_told_once(
    run: Run, graph: Path, inbox: Path, drop: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop("dog-v1", 1)
    (inbox / "dog-v1.yaml").rename(inbox / "dog-v1.yml")
    (inbox / "cow-v1.yaml").write_text("{category: cow")
    (inbox / "folder.yaml").mkdir()
    monkeypatch.setattr("legonet.run.inbox.SETTLED", -1.0)
    box = Inbox(inbox, graph)
    assert not list(box.incomplete(600.0))
    assert list(box.incomplete(-1.0)) == [
        f"{has} waits for {lacks}, which is not there; put it beside, or take it away"
        for has, lacks in (
            ("cow-v1.yaml", "cow-v1.safetensors, .pt, .pth or .pt2"),
            ("dog-v1.safetensors", "dog-v1.yaml"),
        )
    ]
    assert not list(box.incomplete(-1.0))
    os.utime(inbox / "cow-v1.yaml", (1, 1))  # it has changed since
    assert [each.split()[0] for each in box.incomplete(600.0)] == ["cow-v1.yaml"]
    assert "? cow-v1.yaml waits for cow-v1.safetensors" in run("watch", inbox, graph, "--once").out


def test_an_empty_inbox_builds_what_the_graph_file_lacks(
    run: Run, graph: Path, inbox: Path, make_model: Callable[..., nn.Module]
) -> None:
    network = legonet.load(graph)
    network.add_teacher("dog-v1", make_model(1), category="dog", task="classify", cut="pool1")
    network.save(graph)
    out = run("watch", inbox, graph, "--once").out.splitlines()
    assert out[:3] == [
        f"  looking into {inbox}",
        f"  no new teacher; fitting what {graph} still lacks",
        "  dog:classify: fitting (1 of 1)",
    ]


def test_no_inbox(run: Run, graph: Path) -> None:
    outcome = run("watch", graph.parent / "none", graph, "--once")
    assert outcome.status == 1
    assert "no such folder" in outcome.err


def test_a_bug_sets_the_drop_aside(
    run: Run, graph: Path, inbox: Path, drop: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("1 / 0")

    drop("dog-v1", 1)
    monkeypatch.setattr("legonet.run.inbox.from_module", fail)
    outcome = run("watch", inbox, graph, "--once")
    assert outcome.status == 0
    assert "! dog-v1: rejected: a bug in legonet: ZeroDivisionError('1 / 0')" in outcome.out
    assert "Traceback" in (inbox / "rejected" / "dog-v1.reason.txt").read_text()
    monkeypatch.undo()
    drop("dog-v1", 1)
    monkeypatch.setattr("legonet.network.Network.transplant", fail)
    assert "! a bug in legonet: ZeroDivisionError" in run("watch", inbox, graph, "--once").out
    monkeypatch.undo()
    assert "  dog:classify: fitted" in run("watch", inbox, graph, "--once").out


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_it_goes_on_until_it_is_interrupted(graph: Path, inbox: Path, drop: Callable[..., None]) -> None:
    command = [sys.executable, "-m", "legonet", "watch", inbox, graph, "--every", "0.1s"]
    said = inbox.with_name("said.txt")
    with (
        said.open("w") as told,
        subprocess.Popen(
            command,
            stdout=told,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored by jobs of a shell
        ) as process,
    ):
        try:
            drop("dog-v1", 1, age=20)
            drop("cow-v1", 2, "{category: cow", age=15)
            wait_for(inbox / "rejected" / "cow-v1.reason.txt")
            (inbox / "odd.yaml").mkdir()
            (inbox / "alone.yaml").write_text("{category: dog")
            inbox.rename(inbox.with_name("away"))  # a folder that is gone for a while
            time.sleep(0.5)
            inbox.with_name("away").rename(inbox)
            drop("hen-v1", 3)
            wait_for(inbox / "added" / "hen-v1.yaml")
            wait_for(said, "  hen:classify: fitted")
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, err
    out = said.read_text()
    assert [line.split(":")[0] for line in out.splitlines() if ": fitting (" not in line] == [
        f"  looking into {inbox}",
        "  dog-v1",
        "+ dog-v1",
        "  dog",
        "  cow-v1",
        "! cow-v1",
        "  hen-v1",
        "+ hen-v1",
        "  hen",
    ]
    assert "go on from here: legonet watch" in err
    assert "Traceback" not in out + err
    assert sorted(read_lock(lock_path(graph)).adapters) == ["dog:classify", "hen:classify"]


def wait_for(file: Path, text: str = "") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if file.exists() and text in file.read_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"{file}: {text!r} did not come")


def test_two_watchers_take_each_drop_once(graph: Path, inbox: Path, drop: Callable[..., None]) -> None:
    drop("dog-v1", 1)
    first, second = Inbox(inbox, graph), Inbox(inbox, graph)
    (seen,), (also_seen,) = list(first.ready()), list(second.ready())
    assert first.take(seen) == "dog:classify"
    with pytest.raises(FileNotFoundError, match="another command has taken it"):
        second.take(also_seen)
    assert (inbox / "added" / "dog-v1.yaml").is_file()
    assert not (inbox / "rejected").exists()
