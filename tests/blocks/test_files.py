"""Block files: found by name; every problem in one report, in file order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from legonet.blocks.files import find_block, list_blocks, parse_block, read_block
from legonet.blocks.schema import Block
from legonet.errors import BlockError
from legonet.graph.json_schema import model_schema
from legonet.graph.load import parse_yaml
from legonet.store.workspace import shipped_folder

SMALL = """\
legonet-block: 1
name: small
input: [1, 4, 4]
layers:
  conv: {type: conv, in: 1, out: 2, kernel: 3}
  relu: {type: relu}
  flatten: {type: flatten}
cuts: [relu]
"""


def report(text: str) -> list[str]:
    with pytest.raises(BlockError) as caught:
        parse_block(text, "b.yaml")
    return str(caught.value).split("\n")


def test_a_block_file(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    block = read_block(path)
    assert block.layers is not None
    assert (block.name, block.input, block.cuts, list(block.layers)) == (
        "small",
        (1, 4, 4),
        ("relu",),
        ["conv", "relu", "flatten"],
    )


def test_everything_wrong_in_one_report() -> None:
    text = """\
legonet-block: 1
name: c
input: [3, 2]
layers:
  a.b: {type: convv}
  a: {type: conv, in: 4, out: 5, kernel: [3, 0], groups: 3}
  c: {type: upsample}
  d: {type: max-pool, kernel: 2, padding: 2, stride: [1, 2, 3]}
  e: {type: relu, x: 3}
  g: {type: upsample, size: 2, scale: 2}
  'h i': {type: relu}
  p: {type: avg-pool}
cuts: [p, A.B, q]
foo: 3
"""
    found = report(text)
    # The words after ": " at a line's end are of legonet.graph.checks.structure, and tested there.
    expected = [
        "b.yaml:3:1: input: ",
        "b.yaml:5:15: layers.a.b.type: ",
        "b.yaml:6:3: layers.a: there are layers inside 'a' above; expected names that nest; rename the layer "
        "or move it",
        "b.yaml:6:46: layers.a.kernel[1]: ",
        "b.yaml:6:58: layers.a.groups: 3 groups do not divide 'in', 4; expected a divisor; correct one",
        "b.yaml:6:58: layers.a.groups: 3 groups do not divide 'out', 5; expected a divisor; correct one",
        "b.yaml:7:3: layers.c: neither 'size' nor 'scale'; expected one of them; choose one",
        "b.yaml:8:43: layers.d.padding: more than half the kernel; expected at most half; make it smaller",
        "b.yaml:8:46: layers.d.stride: ",
        "b.yaml:9:19: layers.e.x: ",
        "b.yaml:10:3: layers.g: both 'size' and 'scale'; expected one of them; choose one",
        "b.yaml:11:3: layers.h i: ",
        "b.yaml:12:3: layers.p.kernel: ",
        "b.yaml:13:8: cuts[0]: 'p' is the last layer; expected one that leaves layers for the task module; "
        "choose one below it",
        "b.yaml:13:11: cuts[1]: no layer 'A.B'; layers are a.b, a, c, d, e, g, h i, p. Did you mean 'a.b'?",
        "b.yaml:13:16: cuts[2]: no layer 'q'; layers are a.b, a, c, d, e, g, h i, p.",
        "b.yaml:14:1: foo: ",
    ]
    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected
    whole = [start for start in expected if not start.endswith(": ")]
    assert [line for line in found if line in whole] == whole


HEAD = "legonet-block: 1\nname: b\ninput: [3, 2, 2]\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[]", ["b.yaml: found a list of 0; expected a block, a mapping; start with 'legonet-block: 1'"]),
        ("", ["b.yaml: found nothing; expected a block, a mapping; start with 'legonet-block: 1'"]),
        (HEAD, ["b.yaml:1:1: found neither 'layers' nor 'builder'; expected one of them; add it"]),
        (
            HEAD + "builder: torchvision:vgg16\nlayers: {a: {type: relu}}\n",
            ["b.yaml:4:1: builder: found beside 'layers'; expected one of the two; remove the other"],
        ),
        (
            HEAD + "layers: {a: {type: relu}}\narguments: {x: 1}\n",
            ["b.yaml:5:1: arguments: found without a 'builder'; expected beside one; remove them"],
        ),
        (
            "legonet-block: 2" + HEAD[16:] + "layers: {a: {type: relu}}\n",
            [
                "b.yaml:1:16: legonet-block: format 2, of a newer legonet; expected format 1, which this one "
                "reads; update legonet: pip install --upgrade legonet"
            ],
        ),
        (
            HEAD + "layers:\n  a: {type: relu}\n  a: {type: relu}\n",
            [
                "b.yaml:6:3: layers.a: already at line 5; expected each key once; "
                "remove or rename one of them",
            ],
        ),
    ],
)
def test_other_reports(text: str, lines: list[str]) -> None:
    assert report(text) == lines


def test_text_that_is_no_yaml_is_a_block_error(tmp_path: Path) -> None:
    assert report("a: [")[0].startswith("b.yaml:1:5: ")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(BlockError, match="byte 0xe9 is not UTF-8"):
        read_block(tmp_path / "latin.yaml")
    with pytest.raises(BlockError, match="no such file; expected a block file"):
        read_block(tmp_path / "none.yaml")


def test_blocks_are_found_in_the_first_folder_that_has_them(tmp_path: Path) -> None:
    for folder, channels in (("own", 1), ("shipped", 3)):
        (tmp_path / folder).mkdir()
        text = SMALL.replace("[1, 4, 4]", f"[{channels}, 4, 4]")
        (tmp_path / folder / "small.yaml").write_text(text)
    (tmp_path / "shipped" / "other.yaml").write_text(SMALL.replace("small", "other"))
    (tmp_path / "shipped" / "not a block.yaml").write_text("")
    (tmp_path / "shipped" / "notes.txt").write_text("")
    folders = [tmp_path / "own", tmp_path / "none", tmp_path / "shipped"]
    assert list_blocks(folders) == {
        "other": tmp_path / "shipped" / "other.yaml",
        "small": tmp_path / "own" / "small.yaml",
    }
    assert find_block("small", folders).input == (1, 4, 4)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("v2.yaml", SMALL),
        ("v2.yaml", SMALL.replace("name: small", "name:  'small'  # as in the paper")),
        ("v2.yaml", "{layers: {name: {type: relu}}, input: [1, 4, 4], name: small, legonet-block: 1}"),
        (
            "v2.json",
            '{"layers": {"a": {"type": "relu"}}, "name": "small", "input": [1, 4, 4], "legonet-block": 1}',
        ),
    ],
)
def test_a_block_has_the_name_that_it_says(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    assert list_blocks([tmp_path]) == {"small": tmp_path / file}
    assert find_block("small", [tmp_path]).name == "small"
    with pytest.raises(
        BlockError, match=r"no block 'v2' .*; blocks are small\. .*v2\..* holds the block 'small'\."
    ):
        find_block("v2", [tmp_path])


def test_two_blocks_of_one_name_in_a_folder(tmp_path: Path) -> None:
    for file in ("a.yaml", "b.yaml"):
        (tmp_path / file).write_text(SMALL)
    with pytest.raises(BlockError) as caught:
        find_block("small", [tmp_path])
    assert str(caught.value) == (
        f"{tmp_path / 'b.yaml'}: found the name 'small', which {tmp_path / 'a.yaml'} has too; expected one "
        "block of a name; change the `name` in one of them"
    )


@pytest.mark.parametrize("name", ["smal", "../small", "/etc/passwd", "", "small.yaml"])
def test_an_unknown_block(tmp_path: Path, name: str) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    suggestion = " Did you mean 'small'?" if name in ("smal", "../small", "small.yaml") else ""
    with pytest.raises(BlockError) as caught:
        find_block(name, [tmp_path])
    assert str(caught.value) == (f"no block '{name}' in {tmp_path}; blocks are small.{suggestion}")


def test_a_block_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    read_block(path)
    path.write_text(SMALL.replace("[1, 4, 4]", "[1, 9, 9]"))
    assert read_block(path).input == (1, 9, 9)


@pytest.mark.parametrize("path", sorted(shipped_folder("blocks").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_json_schema_accepts_shipped_blocks(path: Path) -> None:
    data, _ = parse_yaml(path.read_bytes(), path.name)
    jsonschema.Draft202012Validator(model_schema(Block)).validate(data)


def test_reading_blocks_needs_no_torch() -> None:
    code = (
        "import sys, legonet.blocks.files as files, legonet.ir.sizes, legonet.teachers.weights.parts, "
        "legonet.store.workspace as w, legonet.store.modules\n"
        "folders = [w.shipped_folder('blocks')]\n"
        "[files.find_block(name, folders) for name in files.list_blocks(folders)]\n"
        "assert 'torch' not in sys.modules and 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_installed_wheel_finds_its_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a wheel, blocks lie inside the package; a stranger's folder beside it is not taken for them."""
    package = tmp_path / "site-packages" / "legonet"
    (package / "examples" / "blocks").mkdir(parents=True)
    (tmp_path / "site-packages" / "blocks").mkdir()
    monkeypatch.setattr("legonet.store.workspace.__file__", str(package / "store" / "workspace.py"))
    assert shipped_folder("blocks") == package / "examples" / "blocks"
