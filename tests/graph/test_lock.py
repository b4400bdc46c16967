from __future__ import annotations

import json
from pathlib import Path

import pytest

from legonet import foreign
from legonet.errors import GraphError
from legonet.graph.lock import (
    Lock,
    LockedAdapter,
    LockedModule,
    LockedTeacher,
    dump_lock,
    lock_path,
    read_lock,
    write_lock,
)

A, B = "a" * 64, "b" * 64
LOCK = Lock.model_validate(
    {
        "legonet-lock": 1,
        "teachers": {"dog-v1": LockedTeacher(source=A, category_module=B, task_module=A)},
        "categories": {
            "dog": LockedModule(teacher="dog-v1", module=B),
            "cat": LockedModule(teacher="x", module=A),
        },
        "adapters": {
            "cat:classify": LockedAdapter(
                key=A,
                inputs={"f": A, "g": B},
                adapter=B,
                method="closed-form",
                seed=0,
                quality={"residual": 0.25},
            )
        },
    }
)


def test_it_lies_beside_the_graph():
    assert lock_path(Path("graphs/animals.yaml")) == Path("graphs/animals.lock.json")
    assert lock_path(Path("a.b.json")) == Path("a.b.lock.json")


def test_what_is_written_is_read_back(tmp_path: Path):
    path = tmp_path / "x.lock.json"
    write_lock(path, LOCK)
    assert read_lock(path) == LOCK
    assert path.read_text() == dump_lock(LOCK)
    assert [file.name for file in tmp_path.iterdir()] == ["x.lock.json"]


def test_the_text_is_deterministic_and_diffable():
    text = dump_lock(LOCK)
    data = json.loads(text)
    assert list(data) == sorted(data)
    assert list(data["categories"]) == ["cat", "dog"]
    assert text.endswith("}\n")
    turned = Lock.model_validate(
        {**LOCK.model_dump(by_alias=True), "categories": dict(reversed(LOCK.categories.items()))}
    )
    assert dump_lock(turned) == text


def test_no_file_is_an_empty_lock(tmp_path: Path):
    assert read_lock(tmp_path / "none.lock.json") == Lock()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: found nothing; expected a mapping"),
        ("{", "1:2: the file ends here"),
        ('{"legonet-lock": 0}', "1:18: legonet-lock: found 0; expected 1"),
        ('{"teachers": {"a": {"source": "x"}}}', "1:15: teachers.a.category_module: missing"),
        ('{"teecher": {}}', "1:2: teecher: unknown key; .* Did you mean 'teachers'\\?"),
        (
            '{"categories": {"cat": {"teacher": "t", "module": "' + A.upper() + '"}}}',
            "1:51: categories.cat.module: ",
        ),
        ("\xff", "byte 0xff is not UTF-8"),
    ],
)
def test_a_damaged_file_is_told_with_its_place_and_remedy(tmp_path: Path, text: str, message: str):
    path = tmp_path / "x.lock.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(GraphError, match=message) as caught:
        read_lock(path)
    assert str(caught.value).startswith(f"{path}:")
    assert str(caught.value).endswith(
        "restore it from version control, or delete it to build everything again"
    )
    assert "Input should" not in str(caught.value)


@pytest.mark.parametrize("padding", ["", " " * 9 * 2**20])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{\n<<<<<<< HEAD\n"a": 1\n=======\n"a": 2\n>>>>>>> theirs\n}',
            "2:1: a merge conflict, up to line 6; expected a lock file that is merged; take either side "
            "whole (git checkout --ours FILE, or --theirs), then run `legonet plan`",
        ),
        (
            '{"legonet-lock": 2, "bricks": 3}',
            "1:18: legonet-lock: format 2, of a newer legonet; expected format 1, which this one reads; "
            "update legonet: pip install --upgrade legonet",
        ),
    ],
)
def test_what_has_a_remedy_of_its_own(tmp_path: Path, text: str, message: str, padding: str):
    path = tmp_path / "x.lock.json"
    path.write_text(text + padding)
    with pytest.raises(GraphError) as caught:
        read_lock(path)
    assert str(caught.value) == f"{path}:{message}"


def test_a_byte_order_mark_is_no_trouble(tmp_path: Path):
    path = tmp_path / "x.lock.json"
    path.write_bytes(b"\xef\xbb\xbf" + dump_lock(Lock()).encode())
    assert read_lock(path) == Lock()


def test_a_large_file_is_not_read(tmp_path: Path):
    path = tmp_path / "x.lock.json"
    with path.open("wb") as file:
        file.truncate((foreign.LOCK.largest or 0) + 1)
    with pytest.raises(GraphError, match="expected a lock file of at most 160 MiB"):
        read_lock(path)


def test_a_folder_is_no_lock_file(tmp_path: Path):
    with pytest.raises(GraphError, match="a folder; expected a lock file"):
        read_lock(tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "x.lock.json"
    write_lock(path, LOCK)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(GraphError, match="No space left on device"):
        write_lock(path, Lock())
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["x.lock.json"]


def test_a_missing_folder_is_told(tmp_path: Path):
    with pytest.raises(GraphError, match="cannot be written"):
        write_lock(tmp_path / "none" / "x.lock.json", LOCK)
