"""What others have pushed is joined with what was done here: entries, comments, and what clashes."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor, nn

import legonet
from legonet.cli import main
from legonet.errors import GraphError, StoreError
from tests.remote.servers import Served
from tests.sharing.conftest import QUICK, Arrive, blobs, got, pulled, same


def test_what_others_add_is_joined(zoo: Path, tmp_path: Path, arrive: Arrive, images: Tensor) -> None:
    url = str(tmp_path / "remote")
    legonet.load(zoo).push(url, progress=None)
    there = legonet.Network.pull(url, tmp_path / "there", progress=None).path
    assert there is not None
    arrive(there, "hen", 9)
    assert not legonet.load(there).push(progress=None).joined  # the remote was named when it was pulled
    there.write_text(there.read_text() + "# a comment\n")
    zoo.write_text("# ours\n" + zoo.read_text())
    arrive(zoo, "fox", 11)
    done = legonet.load(zoo).push(url, progress=None)
    assert done.joined
    ours = legonet.load(zoo)
    assert set(ours.graph.teachers) == {"cat-v1", "dog-v1", "cow-v1", "hen-v1", "fox-v1"}
    assert zoo.read_text().startswith("# ours\n")
    assert not ours.plan().changes
    theirs = legonet.Network.pull(str(there), progress=None)
    assert theirs.graph == ours.graph
    assert theirs.lock == ours.lock
    assert all(same(ours, theirs, f"{name}:classify", images) for name in ("hen", "fox"))


@pytest.mark.parametrize("sent", [False, True])
def test_what_others_change_leaves_our_comments(zoo: Path, tmp_path: Path, sent: bool) -> None:
    url = str(tmp_path / "remote")
    legonet.load(zoo).push(url, progress=None)
    files = [legonet.Network.pull(url, tmp_path / name, progress=None).path for name in ("a", "b")]
    ours, theirs = (each for each in files if each is not None)
    ours.write_text(ours.read_text().replace("  dog: {}", "  # barks\n  dog: {}  # loudly"))
    if sent:
        legonet.load(ours).push(progress=None)
    theirs.write_text(theirs.read_text().replace("  dog: {}", "  dog: {label: Hund}"))
    legonet.load(theirs).push(progress=None)
    legonet.Network.pull(str(ours), progress=None)
    assert "  # barks\n  dog: {label: Hund}  # loudly\n" in ours.read_text()
    assert ("# barks" in theirs.read_text()) == sent  # nor did the push drop it


def test_comments_of_both_stay_where_they_were_written(zoo: Path, tmp_path: Path) -> None:
    url = str(tmp_path / "remote")
    legonet.load(zoo).push(url, progress=None)
    files = [legonet.Network.pull(url, tmp_path / name, progress=None).path for name in ("a", "b")]
    ours, theirs = (each for each in files if each is not None)
    ours.write_text("# of a\n" + ours.read_text())
    legonet.load(ours).push(progress=None)
    theirs.write_text("# of b\n" + theirs.read_text().replace("  dog: {}", "  dog: {label: Hund}"))
    legonet.load(theirs).push(progress=None)
    assert theirs.read_text().startswith("# of a\n# of b\n")
    legonet.Network.pull(str(ours), progress=None)
    assert ours.read_bytes() == theirs.read_bytes()
    assert "  dog: {label: Hund}" in ours.read_text()


def test_comments_of_both_stay_where_both_bring_teachers(zoo: Path, tmp_path: Path, arrive: Arrive) -> None:
    url = str(tmp_path / "remote")
    legonet.load(zoo).push(url, progress=None)
    files = [legonet.Network.pull(url, tmp_path / name, progress=None).path for name in ("a", "b")]
    for file, category in zip(files, ("hen", "fox"), strict=True):
        assert file is not None
        file.write_text(file.read_text().replace("  cow-v1:", f"  # before the {category}\n  cow-v1:"))
        arrive(file, category, ord(category[0]))
        file.write_text(f"{file.read_text()}# {category}\n")
        legonet.load(file).push(progress=None)
    ours, theirs = (each for each in files if each is not None)
    legonet.Network.pull(str(ours), progress=None)
    assert ours.read_bytes() == theirs.read_bytes()
    comments = re.findall(r"# .*", ours.read_text())
    assert comments == ["# before the hen", "# before the fox", "# hen", "# fox"]
    assert {"hen", "fox"} <= set(legonet.load(ours).graph.categories)


def test_a_file_that_nobody_changed_here_becomes_as_it_is_there(zoo: Path, tmp_path: Path) -> None:
    url = str(tmp_path / "remote")
    legonet.load(zoo).push(url, progress=None)
    there = legonet.Network.pull(url, tmp_path / "there", progress=None).path
    assert there is not None
    zoo.write_text("# ours\n" + zoo.read_text().replace("  dog: {}", "  dog:\n    label: Hund"))
    legonet.load(zoo).push(url, progress=None)
    legonet.Network.pull(str(there), progress=None)
    assert there.read_bytes() == zoo.read_bytes()


def test_who_pushed_first_gives_the_module(
    zoo: Path, tmp_path: Path, make_model: Callable[..., nn.Module]
) -> None:
    url = str(tmp_path / "remote")
    legonet.load(zoo).push(url, progress=None)
    there = legonet.Network.pull(url, tmp_path / "there", progress=None).path
    assert there is not None
    for file, name, seed in ((there, "hen", 9), (zoo, "fox", 11)):
        network = legonet.load(file)
        network.add_task("spot", {"kind": "binary"}, QUICK)
        network.add_teacher(name, make_model(seed), category=name, task="spot", cut="pool1")
        network.save(file)
        network.transplant(progress=None)
        assert network.lock.tasks["spot"].teacher == name
        legonet.load(file).push(url, progress=None)
    ours = legonet.load(zoo)
    assert {edge.path: edge.action for edge in ours.plan().changes} == {"fox:spot": "add"}
    assert ours.plan().by_path["hen:spot"].action == "native"


def test_two_pushes_at_once(zoo: Path, s3: Served, tmp_path: Path, arrive: Arrive) -> None:
    legonet.load(zoo).push(s3.url, progress=None)
    there = legonet.Network.pull(s3.url, tmp_path / "there", progress=None).path
    assert there is not None
    arrive(zoo, "hen", 9)
    arrive(there, "fox", 11)
    begin = threading.Barrier(2)
    waited = threading.local()

    def both_look_first(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("legonet.json") and not getattr(waited, "done", False):
            waited.done = True

    s3.fault = both_look_first
    errors: list[BaseException] = []

    def push(file: Path) -> None:
        network = legonet.load(file)
        begin.wait()
        try:
            network.push(s3.url, progress=None)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=push, args=(file,)) for file in (zoo, there)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not errors
    found = legonet.Network.pull(s3.url, tmp_path / "third", progress=None)
    assert set(found.graph.categories) == {"cat", "dog", "cow", "hen", "fox"}
    assert set(found.lock.adapters) == {f"{name}:classify" for name in ("dog", "cow", "hen", "fox")}
    assert not found.plan().changes
    assert len(blobs(tmp_path / "third")) == len(set(blobs(zoo.parents[1])) | set(blobs(tmp_path / "there")))


def test_somebody_pushes_between_looking_and_pointing(
    zoo: Path, s3: Served, tmp_path: Path, arrive: Arrive
) -> None:
    legonet.load(zoo).push(s3.url, progress=None)
    there = legonet.Network.pull(s3.url, tmp_path / "there", progress=None).path
    assert there is not None
    arrive(zoo, "hen", 9)
    arrive(there, "fox", 11)
    other, done = legonet.load(there), []

    def first(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("legonet.json") and not done:
            done.append(True)
            other.push(s3.url, progress=None)

    s3.fault = first
    assert legonet.load(zoo).push(s3.url, progress=None).joined
    assert set(legonet.load(zoo).graph.categories) == {"cat", "dog", "cow", "hen", "fox"}


@pytest.mark.parametrize("wins", ["Hound", "Puppy"])
def test_an_entry_that_both_change_is_a_conflict_that_either_can_win(
    zoo: Path, tmp_path: Path, wins: str
) -> None:
    url = str(tmp_path / "remote")
    legonet.load(zoo).push(url, progress=None)
    there = legonet.Network.pull(url, tmp_path / "there", progress=None).path
    assert there is not None

    def label(file: Path, text: str) -> None:
        file.write_text(re.sub(r"  dog: \{.*\}", f"  dog: {{label: {text}}}", file.read_text()))

    label(zoo, "Hound")
    label(there, "Puppy")
    legonet.load(there).push(progress=None)
    before = {each: each.read_bytes() for each in (tmp_path / "remote").rglob("*") if each.is_file()}
    expected = (
        f'{zoo}:7:3: categories.dog: {{"label": "Hound"}} here, {{"label": "Puppy"}} in {url}; both sides '
        "have changed it; expected one of them; for the remote's, make it here as it is there, and run the "
        "command again; for yours, do that too, then change it again and push"
    )
    for command in (lambda: legonet.load(zoo).push(url, progress=None), lambda: pulled(zoo)):
        with pytest.raises(GraphError) as caught:
            command()
        assert str(caught.value) == expected
    assert before == {each: each.read_bytes() for each in (tmp_path / "remote").rglob("*") if each.is_file()}
    assert "Hound" in zoo.read_text()

    label(zoo, "Puppy")
    pulled(zoo)
    if wins == "Hound":
        label(zoo, "Hound")
        legonet.load(zoo).push(progress=None)
    pulled(there)
    assert legonet.load(zoo).graph == legonet.load(there).graph
    assert legonet.load(there).graph.categories["dog"].label == wins


def test_a_conflict_tells_no_secret(zoo: Path, tmp_path: Path) -> None:
    url = str(tmp_path / "remote")
    legonet.load(zoo).push(url, progress=None)
    there = legonet.Network.pull(url, tmp_path / "there", progress=None).path
    assert there is not None
    for file, word in ((zoo, "one"), (there, "two")):
        text = file.read_text().replace("https://example.org/dog", f"https://me:{word}@example.org/{word}")
        file.write_text(text)
    legonet.load(there).push(progress=None)
    with pytest.raises(GraphError, match=r"teachers\.dog-v1: .*example\.org/one.* here, .*in ") as caught:
        pulled(zoo)
    assert "me:" not in str(caught.value)


SHEEP = """
  sheep-v1:
    category: sheep
    task: spot
    model: cat-v1
    weights: teachers/cow-v1.safetensors
    cut: pool1
"""


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("categories.sheep", "needs category 'sheep', which {} removed; expected"),
        ("teachers.sheep-v1", "with what .*remote holds, "),
    ],
)
@pytest.mark.parametrize("here", [False, True])
def test_what_one_removes_and_the_other_uses_is_a_conflict(
    zoo: Path, tmp_path: Path, here: bool, entry: str, expected: str
) -> None:
    url, text = str(tmp_path / "remote"), zoo.read_text()
    text = text.replace("  cow: {}", "  cow: {}\n  sheep: {}")
    zoo.write_text(text.replace("tasks:\n", "tasks:\n  spot: {output: {kind: binary}}\n") + SHEEP)
    legonet.load(zoo).push(url, progress=None)
    there = legonet.Network.pull(url, tmp_path / "there", progress=None).path
    assert there is not None
    removed, connected = (zoo, there) if here else (there, zoo)
    assert main(["remove", str(removed), entry, "--references"]) == 0
    assert main(["connect", str(connected), "sheep:classify"]) == 0
    legonet.load(there).push(progress=None)
    before = zoo.read_bytes()
    by = "you have" if here else f"{url} has"
    with pytest.raises(GraphError, match=rf"adapters\.sheep:classify: {expected.format(by)}"):
        pulled(zoo)
    assert zoo.read_bytes() == before


def test_another_network_is_not_overwritten(zoo: Path, tmp_path: Path) -> None:
    url = str(tmp_path / "remote")
    legonet.load(zoo).push(url, progress=None)
    other = legonet.Network("other", (3, 8, 8)).save(tmp_path / "other" / "graphs" / "zoo.yaml")
    with pytest.raises(StoreError, match=r"of the network 'other', and .* holds 'zoo'"):
        legonet.load(other).push(url, progress=None)
    with pytest.raises(StoreError, match="holds 'zoo'"):
        got("", url, tmp_path / "other")
    block = next((zoo.parents[1] / "blocks").iterdir())
    (tmp_path / "third" / "blocks").mkdir(parents=True)
    (tmp_path / "third" / "blocks" / block.name).write_text("else")
    with pytest.raises(StoreError, match="is there already, with other content"):
        got("", url, tmp_path / "third")
    assert not (tmp_path / "third" / "graphs").exists()
