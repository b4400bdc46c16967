"""Networks travel: two workspaces that share nothing but an address have the same network, bit for bit."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

import legonet
from legonet.errors import StoreError
from legonet.graph.lock import lock_path
from legonet.remote.address import RemoteAddress
from legonet.remote.manifest import POINTER, look, pointer_to
from legonet.remote.objects import Objects
from legonet.remote.place import Place
from legonet.teachers.validate import problems_of
from tests.remote.servers import Served
from tests.sharing.conftest import Arrive, blobs, got, same


def test_two_workspaces_share_nothing_but_an_address(
    zoo: Path, s3: Served, tmp_path: Path, images: Tensor
) -> None:
    ours = legonet.load(zoo)
    sent = ours.push(s3.url, progress=None)
    assert sent.sent > 8
    expected = {path: ours.compile(path)(images) for path in ("cat:classify", "dog:classify", "cow:classify")}
    lock, graph, stored = lock_path(zoo).read_bytes(), zoo.read_bytes(), blobs(zoo.parents[1])
    shutil.rmtree(zoo.parents[1])  # nothing but what was sent is left

    s3.requests.clear()
    theirs = legonet.Network.pull(s3.url, tmp_path / "there", paths="dog:classify", progress=None)
    locked = theirs.lock
    used = {
        locked.categories["dog"].module,
        locked.tasks["classify"].module,
        locked.adapters["dog:classify"].adapter,
    }
    here = tmp_path / "there"
    assert set(blobs(here)) == used  # one path's bytes, and no others
    files = 2 + 1 + 2  # pointer and list; a block; graph and lock
    assert s3.count("GET") == files + len(used)
    assert torch.equal(theirs.compile("dog:classify")(images), expected["dog:classify"])
    assert s3.count("GET") == files + len(used)
    assert not theirs.plan().changes
    assert s3.count("GET") == files + len(used)  # planning asks for nothing

    assert torch.equal(theirs.compile("cow:classify")(images), expected["cow:classify"])
    assert len(blobs(here)) == len(used) + 2  # the task module was here
    assert torch.equal(theirs.compile()(images)["cat:classify"], expected["cat:classify"])

    legonet.Network.pull(s3.url, here, progress=None)
    found = blobs(here)
    assert {sha: found[sha] for sha in stored} == stored
    assert lock_path(here / "graphs" / "zoo.yaml").read_bytes() == lock
    assert (here / "graphs" / "zoo.yaml").read_bytes() == graph
    assert not list(here.rglob("teachers"))  # no teacher's weights travel beside the modules


@pytest.mark.parametrize("kind", ["folder", "memory", "gs", "ssh"])
def test_by_every_other_means(
    zoo: Path, tmp_path: Path, images: Tensor, kind: str, request: pytest.FixtureRequest
) -> None:
    urls = {"folder": str(tmp_path / "remote"), "memory": f"memory://{tmp_path.name}"}
    url = urls.get(kind) or request.getfixturevalue(kind).url
    ours = legonet.load(zoo)
    ours.push(url, progress=None)
    theirs = legonet.Network.pull(url, tmp_path / "there", progress=None)
    assert blobs(tmp_path / "there").keys() >= blobs(zoo.parents[1]).keys()
    assert same(ours, theirs, "dog:classify", images)


def test_nothing_is_sent_twice(zoo: Path, s3: Served, arrive: Arrive) -> None:
    first = legonet.load(zoo).push(s3.url, progress=None)
    s3.requests.clear()
    second = legonet.load(zoo).push(s3.url, progress=None)
    assert (second.sent, second.bytes) == (0, 0)
    assert second.there == first.sent + first.there
    assert s3.count("HEAD") == 0  # what the list names is not asked for
    assert [method for method, _ in s3.requests] == ["GET"] * 2  # the pointer and the list
    arrive(zoo, "hen", 9)
    third = legonet.load(zoo).push(progress=None)
    # f, g, adapter; block, graph, lock and card
    assert third.sent == 3 + 3
    assert third.there > 5


def test_a_push_that_is_cut_goes_on(zoo: Path, s3: Served) -> None:
    puts = [0]

    def cut(method: str, path: str) -> int | None:
        puts[0] += method == "PUT"
        return 403 if puts[0] > 4 and method == "PUT" else None

    s3.fault = cut
    with pytest.raises(StoreError):
        legonet.load(zoo).push(s3.url, progress=None)
    s3.fault = lambda method, path: None
    with pytest.raises(StoreError, match="no network was pushed there"):  # no half of one is seen
        got("", s3.url, zoo.parents[2] / "there")
    done = legonet.load(zoo).push(s3.url, progress=None)
    assert done.there == 4
    assert got("", s3.url, zoo.parents[2] / "there")


def test_a_server_of_files_is_enough_to_pull(zoo: Path, http: Served, tmp_path: Path, images: Tensor) -> None:
    ours = legonet.load(zoo)
    ours.push(str(tmp_path / "www" / "zoo"), progress=None)
    wrong = {"left": 2}

    def now_and_then(method: str, path: str):
        if "/objects/" in path and wrong["left"]:
            wrong["left"] -= 1
            return (lambda body: body[:-1] + b"?") if wrong["left"] else 503
        return None

    http.fault = now_and_then
    theirs = legonet.Network.pull(f"{http.url}/zoo", tmp_path / "there", progress=None)
    assert not wrong["left"]
    assert same(ours, theirs, "dog:classify", images)
    with pytest.raises(StoreError, match="is read-only"):
        theirs.push(f"{http.url}/zoo2", progress=None)


def test_wrong_bytes_end_a_pull_and_leave_none(zoo: Path, http: Served, tmp_path: Path) -> None:
    ours = legonet.load(zoo)
    ours.push(str(tmp_path / "www" / "zoo"), progress=None)
    bad = ours.lock.adapters["dog:classify"].adapter
    http.fault = lambda method, path: (lambda body: body[::-1]) if bad in path else None
    with pytest.raises(StoreError, match=f"{bad[:10]}.*not match its name"):
        got("", f"{http.url}/zoo", tmp_path / "there")
    there = tmp_path / "there"
    assert not (there / ".legonet" / "blobs" / bad[:2] / bad[2:4] / bad).exists()
    http.fault = lambda method, path: None
    http.requests.clear()
    got("", f"{http.url}/zoo", there)
    assert bad in blobs(there)
    assert http.count("GET") < len(blobs(there)) + 2  # what had come is not asked for again


def test_a_damaged_blob_is_fetched_again(zoo: Path, tmp_path: Path, images: Tensor) -> None:
    ours = legonet.load(zoo)
    ours.push(str(tmp_path / "remote"), progress=None)
    theirs = legonet.Network.pull(str(tmp_path / "remote"), tmp_path / "there", progress=None)
    path = theirs.store.path(theirs.lock.adapters["dog:classify"].adapter)
    path.write_bytes(path.read_bytes()[::-1])
    assert theirs.verify()
    assert same(ours, theirs, "dog:classify", images)


def test_a_part_of_a_network_can_be_sent(zoo: Path, tmp_path: Path, images: Tensor) -> None:
    url, ours = str(tmp_path / "remote"), legonet.load(zoo)
    some = ours.push(url, paths="dog:classify", progress=None)
    theirs = legonet.Network.pull(url, tmp_path / "there", paths=["dog:classify"], progress=None)
    assert same(ours, theirs, "dog:classify", images)
    for path in ("cow:classify", ""):  # without a path all of it is asked for
        with pytest.raises(StoreError, match=r"does not hold .* of these paths.*push them.*--path"):
            got(path, url, tmp_path / "there")
    rest = legonet.load(zoo).push(progress=None)
    assert 0 < rest.sent < some.sent + rest.sent
    got("cow:classify", url, tmp_path / "there")
    assert same(ours, legonet.load(tmp_path / "there" / "graphs" / "zoo.yaml"), "cow:classify", images)


def test_a_list_that_lacks_what_its_lock_names_is_refused(zoo: Path, tmp_path: Path) -> None:
    url = str(tmp_path / "remote")
    legonet.load(zoo).push(url, progress=None)
    found = look(Place(RemoteAddress.read(url)))
    assert found is not None
    empty = found.manifest.model_copy(update={"blobs": {}})
    objects, data = Objects(Place(RemoteAddress.read(url))), empty.dump()
    objects.send(hashlib.sha256(data).hexdigest(), [data])
    (tmp_path / "remote" / POINTER).write_bytes(pointer_to(empty, data).dump())
    for path in ("dog:classify", ""):
        with pytest.raises(StoreError, match="does not hold"):
            got(path, url, tmp_path / "there")


def test_teachers_are_whole_without_their_weights_files(
    zoo: Path, tmp_path: Path, images: Tensor, arrive: Arrive
) -> None:
    ours = legonet.load(zoo)
    ours.push(str(tmp_path / "remote"), progress=None)
    theirs = legonet.Network.pull(
        str(tmp_path / "remote"), tmp_path / "there", paths="cat:classify", progress=None
    )
    for name in ours.graph.teachers:
        assert torch.equal(ours.teacher(name)(images), theirs.teacher(name)(images))
    file = tmp_path / "there" / "graphs" / "zoo.yaml"
    text = file.read_text()
    assert "cut: pool1" in text
    before, after = text.split("cow-v1:")
    file.write_text(f"{before}cow-v1:{after.replace('pool1', 'relu1_1')}")  # another cut, of the same weights
    moved = legonet.load(file)
    moved.transplant(progress=None)
    assert moved.compile("cow:classify")(images).shape == (12, 1)
    saved = moved.save(tmp_path / "saved" / "graphs" / "zoo.yaml")
    assert len(list(saved.parent.joinpath("teachers").glob("*-v1.safetensors"))) == 3


def test_what_was_pulled_is_valid(zoo: Path, tmp_path: Path) -> None:
    legonet.load(zoo).push(str(tmp_path / "remote"), progress=None)
    theirs = legonet.Network.pull(
        str(tmp_path / "remote"), tmp_path / "there", paths="cat:classify", progress=None
    ).path
    assert theirs is not None
    assert problems_of(theirs) == ""
    text = theirs.read_text()
    theirs.write_text(text.replace("teachers/dog-v1.safetensors", "teachers/dog-v2.safetensors"))
    assert "no file 'teachers/dog-v2.safetensors'" in problems_of(theirs)
    sha = hashlib.sha256((zoo.parent / "teachers" / "dog-v1.safetensors").read_bytes()).hexdigest()
    for named, report in ((sha, ""), ("f" * 64, f"'teachers/dog-v1.safetensors' has sha256 {sha}; ")):
        line = "weights: teachers/dog-v1.safetensors\n"
        theirs.write_text(text.replace(line, f"{line}    sha256: {named}\n"))
        assert report in problems_of(theirs)
        assert bool(report) == bool(problems_of(theirs))


def test_it_grows_where_it_was_pulled(zoo: Path, tmp_path: Path, arrive: Arrive) -> None:
    legonet.load(zoo).push(str(tmp_path / "remote"), progress=None)
    legonet.Network.pull(str(tmp_path / "remote"), tmp_path / "there", paths="cat:classify", progress=None)
    there = tmp_path / "there" / "graphs" / "zoo.yaml"
    arrive(there, "hen", 9)
    arrive(zoo, "hen", 9)
    assert (
        legonet.load(there).lock.adapters["hen:classify"] == legonet.load(zoo).lock.adapters["hen:classify"]
    )


def test_a_network_in_memory_has_to_be_saved_first() -> None:
    with pytest.raises(StoreError, match="save it first"):
        legonet.Network("zoo").push("memory://x", progress=None)


def test_changes_that_are_not_saved_are_not_lost(zoo: Path, tmp_path: Path) -> None:
    network = legonet.load(zoo)
    network.add_category("hen")
    with pytest.raises(StoreError, match="save it first"):
        network.push(str(tmp_path / "remote"), progress=None)
    assert "hen" in network.graph.categories
    assert not (tmp_path / "remote").exists()


def test_from_one_remote_to_another(zoo: Path, tmp_path: Path, images: Tensor) -> None:
    ours, first, second = legonet.load(zoo), str(tmp_path / "first"), str(tmp_path / "second")
    ours.push(first, progress=None)
    there = legonet.Network.pull(first, tmp_path / "there", paths="dog:classify", progress=None)
    assert there.push(second, progress=None).notes[0].startswith(second)  # and none of what is lacking
    shutil.rmtree(tmp_path / "first")
    third = legonet.Network.pull(second, tmp_path / "third", progress=None)
    assert same(ours, third, "cow:classify", images)
